"""Random samples of each class, with the labels as captions."""

import random
from collections.abc import Callable

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report.gallery import load_image
from pupila.artifacts.report.page import PageImage, Section
from pupila.core.messages import say, say_count

PER_CLASS = 12  # images of each class on the contact sheet
MAX_CLASSES = 24  # shown as contact sheets and bars
SEED = 23


def sample_section(data: Dataset, groups: dict[str, list[int]], draw: Callable[[int], PageImage]) -> Section:
    """Random images of each class.

    Args:
        data: the data set.
        groups: rows by the title of their gallery.
        draw: the image of a row.
    """
    galleries = []
    for title, rows in groups.items():
        chosen = sorted(random.Random(SEED).sample(rows, min(PER_CLASS, len(rows))))
        heading = say_count(
            "{name}: {shown} of {n} image",
            "{name}: {shown} of {n} images",
            len(rows),
            name=title,
            shown=len(chosen),
        )
        galleries.append((heading, [draw(row) for row in chosen]))
    more = len(data.classes) - MAX_CLASSES
    left_out = (
        [say_count("{n} more class is not shown.", "{n} more classes are not shown.", more)]
        if more > 0
        else []
    )
    return Section(say("Random samples of each class"), left_out, galleries=galleries)


def load_captioned(data: Dataset, row: int, label: str | None) -> PageImage:
    """The image of a row, with its file name and its label, if there is one, as the caption."""
    caption = data.images["image"][row].rpartition("/")[2]
    caption = f"{caption} ({label})" if label is not None else caption
    return load_image(data.path(row), caption, data.bands, data.limits)
