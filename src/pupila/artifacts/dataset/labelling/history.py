"""What the targets of data without labels of their own are: as the user says, else as the label history has them."""

from dataclasses import replace

import polars as pl

from pupila.artifacts.dataset.formats.listing import Listing
from pupila.artifacts.dataset.targets import TARGETS
from pupila.tasks.label_text import is_label_text
from pupila.tasks.multilabel import MULTILABEL
from pupila.tasks.task import Task


def settle_history(source: Listing, requested: Task | None, history: pl.DataFrame) -> Listing:
    """The listing with the target of its labels to come, if it has no labels itself.

    Args:
        source: with the labels that came with the data.
        requested: the task that the user named; None: as the history has it.
        history: `HISTORY` columns.
    """
    own = TARGETS[source.target].from_labels  # masks have files of their own
    if own is None or source.rows["target"].null_count() < source.rows.height:
        return source
    if requested is not None and TARGETS[requested.target].from_labels is not None:
        return replace(source, target=requested.target)
    if requested is None and any(map(is_label_text, history["target"].drop_nulls().unique())):
        return replace(source, target=MULTILABEL.target)
    return source
