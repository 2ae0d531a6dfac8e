"""Several labels per image in numbers: how many are known, and which classes occur together."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report.fingerprint import ExplainedByLabel, LabelCounts, SeveralLabels
from pupila.stages.explore.explained_variance import explained_variance
from pupila.tasks.label_text import ABSENT, PRESENT, UNKNOWN

Array = NDArray[Any]

MIN_EXPLAINED_VARIANCE = 0.25  # share of a number's variance that is worth a sentence


def measure_labels(data: Dataset, numbers: dict[str, Array], groups: Array) -> SeveralLabels:
    """The labels in the fingerprint; the classes in order of their share, the largest first.

    Args:
        data: the data set.
        numbers: (N,) values of each number that a class could explain, by name; NaN for none.
        groups: (N,) component numbers.
    """
    shares = np.nan_to_num(data.class_shares(np.arange(len(data))))
    order = sorted(range(len(data.classes)), key=lambda k: (-shares[k], data.classes[k]))
    names = [data.classes[k] for k in order]
    labels = data.label_matrix[:, order]
    labelled = labels[(labels != UNKNOWN).any(axis=1)]
    per_image = (labelled == PRESENT).sum(axis=1)
    present, known = (labels == PRESENT).astype(np.int64), (labels != UNKNOWN).astype(np.int64)
    return SeveralLabels(
        classes={
            name: LabelCounts(
                present=int((labelled[:, k] == PRESENT).sum()), absent=int((labelled[:, k] == ABSENT).sum()),
                unknown=int((labelled[:, k] == UNKNOWN).sum()),
            )
            for k, name in enumerate(names)
        },
        labels_per_image=np.bincount(per_image).tolist() if len(per_image) else [],
        together=(present.T @ present).tolist(),
        known=(present.T @ known).tolist(),
        phi=correlate(labels),
        explained=_explain(names, labels, numbers, groups),
    )  # fmt: skip


def correlate(labels: Array) -> list[list[float | None]]:
    """(C, C) phi coefficient of every two classes, over the images where both are known; None where one is constant.

    Args:
        labels: (N, C) 1 present, 0 absent, -1 unknown.
    """
    present, known = (labels == PRESENT).astype(np.float64), (labels != UNKNOWN).astype(np.float64)
    count, both = known.T @ known, present.T @ present
    first, second = present.T @ known, known.T @ present  # of the class of the row, of the column
    spread = first * (count - first) * second * (count - second)
    with np.errstate(divide="ignore", invalid="ignore"):
        phi = (count * both - first * second) / np.sqrt(spread)
    return [[round(value, 4) if np.isfinite(value) else None for value in row] for row in phi.tolist()]


def _explain(
    names: list[str], labels: Array, numbers: dict[str, Array], groups: Array
) -> list[ExplainedByLabel]:
    """The class that explains most of each number, where it explains much of it."""
    explained = []
    for measure, values in numbers.items() if names else ():
        shares = [explained_variance(values, labels[:, k], groups) or 0.0 for k in range(len(names))]
        best = int(np.argmax(shares))
        if shares[best] >= MIN_EXPLAINED_VARIANCE:
            present, absent = (np.nanmean(values[labels[:, best] == value]) for value in (PRESENT, ABSENT))
            explained.append(ExplainedByLabel.model_validate({
                "measure": measure, "class": names[best], "share": shares[best],
                "present": round(float(present), 4), "absent": round(float(absent), 4),
            }))  # fmt: skip
    return sorted(explained, key=lambda row: -row.share)
