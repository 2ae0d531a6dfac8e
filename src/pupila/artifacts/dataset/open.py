"""Open a data set: detect the layout, read every image, and collect what is odd."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl

from pupila.artifacts.dataset.added import list_added
from pupila.artifacts.dataset.bands import read_scaled_facts
from pupila.artifacts.dataset.formats import FORMATS
from pupila.artifacts.dataset.formats.folders.passed_folders import describe_passed_folders
from pupila.artifacts.dataset.formats.listing import Listing, Oddity
from pupila.artifacts.dataset.formats.place import Place
from pupila.artifacts.dataset.formats.system_files import count_system_files, find_unopened, list_unopened
from pupila.artifacts.dataset.formats.tables.found_table import describe_passed_tables
from pupila.artifacts.dataset.formats.tables.labels_file import refuse_unread_labels
from pupila.artifacts.dataset.formats.tables.split_lists import apply_split_lists
from pupila.artifacts.dataset.formats.tables.table import asks_for_several
from pupila.artifacts.dataset.formats.tables.table_file import retain_tables
from pupila.artifacts.dataset.formats.tables.unread_tables import (
    describe_broken_tables,
    describe_rowless_folders,
    describe_unread_tables,
)
from pupila.artifacts.dataset.formats.tools.annotation_tools import TOOLS
from pupila.artifacts.dataset.home import find_home
from pupila.artifacts.dataset.labelling.class_columns import refuse_unread_columns
from pupila.artifacts.dataset.labelling.class_words import (
    describe_similar_classes,
    refuse_unprintable_classes,
)
from pupila.artifacts.dataset.labelling.coded_classes import name_coded_classes
from pupila.artifacts.dataset.labelling.copies import unite_copies
from pupila.artifacts.dataset.labelling.history import settle_history
from pupila.artifacts.dataset.labelling.settle import recall_layout, settle_labels
from pupila.artifacts.dataset.labels import apply_labels, read_history
from pupila.artifacts.dataset.manifest import INTERNAL, MANIFEST, Dataset
from pupila.artifacts.dataset.reading import ReadSettings, has_wrong_extension
from pupila.artifacts.dataset.targets import TARGETS
from pupila.core import files
from pupila.core.errors import MissingExtra, PupilaError, name_unread_files
from pupila.core.messages import listing, say
from pupila.core.settings import closest
from pupila.core.vocabulary import TABLE_SUFFIXES

_RUN_LENGTHS = "run-lengths"
_MANIFEST = "manifest"  # it keeps the layout that it was saved with
_WEB = ("http://", "https://")
_FILES = (*TABLE_SUFFIXES, ".json", ".yaml", ".yml")  # of tables and annotations
_SHOWN = 3  # files that can't be opened, in an error
_SKIPPED = {"subject": pl.String, "code": pl.String, "reason": pl.String}


def open(path: str | Path | Dataset, settings: ReadSettings | None = None) -> Dataset:
    """Open images with whatever labels, groups and splits they come with.

    Args:
        path: a folder per class (also below train/val/test), a flat folder, images beside masks, COCO or YOLO
            annotations, a CSV, Parquet or JSON-lines table, a folder with Hugging Face's metadata file, a saved
            manifest, or an open data set.
        settings: limits, bands and threads; None: the defaults. An open data set stays as it is.

    Raises:
        PupilaError: the path does not exist, holds no images, or has no layout that Pupila reads; or one of its
            files can't be read.
    """
    if isinstance(path, Dataset):
        return path
    uri = str(path)
    if uri.lower().startswith(_WEB):
        raise PupilaError(
            say("No data set is read from the web"), actual=uri, expected=say("a path, or s3://bucket/prefix"),
            remedy=say("download it into a folder, or collect images from a site: pupila collect SITE --out FOLDER"),
        )  # fmt: skip
    if not files.exists(uri):
        raise PupilaError(
            say("The data set does not exist"), actual=uri,
            expected=say("a folder of images, a table, annotations, or a saved manifest"), remedy=_find_sibling(uri),
        )  # fmt: skip
    with name_unread_files(uri), files.cache_listing(uri):
        settings, notes = recall_layout(uri, settings or ReadSettings())
        named = "masks" if settings.layout == "auto" and settings.masks != "auto" else settings.layout
        place = Place(uri)
        with retain_tables():
            source = _read_source(place, named, settings, notes)
        if source is not None:
            return _assemble(replace(source, source=source.source or uri), settings)
    if named != "auto":
        raise PupilaError(
            say("The data are not laid out as {layout}", layout=named),
            actual="; ".join([uri, *place.describe_unread()]),
            expected=say("data of this layout"), remedy=say("leave out {flag}", flag="--layout"),
        )  # fmt: skip
    raise PupilaError(
        say("Unknown data layout in {path}", path=uri), actual=say("a file"),
        expected=say("a folder, a CSV, Parquet or JSON-lines table, COCO JSON, data.yaml, or pupila.parquet"),
    )  # fmt: skip


def _read_source(place: Place, named: str, settings: ReadSettings, notes: list[str]) -> Listing | None:
    """What the first layout that fits reads; None where none does.

    Args:
        place: of the data.
        named: the layout that the user names, or auto.
        settings: as requested.
        notes: for the user, before those on the layout.
    """
    for layout, read in FORMATS.items():
        if named not in ("auto", layout) and layout != _MANIFEST:
            continue
        refuse_unread_labels(settings, layout)
        with _adding_unread(place):
            source = read(place, settings)
        if source is None:
            continue
        if layout != _MANIFEST:
            broken = describe_broken_tables(place, source.tables) if place.is_folder else []
            source = place.doubt_unread(apply_split_lists(place, source), broken)
        if place.is_folder and layout != _MANIFEST:
            own = _annotation_files(place) if layout in TOOLS else set()
            notes += describe_unread_tables(source.root, [*source.tables, *own])
            notes += (
                describe_rowless_folders(place, source) if layout == _RUN_LENGTHS or source.tables else []
            )
            notes += _describe_passed_tables(place, layout, source, settings)
            notes += describe_passed_folders(place, layout, source, settings)
            source = replace(source, oddities=[*source.oddities, *list_unopened(source)])
        return replace(source, notes=[*notes, *source.notes])
    return None


@contextlib.contextmanager
def _adding_unread(place: Place) -> Iterator[None]:
    """Within it, errors name the files that can't be opened and may hold what was looked for."""
    try:
        yield
    except PupilaError as fault:
        unread = [] if isinstance(fault, MissingExtra) else place.describe_unread()
        if place.is_folder and not isinstance(fault, MissingExtra):
            unread += [f"{each.subject}: {each.reason}" for each in find_unopened(place.root)[:_SHOWN]]
        if not unread:
            raise
        actual = "; ".join(filter(None, [fault.actual, *(sentence.rstrip(".") for sentence in unread)]))
        raise PupilaError(fault.problem, actual, fault.expected, fault.remedy) from fault


