"""Names of classes as they are meant: without signs that nobody sees, which would make two classes of one."""

import re
import unicodedata
from collections import Counter, defaultdict
from dataclasses import replace

import polars as pl

from pupila.artifacts.dataset.formats.listing import Listing
from pupila.artifacts.dataset.labelling.list_cells import is_unknown_word
from pupila.core.messages import listing, say, say_count
from pupila.imaging.masks.no_label import find_unlabelled

_NULLS = frozenset({"nan", "null", "<na>", "n/a", "#n/a"})  # that programs write for an empty cell
_UNSEEN = re.compile("[\u00ad\u200b\u200e\u200f\u2060\ufeff]")
_BLANK = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")  # other blanks than the plain one
_JOINERS = "\u200c\u200d"  # they mean something within a word alone


def clean_class_names(source: Listing) -> Listing:
    """The listing whose targets, which name classes, hold no unseen signs and no blanks at their ends; a note says so.

    Names that differ in the kind of their blanks alone are one name with plain ones.

    Args:
        source: of names of classes, or of cells of a table with several of them.
    """
    given = source.rows["target"].drop_nulls().unique(maintain_order=True).to_list()
    plain = {name: clean_class_name(name) for name in given}
    spellings: dict[str, set[str]] = defaultdict(set)
    for text in plain.values():
        spellings[_BLANK.sub(" ", text)].add(text)
    cleaned = {
        name: meant for name, text in plain.items()
        if (meant := _BLANK.sub(" ", text) if len(spellings[_BLANK.sub(" ", text)]) > 1 else text) != name
    }  # fmt: skip
    if not cleaned:
        return source
    target = source.rows["target"].replace(cleaned).replace("", None)
    note = say("Names of classes are read without unseen signs and blanks at their ends: {names}.",
               names=listing([f"{name!a} = {text}" for name, text in cleaned.items()], 3))  # fmt: skip
    return replace(source, rows=source.rows.with_columns(target=target), notes=[*source.notes, note])


def clean_class_name(name: str) -> str:
    """The name in composed letters, without blanks at its ends and without unseen signs."""
    text = _UNSEEN.sub("", unicodedata.normalize("NFC", name))
    return text.strip().strip(_JOINERS).strip()


def drop_empty_words(source: Listing) -> Listing:
    """The listing without labels that mean a missing one, such as `nan` and `unlabelled`; notes say so.

    A word that may be the name of a class, such as `unknown`, stays one, with a note.

    Args:
        source: whose targets are one class each, from cells of a table.
    """
    counts = Counter(source.rows["target"].drop_nulls().to_list())
    unlabelled = find_unlabelled(counts)
    empty = [name for name in counts if name.lower() in _NULLS or name in unlabelled]
    notes = [say_count('"{name}" ({n} image) says nothing: no label.', '"{name}" ({n} images) says nothing: no label.',
                       counts[name], name=name) for name in empty]  # fmt: skip
    notes += [
        say_count('"{name}" ({n} image) is read as a class. Empty its cell if it means that the label is missing.',
                  '"{name}" ({n} images) is read as a class. Empty its cells if it means that the label is missing.',
                  counts[name], name=name)
        for name in counts if name not in empty and is_unknown_word(name)
    ]  # fmt: skip
    if not notes:
        return source
    target = pl.when(~pl.col("target").is_in(empty)).then("target")
    return replace(source, rows=source.rows.with_columns(target=target), notes=[*source.notes, *notes])
