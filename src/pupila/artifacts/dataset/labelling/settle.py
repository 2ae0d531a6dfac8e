"""Decide what the labels of a layout are: one class per image, several, or masks; every decision is a note."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from pupila.artifacts.dataset.formats.listing import UNREADABLE_LABEL, Listing, Oddity
from pupila.artifacts.dataset.formats.manifest import read_manifest_layout
from pupila.artifacts.dataset.home import find_home
from pupila.artifacts.dataset.labelling.class_columns import describe_lone_column, find_class_columns
from pupila.artifacts.dataset.labelling.class_text import clean_class_names, drop_empty_words
from pupila.artifacts.dataset.labelling.label_rows import MULTILABEL_FLAG, LabelRows
from pupila.artifacts.dataset.labelling.list_cells import says_nothing
from pupila.artifacts.dataset.labelling.listed import doubtful_separator, find_listed_labels, read_contents
from pupila.artifacts.dataset.reading import ReadSettings
from pupila.artifacts.dataset.targets import TARGETS
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count, translate
from pupila.tasks.classify import CLASSIFY
from pupila.tasks.label_text import read_labels
from pupila.tasks.multilabel import MULTILABEL
from pupila.tasks.task import Task


def recall_layout(uri: str, settings: ReadSettings) -> tuple[ReadSettings, list[str]]:
    """The settings with the layout that was given when the manifest beside them was saved, where none is given now.

    A note says so.

    Args:
        uri: folder or file of the data.
        settings: as requested.

    Raises:
        PupilaError: a manifest that this Pupila can't read.
    """
    folder = uri if files.is_folder(uri) else files.parent(uri)
    homes = dict.fromkeys((find_home(folder), folder))
    saved = next(filter(None, map(read_manifest_layout, homes)), {})
    recalled = {name: value for name, value in saved.items() if name not in settings.model_fields_set}
    if not recalled:
        return settings, []
    flags = " ".join(f"--{name} {value}" for name, value in recalled.items())
    note = say("The data are read with {flags}, as the saved manifest has it; {forget} forgets that.",
               flags=flags, forget=f"--{next(iter(recalled))} auto")  # fmt: skip
    return ReadSettings(**{**settings.model_dump(exclude_unset=True), **recalled}), [note]


def settle_labels(source: Listing, requested: Task | None, classes: Sequence[str] = ()) -> Listing:
    """The listing with targets of one kind, and one row for each image.

    Args:
        source: as its layout's reader gives it.
        requested: the task that the user named; None: as the data suggest.
        classes: that a label which names what is present is about; none: those of the listing.

    Raises:
        PupilaError: the labels are no labels of the requested task.
    """
    if source.target == CLASSIFY.target:
        source = clean_class_names(source)
    labelled = source.rows["target"].null_count() < source.rows.height
    if source.cells and labelled and requested == MULTILABEL:
        source = replace(source, notes=[*source.notes, *_describe_columns_beside(source)])
    if requested and not (TARGETS[requested.target].from_labels and _names_classes(source)):
        unread = source.cells and not labelled and find_class_columns(source.rows, several=False) is not None
        if (labelled or unread) and requested.target != source.target:
            raise PupilaError(
                say("The labels are not for the task {task}", task=requested.name), actual=source.layout,
                expected=say("labels for {task}", task=translate(requested.title)),
                remedy=say("leave out {flag}", flag="--task"),
            )  # fmt: skip
        if requested.target != source.target:
            note = say(
                "No image has a label for the task {task} yet: naming it changes nothing.",
                task=requested.name,
            )
            source = replace(source, notes=[*source.notes, note])
        return _with_first_rows(source)
    labels = _read_labels(source, labelled, requested, classes)
    if labels is None:
        target = requested.target if requested and not labelled else source.target
        if source.cells and not labelled and not requested:
            source = replace(source, notes=[*source.notes, *describe_lone_column(source.rows)])
        if source.cells and target == CLASSIFY.target:
            source = drop_empty_words(source)
        return _with_first_rows(replace(source, target=target))
    return _with_labels(source, labels, requested)


def _describe_columns_beside(source: Listing) -> list[str]:
    """A note where a column of labels is read, although there are columns that could be classes."""
    beside = find_class_columns(source.rows, several=True)
    return [] if beside is None else [
        say("The column of labels counts; columns of yes and no stay yours: {names}.",
            names=listing(list(beside.columns), 8))
    ]  # fmt: skip


def _names_classes(source: Listing) -> bool:
    """Whether its targets are, or can become, names of classes."""
    return TARGETS[source.target].from_labels is not None


def _read_labels(
    source: Listing, labelled: bool, requested: Task | None, classes: Sequence[str]
) -> LabelRows | None:
    """The labels where they are not one class for each image."""
    several = None if requested is None else requested.target == MULTILABEL.target
    cells = source.rows["target"].to_list()
    if source.target == MULTILABEL.target:
        known = [None if cell is None else read_labels(cell) for cell in cells]
        return (
            LabelRows(known, sorted({name for row in known for name in row or ()}), False)
            if requested
            else None
        )
    if source.target != CLASSIFY.target:
        return None
    if source.cells and not labelled:
        return find_class_columns(source.rows, several is True)
    if source.cells:
        return find_listed_labels(cells, several, classes)
    names = {cell: [cell] for cell in cells if cell is not None and not says_nothing(cell)}
    return read_contents(cells, names, []) if several and labelled else None


def _with_labels(source: Listing, labels: LabelRows, requested: Task | None) -> Listing:
    """The listing with these labels as its targets."""
    notes = list(labels.notes)
    each = labels.exclude_each_other
    task = requested or (CLASSIFY if each else MULTILABEL)
    rows = source.rows
    images = rows["image"].to_list()
    oddities = [Oddity(images[row], UNREADABLE_LABEL, why) for row, why in labels.unreadable.items()]
    if oddities:
        notes.append(say_count("{n} label can't be read and counts as none: {reasons}.",
                               "{n} labels can't be read and count as none: {reasons}.", len(oddities),
                               reasons=listing(sorted({oddity.reason for oddity in oddities}), 3)))  # fmt: skip
    if task.target == MULTILABEL.target and len(set(images)) < len(images):
        united, contradictions = replace(labels, closed=labels.closed or each).unite(images)
        labels = replace(united, closed=labels.closed)
        rows = rows.unique("image", keep="first", maintain_order=True)
        spoilt = {images[row] for row in labels.unreadable}
        known = [
            None if image in spoilt else row for image, row in zip(rows["image"], labels.rows, strict=True)
        ]
        labels = replace(labels, rows=known)
        notes.append(say_count("{n} image has several rows; their labels are united.",
                               "{n} images have several rows; their labels are united.",
                               sum(count > 1 for count in Counter(images).values())))  # fmt: skip
        oddities += [
            Oddity(image, "conflicting-rows",
                   say("its rows contradict each other: {names}; unknown there", names=listing(names)))
            for image, names in contradictions.items()
        ]  # fmt: skip
    targets = _write_targets(rows, labels, task)
    if requested is None and each:
        notes.append(say("Every image shows exactly one class, so the classes exclude each other: one class per image. "
                         "{flag} reads every class by itself.", flag=MULTILABEL_FLAG))  # fmt: skip
    left = rows.drop([name for name in labels.columns if name in rows.columns])
    settled = replace(
        source, rows=left.with_columns(target=pl.Series(targets, dtype=pl.String)), target=task.target,
        notes=[*source.notes, *notes], oddities=[*source.oddities, *oddities],
    )  # fmt: skip
    return settled if task.target == MULTILABEL.target else _with_first_rows(settled)


def _write_targets(rows: pl.DataFrame, labels: LabelRows, task: Task) -> list[str | None]:
    """The targets of the task.

    Raises:
        PupilaError: an image shows none or several classes where it must show one.
    """
    write = TARGETS[task.target].from_labels
    assert write is not None, task
    targets = write(labels.rows)
    lost = [image for image, known, target in zip(rows["image"], labels.rows, targets, strict=True)
            if known is not None and target is None]  # fmt: skip
    if lost:
        raise PupilaError(
            say("The labels are not for the task {task}", task=task.name),
            actual=say_count("{n} image ({images}) shows none or several of the classes {names}",
                             "{n} images ({images}) show none or several of the classes {names}", len(lost),
                             images=listing(lost, 3), names=listing(labels.classes, 8)),
            expected=say("labels for {task}", task=translate(task.title)), remedy=MULTILABEL_FLAG,
        )  # fmt: skip
    return targets


def _with_first_rows(source: Listing) -> Listing:
    """The listing with the first row of each image; others are oddities, harmless where the labels agree."""
    rows, notes = source.rows, list(source.notes)
    if source.cells and source.target == CLASSIFY.target:
        notes += doubtful_separator(rows["target"].to_list())
    if rows["image"].n_unique() == rows.height:
        return replace(source, notes=notes)
    several = (
        rows.group_by("image", maintain_order=True).agg("target").filter(pl.col("target").list.len() > 1)
    )
    repeated = [
        (image, sorted({str(target) for target in targets})) for image, targets in several.iter_rows()
    ]
    oddities = [
        Oddity(image, "conflicting-rows" if len(distinct) > 1 else "duplicate-row", " / ".join(distinct))
        for image, distinct in repeated
    ]
    conflicting = sum(len(distinct) > 1 for _, distinct in repeated)
    if conflicting and _names_classes(source):
        notes.append(say_count("{n} image has several rows with different labels, and the first one counts; {flag} "
                               "unites them.", "{n} images have several rows with different labels, and the first one "
                               "counts; {flag} unites them.", conflicting, flag=MULTILABEL_FLAG))  # fmt: skip
    first = rows.unique("image", keep="first", maintain_order=True)
    return replace(source, rows=first, notes=notes, oddities=[*source.oddities, *oddities])
