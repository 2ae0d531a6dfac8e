"""Decide what the labels of a layout are: one class per image, several, or masks; every decision is a note."""

from dataclasses import replace

import polars as pl

from pupila.artifacts.dataset.formats.listing import Listing
from pupila.artifacts.dataset.labelling.class_columns import find_class_columns
from pupila.artifacts.dataset.labelling.label_rows import LabelRows
from pupila.artifacts.dataset.targets import TARGETS
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count, translate
from pupila.tasks.classify import CLASSIFY
from pupila.tasks.multilabel import MULTILABEL
from pupila.tasks.task import Task


def settle_labels(source: Listing, requested: Task | None) -> Listing:
    """The listing with targets of one kind.

    Args:
        source: as its layout's reader gives it.
        requested: the task that the user named; None: as the data suggest.

    Raises:
        PupilaError: the labels are no labels of the requested task.
    """
    labels = None
    if source.cells and source.rows["target"].null_count() == source.rows.height:
        labels = find_class_columns(source.rows)
    if labels is None:
        return source
    return _with_labels(source, labels, requested)


def _with_labels(source: Listing, labels: LabelRows, requested: Task | None) -> Listing:
    """The listing with the found labels as its targets."""
    task = requested or (CLASSIFY if labels.exclude_each_other else MULTILABEL)
    write = TARGETS[task.target].from_labels
    targets = write(labels.rows) if write else [None] * len(labels.rows)
    rows = source.rows
    lost = [image for image, known, target in zip(rows["image"], labels.rows, targets, strict=True)
            if known is not None and target is None]  # fmt: skip
    if lost:
        raise PupilaError(
            say("The labels are not for the task {task}", task=task.name),
            actual=say_count("{n} image ({images}) shows none or several of the classes {names}",
                             "{n} images ({images}) show none or several of the classes {names}", len(lost),
                             images=listing(lost, 3), names=listing(labels.classes, 8)),
            expected=say("labels for {task}", task=translate(task.title)), remedy=f"--task {MULTILABEL.name}",
        )  # fmt: skip
    notes = labels.notes
    if requested is None and labels.exclude_each_other:
        notes = [*notes, say("Every image shows exactly one class, so they exclude each other: one class per image. "
                             "{flag} reads every class by itself.",
                             flag=f"--task {MULTILABEL.name}")]  # fmt: skip
    others = rows.drop([name for name in labels.classes if name in rows.columns])
    return replace(
        source,
        rows=others.with_columns(target=pl.Series(targets, dtype=pl.String)),
        target=task.target,
        notes=[*source.notes, *notes],
    )