def _describe_passed_tables(place: Place, layout: str, source: Listing, settings: ReadSettings) -> list[str]:
    """Notes on tables that may hold labels, where folders or masks are the labels and the user did not say so."""
    decided = settings.layout != "auto" or settings.labels != "auto" or settings.masks != "auto"
    if decided or layout not in ("folders", "masks") or source.tables or not source.rows["target"].count():
        return []
    return describe_passed_tables(place.root, place.images, _annotation_files(place))


def _annotation_files(place: Place) -> set[str]:
    """The addresses of the files of annotation tools."""
    tools = place.annotations
    return {files.join(tools.root, path) for by_path in tools.by_tool.values() for path in by_path}


def _find_sibling(uri: str) -> str:
    """The folder or table beside it that is spelt most like it; empty where there is none."""
    path = Path(uri)
    if files.is_remote(uri) or not path.parent.is_dir():
        return ""
    names = [child.name for child in path.parent.iterdir()
             if child.is_dir() or child.name.lower().endswith(_FILES)]  # fmt: skip
    close = closest(path.name, sorted(name for name in names if not name.startswith(".")))
    return (path.parent / close).as_posix() if close else ""


def _settle(source: Listing, settings: ReadSettings, history: pl.DataFrame) -> tuple[Listing, pl.DataFrame]:
    """The listing with its targets, and the labels of the history that are of their kind.

    Raises:
        PupilaError: the labels are none of the requested task, or can't be read.
    """
    requested = settings.requested_task()
    coded = settle_labels(source, requested)
    settled = name_coded_classes(coded)
    if settled is not coded and settled.target == "class":
        # Labels that were given before the classes had names.
        names = dict(zip(coded.rows["target"], settled.rows["target"], strict=True))
        history = history.with_columns(
            pl.col("target").replace({old: new for old, new in names.items() if old})
        )
    silent = settled.cells and not settled.rows["target"].count() and history.is_empty()
    if silent and asks_for_several(settings) and (fault := refuse_unread_columns(source.rows)):
        raise fault
    return settle_history(settled, requested, history)


