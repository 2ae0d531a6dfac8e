"""Copies of one image in the folders of several classes: one image with all these labels."""

import polars as pl

from pupila.artifacts.dataset.formats.listing import Listing
from pupila.artifacts.dataset.labelling.label_rows import LabelRows
from pupila.artifacts.dataset.targets import TARGETS
from pupila.core.messages import say_count
from pupila.tasks.label_text import read_labels
from pupila.tasks.multilabel import MULTILABEL


def unite_copies(source: Listing, images: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """The images without further copies in the same split, whose labels go to the first one; and a note.

    Args:
        source: the layout. Only where folders are the labels does a second label need a copy.
        images: with `sha256`, sorted by path.
    """
    if not source.folders or source.target != MULTILABEL.target:
        return images, []
    place = pl.when(pl.col("sha256").is_null()).then("image").otherwise("sha256")
    keys = images.select(place=pl.concat_str(pl.col("given_split").fill_null(""), place, separator="\n"))[
        "place"
    ]
    first = images.filter(keys.is_first_distinct())
    if first.height == images.height:
        return images, []
    labels = [None if text is None else read_labels(text) for text in images["target"]]
    united, _ = LabelRows(labels, [], closed=True).unite(keys.to_list())
    write = TARGETS[source.target].from_labels
    assert write is not None
    note = say_count(
        "{n} copy of an image in the folder of another class is united with it: one image with all its labels.",
        "{n} copies of images in the folders of other classes are united with them: one image with all its labels.",
        images.height - first.height,
    )
    return first.with_columns(target=pl.Series(write(united.rows), dtype=pl.String)), [note]
