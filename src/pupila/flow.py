"""Stages in a row: what the Python face and the command line call, for one stage or for several."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pupila import files
from pupila.dataset.formats.manifest import root_of
from pupila.dataset.manifest import Dataset
from pupila.dataset.open import open as open_data
from pupila.dataset.openings import bring_back, set_aside
from pupila.dataset.splits import SplitFile, fitting_split
from pupila.doctor.examine import examine
from pupila.doctor.faults import Fault, title
from pupila.errors import PupilaError
from pupila.explore.colour import colours
from pupila.explore.fingerprint import fingerprint
from pupila.explore.neighbours import laid_out
from pupila.explore.page import explore_page
from pupila.images.bands import BandSettings
from pupila.messages import listing, say
from pupila.report.page import render
from pupila.split.make import make_split
from pupila.split.settings import SplitSettings
from pupila.vocabulary import (
    EXPLORE_FILE,
    FINGERPRINT_FILE,
    SPLIT_WORDS,
    SPLITS,
    SPLITS_FILE,
    TRAIN,
)

Data = str | Path | Dataset
Tell = Callable[[dict[str, Any]], None]
if TYPE_CHECKING:
    from pupila.collect.visit import Visited
    from pupila.convert.convert import Converted
    from pupila.evaluate.run import Evaluated
    from pupila.label.run import Labelled, Labelling
    from pupila.train.run import Run
    from pupila.train.settings import TrainPlan


@dataclass(frozen=True, slots=True)
class Explored:
    """Where the results of exploring lie."""

    fingerprint: dict[str, Any]
    fingerprint_file: str
    page: str  # path of explore.html


def collect(
    site: str,
    *,
    out: str | Path,
    limit: int | None = None,
    resume: bool = False,
    browser: str | None = None,
    **wish: Any,
) -> "Visited":
    """Collect products and their images from a web shop into a data set, and save its manifest.

    Args:
        site: a YAML file, or the name of a site that comes with Pupila: disco, vtex or static.
        out: folder or URI, new or empty, or that of the collection to go on with.
        limit: products, the first of the listing; None: all.
        resume: go on with a visit that was ended early, or visit once more: only what is new is fetched.
        browser: path of Chromium; by default one on PATH.
        wish: fields of `Site`, which replace those of the file.

    Raises:
        PupilaError: see `pupila.collect.visit.visit`; or none of the images can be used.
    """
    from pupila.collect.site import read_site
    from pupila.collect.visit import Wish, visit

    done = visit(read_site(site, wish), str(out), Wish(limit, resume, browser))
    if done.images:
        open_data(done.folder).save(done.folder)
    return done


def doctor(data: Data, *, run: str | Path | None = None, **read: Any) -> list[Fault]:
    """Examine a data set.

    Args:
        data: whatever `pupila.open` takes.
        run: folder of a run; masks that disagree with its answers to unseen images are ranked.
        read: fields of `ReadSettings`, where the data are not open yet.

    Returns:
        All faults, errors first; empty where nothing was found.

    Raises:
        PupilaError: the run has no answers to masks of these data.
    """
    return examine(open_data(data, **read), None if run is None else str(run))


def split(data: Data, *, out: str | Path | None = None, replace: bool = False, **wish: Any) -> SplitFile:
    """Make `splits.json` (and the manifest beside it).

    Args:
        data: whatever `pupila.open` takes.
        out: folder for both files; by default that of the data.
        replace: overwrite another split; the old one is kept under its hash.
        wish: fields of `SplitSettings`.

    Raises:
        PupilaError: see `make_split`; or another split is there and `replace` is not set.
    """
    settings = SplitSettings.wish(wish, "split")
    opened = open_data(data)
    home = _home(opened, out)
    made = make_split(opened, settings)
    old = None if replace and not _readable(home) else SplitFile.read(home)
    if old is not None and (old.hash, old.data_hash, old.settings) != (
        made.hash,
        made.data_hash,
        made.settings,
    ):
        if not replace:
            raise PupilaError(
                say("Another split is there already"), found=files.join(home, SPLITS_FILE),
                wanted=say("one sealed test split for good: drawing again after a look at it is cheating oneself"),
                remedy=say("--replace keeps the old one under its hash; --out FOLDER leaves it alone"),
            )  # fmt: skip
        set_aside(home, old.hash)
    opened.save(home)
    made.write(home)
    bring_back(home, made.hash)
    return made


def _readable(home: str) -> bool:
    try:
        return SplitFile.read(home) is not None
    except PupilaError:
        return False


def explore(
    data: Data, *, out: str | Path | None = None, bundle: str | Path | None = None, **read: Any
) -> Explored:
    """Write `fingerprint.json` and `explore.html`: the doctor's findings and the splits are part of them.

    Args:
        data: whatever `pupila.open` takes.
        out: folder for both files; by default that of the data.
        bundle: folder of a bundle or a run by whose eyes images are alike on the map; None: by their colours.
        read: fields of `ReadSettings`, where the data are not open yet.

    Raises:
        PupilaError: no such bundle, or one that answers to prompts.
    """
    opened = open_data(data, **read)
    home = _home(opened, out)
    found = colours(opened)
    around = laid_out(opened, found, None if bundle is None else str(bundle))
    faults = examine(opened)
    splits = fitting_split(opened, home)
    told = fingerprint(opened, [fault.as_dict() for fault in faults], found, around, splits)
    sides = [a.split for a in splits.images] if splits else None
    page = explore_page(opened, told, {fault.code: title(fault.code) for fault in faults}, around, sides)
    fingerprint_file, page_file = files.join(home, FINGERPRINT_FILE), files.join(home, EXPLORE_FILE)
    files.write_json(fingerprint_file, told)
    files.write_bytes(page_file, render(page).encode())
    opened.save(home)
    return Explored(told, fingerprint_file, page_file)


def label(
    data: Data, *, with_: str, limit: int | None = None, everything: bool = False, **wish: Any
) -> "Labelled":
    """Label images, and append what was said to the history.

    Args:
        data: whatever `pupila.open` takes.
        with_: vlm:MODEL, roboflow:PROJECT/VERSION, bundle:FOLDER or csv:FILE.
        limit: most pictures to ask for.
        everything: also ask a machine for what a person or the data labelled; their labels stay in force.
        wish: fields of the labeller's settings.

    Raises:
        PupilaError: the labeller can't label these data, or nothing more can be had from it; what it said before is
            in the history.
    """
    return labelling(data, with_=with_, limit=limit, everything=everything, **wish).run()


def labelling(
    data: Data, *, with_: str, limit: int | None = None, everything: bool = False, **wish: Any
) -> "Labelling":
    """What `label` would do, before it does: whom it asks for which images, and what that takes."""
    from pupila.label.choose import choose
    from pupila.label.labellers import labeller_of
    from pupila.label.run import Labelling

    opened = open_data(data)
    labeller = labeller_of(with_, wish, opened)
    return Labelling(opened, labeller, choose(opened, labeller, everything, limit))


def convert(data: Data, *, to: str, out: str | Path, **read: Any) -> "Converted":
    """Write the images and masks as other tools read them, by the split that is there.

    Args:
        data: whatever `pupila.open` takes, with masks.
        to: masks, coco or yolo.
        out: a new or an empty folder.
        read: fields of `ReadSettings`, where the data are not open yet.

    Raises:
        PupilaError: see `pupila.convert.convert.convert`.
    """
    from pupila.convert.convert import convert as write

    opened = open_data(data, **read)
    made = fitting_split(opened, opened.home)
    given = opened.images["given_split"].to_list()
    return write(opened, to, str(out), [one.split for one in made.images] if made else given)


def train(
    data: Data,
    *,
    out: str | Path | None = None,
    resume: bool = False,
    tell: Tell = lambda line: None,
    **wish: Any,
) -> "Run":
    """Train a model and write its run folder, with the bundle in it; data that were not split are split first.

    Args:
        data: whatever `pupila.open` takes.
        out: folder of the run; by default `runs/<data>-<model>` where the command was given.
        resume: go on with the run that is there.
        tell: called with each line of the log.
        wish: fields of `TrainSettings`; `folds` for data that are not split yet; and, for TIFFs, those of
            `BandSettings`, where the data are not open yet.

    Raises:
        PupilaError: see `pupila.train.run.Trainer`.
    """
    from pupila.models.settings import USUAL
    from pupila.train.run import Trainer, free_folder
    from pupila.train.settings import TrainSettings

    folds, read = wish.pop("folds", None), _bands(wish)
    settings = TrainSettings.wish(wish, "train")
    if resume and out is None:
        raise PupilaError(
            say("Which run is to go on was not said"),
            found="--resume",
            wanted=say("its folder"),
            remedy="--resume --out runs/NAME",
        )
    if out is not None and files.is_remote(str(out)):
        raise PupilaError(
            say("A run is written on this machine's disk"), found=str(out), wanted=say("a folder on disk"),
            remedy=say("train here and copy the run's bundle into the store: predict and evaluate read it there"),
        )  # fmt: skip
    opened = _labelled(data, read)
    splits = _agreed_split(opened, folds) or split(opened, folds=folds)
    assert opened.task is not None  # it has labels
    model = USUAL[opened.task.name] if settings.model == "auto" else Path(settings.model).name
    folder = str(out) if out is not None else free_folder(f"runs/{Path(opened.root).name}-{model}")
    return Trainer(opened, splits, folder, tell).run(settings, resume)


def plan(data: Data, **wish: Any) -> "TrainPlan":
    """The plan of a training, every "auto" decided; nothing is trained and nothing written beside the data."""
    from pupila.train.run import Trainer
    from pupila.train.settings import TrainSettings

    folds, read = wish.pop("folds", None), _bands(wish)
    settings = TrainSettings.wish(wish, "train")
    opened = _labelled(data, read)
    splits = _agreed_split(opened, folds) or make_split(opened, SplitSettings.wish({"folds": folds}, "split"))
    return Trainer(opened, splits, "").plan(settings)


def evaluate(
    model: str | Path,
    data: Data,
    *,
    split: str | None = None,
    against: Sequence[str | Path] = (),
    threshold: str | None = None,
    out: str | Path | None = None,
) -> "Evaluated":
    """Judge a model with intervals, compare it with others, and write `report.json` and `report.html`.

    A promptable model is judged by prompts that are drawn from the masks; they are written into `prompts.jsonl`.

    Args:
        model: a bundle, a run (judged on what it answered while it trained; a promptable one by its bundle) or a table
            of answers.
        data: whatever `pupila.open` takes; it has to be split.
        split: train, validation, or test, which is sealed: each look is noted and a second one said. None: test, or
            for runs alone, none of them promptable, the images of validation, or of all folds.
        against: other models, compared on the same images.
        threshold: objective for a binary task, tuned on validation; `CLASS:` before it names the class it is for.
        out: folder of the report; by default `evaluation-<split>` beside the bundle or the table.

    Raises:
        PupilaError: see `pupila.evaluate.run.evaluate_models`; or the data are not split.
    """
    from pupila.evaluate.answers import answers_prompts, is_run
    from pupila.evaluate.prompt.run import evaluate_prompts
    from pupila.evaluate.run import evaluate_models, write

    opened = open_data(data)
    splits = fitting_split(opened, opened.home)
    if splits is None:
        raise PupilaError(
            say("These data are not split"), found=say("no splits.json that was made from them"),
            wanted=say("the split that the model was trained with"), remedy="pupila split DATA",
        )  # fmt: skip
    paths = [str(path).replace(os.sep, "/").rstrip("/") for path in (model, *against)]
    find = evaluate_prompts if any(map(answers_prompts, paths)) else evaluate_models
    found = find(paths, opened, splits, split and _split_named(split), threshold)
    own = is_run(paths[0]) or files.is_folder(files.join(paths[0], "bundle"))
    folder = paths[0] if own else files.parent(paths[0])
    place = str(out) if out is not None else files.join(folder, f"evaluation-{found.evaluation['split']}")
    return write(found, opened, place)


def _split_named(name: str) -> str:
    if name.lower() not in SPLIT_WORDS:
        raise PupilaError(say("No such split"), found=name, wanted=listing(list(SPLITS)))
    return SPLIT_WORDS[name.lower()]


def preview(data: Data, out: str | Path, **wish: Any) -> None:
    """Write a PNG of training images, each as it is and in its first augmented views."""
    from pupila.train.preview import preview_sheet
    from pupila.train.settings import TrainSettings

    opened = open_data(data, **_bands(wish))
    splits = fitting_split(opened, opened.home)
    rows = (
        [row for row, a in enumerate(splits.images) if a.split == TRAIN]
        if splits
        else list(range(len(opened)))
    )
    files.write_bytes(str(out), preview_sheet(opened, rows, TrainSettings.wish(wish, "train")))


def _bands(wish: dict[str, Any]) -> dict[str, Any]:
    """What a wish for training says of the bands of TIFFs, taken out of it: it is for reading."""
    return {name: wish.pop(name) for name in BandSettings.model_fields if name in wish}


def _labelled(data: Data, read: dict[str, Any]) -> Dataset:
    """The data, opened, if there is something to learn."""
    opened = open_data(data, **read)
    if opened.task is None:
        raise PupilaError(
            say("No labels to learn from"), found=opened.layout, wanted=say("a folder per class, or a table")
        )
    return opened


def _agreed_split(data: Dataset, folds: int | None) -> SplitFile | None:
    """The split beside the data, if there is one; it has to have the folds that are wished."""
    found = fitting_split(data, data.home)
    if found is not None and folds is not None and found.settings.get("folds") != folds:
        raise PupilaError(
            say("The data are split otherwise"),
            found=say("folds={folds} in splits.json", folds=found.settings.get("folds")),
            wanted=f"folds={folds}", remedy=f"pupila split DATA --folds {folds} --replace",
        )  # fmt: skip
    return found


def _home(data: Dataset, out: str | Path | None) -> str:
    """Where the data set's own files go.

    Raises:
        PupilaError: another data set's manifest is there.
    """
    home = str(out) if out is not None else data.home
    theirs = root_of(home)
    if theirs is not None and files.absolute(theirs) != files.absolute(data.root):
        raise PupilaError(
            say("The manifest of another data set is in {home}", home=home), found=say("images of {root}", root=theirs),
            wanted=say("images of {root}", root=data.root), remedy=say("another --out FOLDER"),
        )  # fmt: skip
    return home
