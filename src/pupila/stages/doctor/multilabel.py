"""Checks of data with several labels per image: unknown labels, small and inseparable classes, shortcuts."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report.fingerprint import Fault
from pupila.core.messages import listing, percent, say, say_count
from pupila.core.progress import progress
from pupila.core.vocabulary import ERROR
from pupila.stages.doctor import shortcuts
from pupila.stages.doctor.faults import fault
from pupila.stages.doctor.labels import MIN_IMAGES, MIN_IMAGES_TO_SPLIT
from pupila.stages.doctor.shortcuts import Examples
from pupila.tasks.label_text import ABSENT, PRESENT, UNKNOWN

Array = NDArray[Any]

MOSTLY_UNKNOWN = 0.5  # share of the labelled images, above which a class is mostly unknown
CHANCE = 0.05  # probability below which "always with another class" is no chance


def constant_classes(data: Dataset) -> list[Fault]:
    """Classes that every image shows where they are known, or none does."""
    labels, examples = data.label_matrix, []
    for k, name in enumerate(data.classes):
        known = labels[labels[:, k] != UNKNOWN, k]
        if len(set(known.tolist())) == 1:
            values = {"name": name, "images": say_count("the {n} image", "all {n} images", len(known))}
            examples.append(
                say("{name}: present in {images} where it is known", **values)
                if known[0] == PRESENT
                else say("{name}: absent from {images} where it is known", **values)
            )
    return fault("constant-class", examples)


def small_classes(data: Dataset) -> list[Fault]:
    """Classes that fewer than 10 images show, or lack; an error where these can't be in every split."""
    labels, components = data.label_matrix, data.components()
    faults: list[Fault] = []
    for code, value in (("few-positives", PRESENT), ("few-negatives", ABSENT)):
        counts = {name: labels[:, k] == value for k, name in enumerate(data.classes)}
        small = {name: rows for name, rows in counts.items() if 0 < rows.sum() < MIN_IMAGES}
        examples = [
            say_count("{name}: {n} image", "{name}: {n} images", int(rows.sum()), name=name)
            for name, rows in small.items()
        ]
        groups = [len(set(components[rows].tolist())) for rows in small.values()]
        faults += fault(code, examples, ERROR if min(groups, default=9) < MIN_IMAGES_TO_SPLIT else None)
    return faults


def inseparable_classes(data: Dataset) -> list[Fault]:
    """Classes that never occur without another, and pairs of which each never occurs without the other."""
    labels, names = data.label_matrix, data.classes
    present, absent = (labels == PRESENT).astype(np.int64), (labels == ABSENT).astype(np.int64)
    together, alone = present.T @ present, present.T @ absent
    bound = (together > 0) & (alone == 0)
    np.fill_diagonal(bound, False)
    components = data.components()
    mutual, nested = [], []
    for a, b in np.argwhere(bound).tolist():
        if not _is_no_chance(labels[:, a], labels[:, b], components):
            continue
        values, count = {"name": names[a], "other": names[b]}, int(together[a, b])
        if not bound[b, a]:
            nested.append(say_count(
                "{name}: the one image that shows it also shows {other}",
                "{name}: all {n} images that show it also show {other}", count, **values,
            ))  # fmt: skip
        elif a < b:
            mutual.append(say_count("{name} and {other}: always together, in {n} image",
                                    "{name} and {other}: always together, in {n} images", count, **values))  # fmt: skip
    return fault("inseparable-classes", mutual) + fault("class-only-with-another", nested)


def _is_no_chance(labels: Array, other: Array, components: Array) -> bool:
    """Whether groups that show a class would hardly all show the other one, were the two independent.

    Args:
        labels: (N,) of the class.
        other: (N,) of the class that it never occurs without.
        components: (N,) component numbers.
    """
    known = other != UNKNOWN
    groups = len(set(components[(labels == PRESENT) & known].tolist()))
    without = other[(labels == ABSENT) & known]
    return len(without) > 0 and float((without == PRESENT).mean()) ** groups < CHANCE


