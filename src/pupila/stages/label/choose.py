"""Selects the images to label, and counts the skipped ones by reason."""

from collections import Counter
from dataclasses import dataclass

import polars as pl

from pupila.artifacts.dataset.labels import current_labels, read_history, require_history
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.messages import say_count
from pupila.stages.label.labellers.labeller import Labeller


@dataclass(frozen=True, slots=True)
class Selection:
    """The images to label, and the number of skipped ones by reason."""

    rows: list[int]  # one per distinct image
    by_annotator: int = 0
    given: int = 0  # labels that came with the data
    labelled_before: int = 0  # that this labeller labelled before, with the same prompt


def select_images(
    data: Dataset, labeller: Labeller, everything: bool = False, limit: int | None = None
) -> Selection:
    """Select the images that the labeller should label.

    Skipped are images that it labelled before and, unless it gives labels of an annotator, those with a label of an
    annotator or a given label.

    Args:
        data: the data set.
        labeller: that labels them.
        everything: also select images with a label of an annotator or a given label.
        limit: maximum number of images.
    """
    require_history(data.home)
    labels = read_history(data.home)
    annotated = set(current_labels(labels).filter("annotator")["sha256"])
    own = labels.filter((pl.col("labeller") == labeller.name) & (pl.col("note") == labeller.note))
    previous = dict(own.select("sha256", "target").iter_rows())
    rows: list[int] = []
    visited: set[str] = set()
    counts: Counter[str] = Counter()
    digests, targets, came = (data.images[name].to_list() for name in ("sha256", "target", "given_target"))
    for row in labeller.rows(data):
        sha = digests[row]
        if sha in visited:
            continue
        visited.add(sha)
        by_annotator = sha in annotated
        given = targets[row] is not None and came[row] is not None and not by_annotator
        deleted = data.target == "mask" and targets[row] is None and previous.get(sha) is not None
        if by_annotator and not (labeller.annotator or everything):
            counts["by_annotator"] += 1
        elif given and not (labeller.annotator or everything):
            counts["given"] += 1
        elif sha in previous and not deleted and labeller.repeats(row, previous[sha]):
            counts["labelled_before"] += 1
        else:
            rows.append(row)
    return Selection(rows[:limit], **counts)


def describe_skipped(selection: Selection) -> list[str]:
    """A sentence per reason for skipped images."""
    lines = []
    if selection.by_annotator:
        lines.append(say_count("Skipped one image with a label of an annotator.",
                               "Skipped {n} images with a label of an annotator.", selection.by_annotator))  # fmt: skip
    if selection.given:
        lines.append(say_count("Skipped one image with a given label (--all includes it).",
                               "Skipped {n} images with a given label (--all includes them).",
                               selection.given))  # fmt: skip
    if selection.labelled_before:
        lines.append(say_count("Skipped one image that was already labelled with the same prompt.",
                               "Skipped {n} images that were already labelled with the same prompt.",
                               selection.labelled_before))  # fmt: skip
    return lines