def _assemble(source: Listing, settings: ReadSettings) -> Dataset:
    home = find_home(source.home)
    requested = settings.requested_task()
    source, history = _settle(list_added(source, home), settings, read_history(home))
    settings, facts, cache, scaled = read_scaled_facts(source, home, settings)
    facts = facts.drop("image", "bytes", "modified")
    ours = [*facts.columns, "given_target"]
    own = source.rows.rename({name: f"{name}_" for name in ours if name in source.rows.columns})
    joined = pl.concat([own, facts], how="horizontal").sort("image")
    joined, copies = unite_copies(source, joined)
    frame = apply_labels(joined, history, masks=source.target == "mask")
    broken = frame.filter(pl.col("fault").is_not_null())
    good = frame.filter(pl.col("fault").is_null())
    if good.is_empty():
        faults = list(broken.select("image", "reason").iter_rows())
        faults += [(oddity.subject, oddity.reason) for oddity in source.oddities]
        raise PupilaError(
            say("No readable image in {path}", path=source.root),
            actual=listing([f"{subject} ({reason})" if reason else subject for subject, reason in faults], 3),
            expected=say("images in common formats, such as JPEG, PNG, WebP or TIFF"),
        )  # fmt: skip
    good = good.select([*MANIFEST, *(n for n in good.columns if n not in MANIFEST and n not in INTERNAL),
                        *(n for n in INTERNAL if n in good.columns)])  # fmt: skip
    oddities = source.oddities + [
        Oddity(image, code, reason)
        for image, code, reason in broken.select("image", "fault", "reason").iter_rows()
    ]
    oddities += [
        Oddity(image, "wrong-extension", say("contains {format} data", format=format))
        for image, format in good.select("image", "format").iter_rows() if has_wrong_extension(image, format)
    ]  # fmt: skip
    oddities += _find_changed(good)
    oddities, left_out = count_system_files(oddities)
    reader = TARGETS[source.target]
    read = reader.read(source, frame, good, oddities, settings)
    good = read.images
    skipped = pl.DataFrame(
        [(o.subject, o.code, o.reason) for o in read.oddities], schema=_SKIPPED, orient="row"
    )
    data = Dataset(
        source.root,
        home,
        source.layout,
        None if good["target"].null_count() == good.height else reader.task,
        good,
        skipped,
        list(dict.fromkeys([*source.notes, *scaled, *copies, *read.notes, *left_out])),
        cache,
        read.label_map,
        settings.band_settings(),
        settings.limits(),
        reader.task if requested and requested.target == source.target else None,
        settings.layout_settings(),
        source.doubt,
        source.source,
    )
    refuse_unprintable_classes(data)
    return replace(data, notes=[*data.notes, *describe_similar_classes(data.classes)])


def _find_changed(good: pl.DataFrame) -> list[Oddity]:
    if "saved_sha256" not in good.columns:
        return []
    changed = good.filter(pl.col("saved_sha256").is_not_null() & (pl.col("saved_sha256") != pl.col("sha256")))
    return [
        Oddity(image, "changed-file", say("the file has changed since the manifest was saved"))
        for image in changed["image"]
    ]
