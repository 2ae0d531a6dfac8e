"""Compare several labels per image with the out-of-fold predictions of a run, class by class."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.predictions.classify import logit_column
from pupila.artifacts.report.fingerprint import Fault
from pupila.artifacts.run.out_of_fold import OutOfFold
from pupila.core.messages import percent, say
from pupila.stages.doctor.faults import MAX_RANKED_EXAMPLES, fault
from pupila.tasks.label_text import ABSENT, PRESENT, UNKNOWN
from pupila.tasks.tuning.multilabel import calibrate_to

Array = NDArray[Any]

MIN_EACH = 5  # images that show a class, and that lack it, for an estimate of its label errors


def labels_against_predictions(data: Dataset, predictions: OutOfFold) -> list[Fault]:
    """Labels of single classes that the run contradicts, the lowest probability of the label first."""
    logits = predictions.frame.select([logit_column(name) for name in data.classes]).to_numpy()
    labels = data.label_matrix[predictions.rows]
    probabilities = calibrate_to(labels, logits, data.classes)
    images = data.images["image"]
    ranked = [
        _describe(
            images[predictions.rows[place]], data.classes[k], int(labels[place, k]), probabilities[place, k]
        )
        for place, k in find_label_errors(labels, probabilities)
    ]
    return fault("label-prediction-disagreement", ranked, shown=MAX_RANKED_EXAMPLES)


def _describe(image: str, name: str, label: int, probability: float) -> str:
    values = {"image": image, "name": name, "probability": percent(probability)}
    if label == PRESENT:
        return say("{image} ({name} is labelled present, predicted with {probability})", **values)
    return say("{image} ({name} is labelled absent, predicted with {probability})", **values)


def find_label_errors(labels: Array, probabilities: Array) -> list[tuple[int, int]]:
    """(image, class) of labels that are probably wrong, the lowest predicted probability of the label first.

    Each class by itself, among the images where it is known; one that few images show, or lack, is left out.

    Args:
        labels: (N, C) 1 present, 0 absent, -1 unknown.
        probabilities: (N, C) that the class is present, of a model that was not trained on the image.

    Source: confident learning (Northcutt, Jiang and Chuang 2021, arXiv:1911.00068), as cleanlab implements it.
    """
    from cleanlab.filter import find_label_issues

    errors = []
    for k in range(labels.shape[1]):
        known = np.flatnonzero(labels[:, k] != UNKNOWN)
        given, present = labels[known, k].astype(np.int64), probabilities[known, k]
        if min((given == PRESENT).sum(), (given == ABSENT).sum()) < MIN_EACH:
            continue
        suspects = find_label_issues(given, np.column_stack([1 - present, present]), n_jobs=1)
        own = np.where(given == PRESENT, present, 1 - present)
        errors += [(float(own[place]), int(known[place]), k) for place in np.flatnonzero(suspects)]
    return [(row, k) for _, row, k in sorted(errors)]
