"""Labels of the history that are of another kind than the data's: one class, or several classes."""

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from pupila.artifacts.dataset.formats.listing import Listing
from pupila.artifacts.dataset.formats.tools.annotations import is_annotation
from pupila.artifacts.dataset.labelling.label_rows import MULTILABEL_FLAG
from pupila.artifacts.dataset.labels import read_history
from pupila.artifacts.dataset.targets import TARGETS
from pupila.core import files
from pupila.core.messages import say_count
from pupila.core.vocabulary import IMAGE_SUFFIXES
from pupila.imaging.masks.arrays import ARRAY_SUFFIXES
from pupila.tasks.classify import CLASSIFY
from pupila.tasks.label_text import is_label_text, read_labels, write_labels
from pupila.tasks.multilabel import MULTILABEL
from pupila.tasks.task import Task

_MASK_FILES = IMAGE_SUFFIXES | ARRAY_SUFFIXES

if TYPE_CHECKING:
    from pupila.artifacts.dataset.manifest import Dataset


def settle_history(
    source: Listing, requested: Task | None, history: pl.DataFrame
) -> tuple[Listing, pl.DataFrame]:
    """The listing and the history with targets of one kind.

    Where images have several labels, a history label that is one class says that this class is present, and the
    others are unknown. Where they have one class, a history label of several classes counts if it shows exactly one.
    Data without labels of their own have the target of the history's.

    Args:
        source: with settled labels.
        requested: the task that the user named; None: as the data and the history suggest.
        history: `HISTORY` columns.
    """
    unlabelled = source.rows["target"].null_count() == source.rows.height
    given = history["target"].drop_nulls().unique().to_list()
    texts = [target for target in given if is_label_text(target)]
    if source.target == CLASSIFY.target and unlabelled and texts and requested is None:
        source = replace(source, target=MULTILABEL.target)
    if source.target == MULTILABEL.target:
        history, notes = _read_names(history, [target for target in given if target not in texts])
    elif source.target == CLASSIFY.target:
        history, notes = _read_texts(history, texts)
    else:
        history, notes = _read_masks(history, given)
    return replace(source, notes=[*source.notes, *notes]), history


def _read_masks(history: pl.DataFrame, given: list[str]) -> tuple[pl.DataFrame, list[str]]:
    """The history where images have masks, and a note if some of its labels are classes, which are no masks."""
    classes = [
        target for target in given if not is_annotation(target) and files.suffix(target) not in _MASK_FILES
    ]
    if not classes:
        return history, []
    is_class = history["target"].is_in(classes).fill_null(False)
    note = say_count("{n} label of the history is a class and no mask: it is not used, as images have masks here.",
                     "{n} labels of the history are classes and no masks: they are not used, as images have masks "
                     "here.", int(is_class.sum()))  # fmt: skip
    return history.filter(~is_class), [note]


def read_settled_history(data: "Dataset") -> pl.DataFrame:
    """The label history of the data, row by row; where images have several labels, a single class is such a label."""
    history = read_history(data.home)
    if data.target != MULTILABEL.target:
        return history
    given = history["target"].drop_nulls().unique().to_list()
    return _read_names(history, [target for target in given if not is_label_text(target)])[0]


def _read_names(history: pl.DataFrame, names: list[str]) -> tuple[pl.DataFrame, list[str]]:
    """The history where images have several labels, and a note if some of its labels are one class."""
    if not names:
        return history, []
    note = say_count("{n} label of the history is one class: it is present, and the other classes are unknown.",
                     "{n} labels of the history are one class: it is present, and the other classes are unknown.",
                     int(history["target"].is_in(names).sum()))  # fmt: skip
    texts = {name: write_labels({name: True}) for name in names}
    return history.with_columns(pl.col("target").replace(texts)), [note]


def _read_texts(history: pl.DataFrame, texts: list[str]) -> tuple[pl.DataFrame, list[str]]:
    """The history where images have one class, and a note if some of its labels are not."""
    write = TARGETS[CLASSIFY.target].from_labels
    if not texts or write is None:
        return history, []
    classes = dict(zip(texts, write([read_labels(text) for text in texts]), strict=True))
    unusable = [text for text, name in classes.items() if name is None]
    is_unusable = history["target"].is_in(unusable).fill_null(False)
    note = say_count("{n} label of the history shows none or several classes. It is not used, as images have one class "
                     "here; {flag} uses it.", "{n} labels of the history show none or several classes. They are not "
                     "used, as images have one class here; {flag} uses them.", int(is_unusable.sum()),
                     flag=MULTILABEL_FLAG)  # fmt: skip
    names = {text: name for text, name in classes.items() if name is not None}
    used = history.filter(~is_unusable).with_columns(pl.col("target").replace(names))
    return used, [note] if unusable else []
