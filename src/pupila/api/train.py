"""Train a model, plan a training, and preview its augmentation."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pupila.artifacts.dataset.open import open as open_data
from pupila.artifacts.dataset.splits import fitting_split
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.vocabulary import (
    TRAIN,
)
from pupila.imaging.images.bands import BandSettings
from pupila.stages.split.make import make_split
from pupila.stages.split.settings import SplitSettings

if TYPE_CHECKING:
    from pupila.stages.train.run import Run
    from pupila.stages.train.settings import TrainPlan
from pupila.api.data import Data, Tell, agreed_split, open_labelled
from pupila.api.split import split


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
        PupilaError: see `pupila.stages.train.run.Trainer`.
    """
    from pupila.learning.models.settings import USUAL
    from pupila.stages.train.run import Trainer, free_folder
    from pupila.stages.train.settings import TrainSettings

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
    opened = open_labelled(data, read)
    splits = agreed_split(opened, folds) or split(opened, folds=folds)
    assert opened.task is not None  # it has labels
    model = USUAL[opened.task.name] if settings.model == "auto" else Path(settings.model).name
    folder = str(out) if out is not None else free_folder(f"runs/{Path(opened.root).name}-{model}")
    return Trainer(opened, splits, folder, tell).run(settings, resume)


def make_plan(data: Data, **wish: Any) -> "TrainPlan":
    """The plan of a training, every "auto" decided; nothing is trained and nothing written beside the data."""
    from pupila.stages.train.run import Trainer
    from pupila.stages.train.settings import TrainSettings

    folds, read = wish.pop("folds", None), _bands(wish)
    settings = TrainSettings.wish(wish, "train")
    opened = open_labelled(data, read)
    splits = agreed_split(opened, folds) or make_split(opened, SplitSettings.wish({"folds": folds}, "split"))
    return Trainer(opened, splits, "").plan(settings)


def preview(data: Data, out: str | Path, **wish: Any) -> None:
    """Write a PNG of training images, each as it is and in its first augmented views."""
    from pupila.stages.train.preview import preview_sheet
    from pupila.stages.train.settings import TrainSettings

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
