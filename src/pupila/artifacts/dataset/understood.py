"""What was understood of a data set, in sentences that stand before everything else that is printed of it."""

from collections import Counter
from typing import TYPE_CHECKING

import polars as pl

from pupila.core.messages import integer, mark, say, say_count, translate
from pupila.core.vocabulary import TEST, TRAIN, VALIDATION

if TYPE_CHECKING:
    from pupila.artifacts.dataset.manifest import Dataset

# Codes in `skipped` of files that look like images and can't be used.
UNUSABLE = (
    "unreadable",
    "truncated",
    "empty-file",
    "not-an-image",
    "oversized",
    "missing-extra",
    "broken-link",
    "unsupported-format",
)

SPLIT_TITLES = {TRAIN: mark("train"), VALIDATION: mark("validation"), TEST: mark("test")}

_LOST_LABELS = ("unreadable-mask", "unreadable-label", "mask-aspect-mismatch", "row-without-image")
_MANY_LOST = 0.2  # of the images


def describe(data: "Dataset") -> list[str]:
    """Sentences: layout, task, all classes, splits as they came, what was passed over, and the confidence."""
    lines = [
        say_count("{n} image in {root}: {layout}.", "{n} images in {root}: {layout}.", len(data),
                  root=data.folder, layout=data.layout),
        *_describe_labels(data),
        *_describe_splits(data),
    ]  # fmt: skip
    unusable = data.skipped.filter(pl.col("code").is_in(UNUSABLE)).height
    if unusable:
        lines.append(say_count("{n} unusable file skipped.", "{n} unusable files skipped.", unusable))
    return [*lines, *data.notes, *_describe_passed_over(data), _describe_confidence(data)]


def _describe_labels(data: "Dataset") -> list[str]:
    """The task with every class: a list that is cut hides the class that should not be there."""
    if not data.task:
        return [say("No labels yet.")]
    names = ", ".join(f"{name} {integer(count)}" for name, count in data.class_counts().items())
    lines = [say_count("Task: {task}, {n} class ({names}).", "Task: {task}, {n} classes ({names}).",
                       len(data.classes), task=data.task.name, names=names)]  # fmt: skip
    if unlabelled := data.images["target"].null_count():
        lines.append(say_count("{n} image has no label.", "{n} images have no label.", unlabelled))
    return lines


def _describe_splits(data: "Dataset") -> list[str]:
    """The splits that came with the data, with their images."""
    given = data.images["given_split"]
    if given.null_count() == len(given):
        return []
    counts = dict(given.value_counts().iter_rows())
    ordered = [*SPLIT_TITLES, *sorted(name for name in counts if name and name not in SPLIT_TITLES)]
    parts = []
    for name in ordered:
        if not (count := counts.get(name)):
            continue
        unlabelled = data.images.filter(pl.col("given_split") == name)["target"].null_count()
        part = translate(SPLIT_TITLES.get(name, name))
        if data.task and unlabelled == count:
            parts.append(say("{part} {n} (without labels)", part=part, n=integer(count)))
        else:
            parts.append(f"{part} {integer(count)}")
    if none := counts.get(None):
        parts.append(say("in no split {n}", n=integer(none)))
    return [say("Splits as they came, in images: {parts}.", parts=", ".join(parts))]


def _describe_passed_over(data: "Dataset") -> list[str]:
    """What lies there and is not used; the doctor names each."""
    n = Counter(data.skipped["code"].to_list())
    titles = {
        "image-without-row": say_count("{n} image that no label names", "{n} images that no label names",
                                       n["image-without-row"]),
        "row-without-image": say_count("{n} label whose image is missing", "{n} labels whose images are missing",
                                       n["row-without-image"]),
        "image-url": say_count("{n} row with a URL instead of a file", "{n} rows with URLs instead of files",
                               n["image-url"]),
        "conflicting-rows": say_count("labels of {n} image that contradict each other",
                                      "labels of {n} images that contradict each other", n["conflicting-rows"]),
        "mask-without-image": say_count("{n} mask without an image", "{n} masks without an image",
                                        n["mask-without-image"]),
        "multiple-masks": say_count("{n} further mask of an image that has one",
                                    "{n} further masks of images that have one", n["multiple-masks"]),
        "unreadable-mask": say_count("{n} unreadable mask", "{n} unreadable masks", n["unreadable-mask"]),
        "mask-aspect-mismatch": say_count("{n} mask of another aspect ratio than its image",
                                          "{n} masks of other aspect ratios than their images",
                                          n["mask-aspect-mismatch"]),
        "short-outline": say_count("{n} outline of fewer than three points",
                                   "{n} outlines of fewer than three points", n["short-outline"]),
    }  # fmt: skip
    parts = [title for code, title in titles.items() if n[code]]
    return [say("Passed over: {parts}; pupila doctor lists them.", parts="; ".join(parts))] if parts else []


def _describe_confidence(data: "Dataset") -> str:
    """Doubt of the reader, or of the reading itself where many labels that lie there came to nothing."""
    doubt = data.doubt
    lost = data.skipped.filter(pl.col("code").is_in(_LOST_LABELS)).height
    if not doubt and lost >= _MANY_LOST * len(data):
        doubt = say_count(
            "{n} label that lies there is not used.", "{n} labels that lie there are not used.", lost
        )
    if not doubt:
        return say("Confidence in this reading: certain.")
    return say("Confidence in this reading: likely. {doubt}", doubt=doubt)