def unknown_labels(data: Dataset) -> list[Fault]:
    """Classes that are unknown in many images, in some, or in none."""
    labels = data.label_matrix[data.images["target"].is_not_null().to_numpy()]
    shares = {
        name: float(share) for name, share in zip(data.classes, (labels == UNKNOWN).mean(axis=0), strict=True)
    }
    ordered = sorted(shares.items(), key=lambda item: (-item[1], item[0]))
    texts = {
        name: say("{name}: unknown in {share} of the labelled images", name=name, share=percent(share))
        for name, share in ordered
    }
    if not any(shares.values()):
        return fault("all-known", [listing(data.classes)])
    return fault(
        "mostly-unknown", [texts[name] for name, share in ordered if share > MOSTLY_UNKNOWN]
    ) + fault("partly-unknown", [texts[name] for name, share in ordered if 0 < share <= MOSTLY_UNKNOWN])


def label_counts(data: Dataset) -> list[Fault]:
    """Images without a label, those that show none of the classes, and data whose images all show exactly one."""
    labels, images = data.label_matrix, data.images["image"].to_list()
    known, shown = (labels != UNKNOWN).sum(axis=1), (labels == PRESENT).sum(axis=1)
    labelled = known > 0
    faults = fault("unlabelled", [images[row] for row in np.flatnonzero(~labelled)])
    faults += fault(
        "no-class-present", [images[row] for row in np.flatnonzero((known == labels.shape[1]) & (shown == 0))]
    )
    if labels.shape[1] > 1 and (shown[labelled] == 1).all():
        count = say_count("{n} labelled image", "{n} labelled images", int(labelled.sum()))
        faults += fault("one-class-per-image", [count])
    return faults


def conflicting_labels(data: Dataset) -> list[Fault]:
    """Duplicates of which one shows a class and the other does not, and those of which only one tells."""
    labels, images, names = data.label_matrix, data.images["image"], np.array(data.classes, dtype=object)
    conflicts, gaps = [], []
    for pair in data.alike.copies:
        first, second = labels[pair.first], labels[pair.second]
        both = (first != UNKNOWN) & (second != UNKNOWN)
        values = {"first": images[pair.first], "second": images[pair.second]}
        if (different := both & (first != second)).any():
            texts = [_describe_conflict(names[k], first[k]) for k in np.flatnonzero(different)]
            conflicts.append(say("{first} = {second} ({labels})", **values, labels=listing(texts, 3)))
        if (filled := (first != UNKNOWN) & (second == UNKNOWN)).any():
            gaps.append(say("{first} = {second} (unknown in the second: {names})", **values,
                            names=listing(names[filled].tolist(), 3)))  # fmt: skip
        if (filled := (second != UNKNOWN) & (first == UNKNOWN)).any():
            gaps.append(say("{first} = {second} (unknown in the first: {names})", **values,
                            names=listing(names[filled].tolist(), 3)))  # fmt: skip
    return fault("contradicting-labels", conflicts) + fault("unknown-in-duplicate", gaps)


def _describe_conflict(name: str, first: int) -> str:
    if first == PRESENT:
        return say("{name}: present, absent", name=name)
    return say("{name}: absent, present", name=name)


def shortcuts_to_classes(data: Dataset) -> list[Fault]:
    """Folders, columns and file properties that predict whether an image shows a class."""
    labels, components, properties = data.label_matrix, data.components(), shortcuts.list_properties(data)
    examples: Examples = {}
    with progress(say("looking for shortcuts"), len(data.classes)) as advance:
        for k, name in enumerate(data.classes):
            rows = labels[:, k] != UNKNOWN
            present = labels[rows, k] == PRESENT
            fewest = min(int(present.sum()), int((~present).sum()))
            if fewest >= shortcuts.MIN_IMAGES_PER_CLASS and len(present) >= shortcuts.MIN_IMAGES:
                targets = np.where(present, "present", "absent").astype(object)
                labelled = shortcuts.label_rows(rows, targets, components)
                shortcuts.find_shortcuts(properties, labelled, examples, of=name)
            advance(1)
    return shortcuts.list_shortcuts(examples)
