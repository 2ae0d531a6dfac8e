"""Baselines of several labels: what a model without any image, or with a look at its colours only, would score."""

from collections.abc import Callable, Iterator

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report.evaluation.multilabel import UnfittedBaselines
from pupila.core.messages import say
from pupila.core.vocabulary import TRAIN
from pupila.imaging.images.decode import Array
from pupila.stages.evaluate.evaluator import EvaluationSet
from pupila.stages.evaluate.multilabel.predictions import LabelPredictions
from pupila.stages.evaluate.predictions import Predictions
from pupila.tasks.label_text import PRESENT
from pupila.tasks.multilabel import DEFAULT_THRESHOLD

PROBE_GRID = 8  # cells per side whose colours the linear probe sees
_REGULARISATION = 0.01  # inverse, of standardised colours: there are often fewer images than colours
_ITERATIONS = 500
_CHUNK = 1000  # images in memory
_Fit = Callable[[Array, Array, Array], tuple[Array, Array]]


def predict_baselines(
    on: EvaluationSet, out_of_fold: bool
) -> tuple[list[LabelPredictions], UnfittedBaselines | None]:
    """The predictions of all baselines, fitted on other images than those that they predict.

    Args:
        on: the images.
        out_of_fold: whether the models predict each fold from the others; the baselines then do so too.

    Returns:
        All negative, which is not fitted, then the others; and why these are left out, or None.
    """
    none = np.zeros((len(on.rows), len(on.data.classes)))
    all_negative = _make_predictions(say("all negative"), on, none, none > 0)
    parts = list(_fitting_rows(on, out_of_fold))
    if not all(fitting for fitting, _ in parts):
        return [all_negative], "no-images"
    if any(set(fitting) & {on.rows[place] for place in places} for fitting, places in parts):
        return [all_negative], "evaluated-images"
    colours = _read_colours(on.data, sorted({*on.rows, *(row for fitting, _ in parts for row in fitting)}))
    return [
        all_negative,
        _make_predictions(say("training prevalence"), on, *_predict_parts(on, parts, colours, _fit_prevalence)),
        _make_predictions(say("linear probe on colours"), on, *_predict_parts(on, parts, colours, _fit_probe)),
    ], None  # fmt: skip


def _fitting_rows(on: EvaluationSet, out_of_fold: bool) -> Iterator[tuple[list[int], Array]]:
    """Rows to fit on, and the places in `on.rows` that are predicted from them."""
    matrix, folds = on.data.label_matrix, np.array([on.splits.images[row].fold for row in on.rows])
    labelled = [row for row in range(len(on.data)) if (matrix[row] >= 0).any()]
    if out_of_fold and all(fold is not None for fold in folds):
        for fold in sorted(set(folds.tolist())):
            others = [
                row for row in labelled
                if on.splits.images[row].fold not in (None, fold)
            ]  # fmt: skip
            yield others, np.flatnonzero(folds == fold)
        return
    yield [row for row in labelled if on.splits.images[row].split == TRAIN], np.arange(len(on.rows))


def _predict_parts(
    on: EvaluationSet, parts: list[tuple[list[int], Array]], colours: Array, fit: _Fit
) -> tuple[Array, Array]:
    """(N, C) probabilities and decisions of a baseline that is fitted for each part."""
    shape = (len(on.rows), len(on.data.classes))
    probabilities, decisions = np.zeros(shape), np.zeros(shape, dtype=bool)
    for fitting, places in parts:
        queries = colours[[on.rows[place] for place in places]]
        probabilities[places], decisions[places] = fit(
            colours[fitting], on.data.label_matrix[fitting], queries
        )
    return probabilities, decisions


def _fit_prevalence(colours: Array, targets: Array, queries: Array) -> tuple[Array, Array]:
    """The share of positives among the known labels of each class; 0 for a class of which none is known."""
    known = (targets >= 0).sum(axis=0)
    shares = (targets == PRESENT).sum(axis=0) / np.maximum(known, 1)
    probabilities = np.tile(shares, (len(queries), 1))
    return probabilities, probabilities >= DEFAULT_THRESHOLD


def _fit_probe(colours: Array, targets: Array, queries: Array) -> tuple[Array, Array]:
    """Logistic regression for each class on its known labels; a class with labels of one kind keeps its prevalence.

    The threshold of a class is the probability that as many training images reach as show it: 0.5 would hardly ever
    predict a rare class.
    """
    from sklearn.linear_model import LogisticRegression

    probabilities, decisions = _fit_prevalence(colours, targets, queries)
    centre, spread = colours.mean(axis=0), colours.std(axis=0) + 1e-6
    inputs, others = (colours - centre) / spread, (queries - centre) / spread
    for column in range(targets.shape[1]):
        known = targets[:, column] >= 0
        present = targets[known, column] == PRESENT
        if present.all() or not present.any():
            continue
        probe = LogisticRegression(C=_REGULARISATION, max_iter=_ITERATIONS).fit(inputs[known], present)
        threshold = np.quantile(probe.predict_proba(inputs[known])[:, 1], 1 - present.mean())
        probabilities[:, column] = probe.predict_proba(others)[:, 1]
        decisions[:, column] = probabilities[:, column] >= threshold
    return probabilities, decisions


def _read_colours(data: Dataset, rows: list[int]) -> Array:
    """(len(data), F) float64: the mean colours of the cells of a grid over the image; 0 for other rows."""
    colours = np.zeros((len(data), PROBE_GRID * PROBE_GRID * 3))
    for start in range(0, len(rows), _CHUNK):
        part = rows[start : start + _CHUNK]
        small = data.miniatures(part)
        side = small.shape[1] // PROBE_GRID
        cells = small.reshape(len(part), PROBE_GRID, side, PROBE_GRID, side, 3).mean(axis=(2, 4))
        colours[part] = cells.reshape(len(part), -1)
    return colours


def _make_predictions(
    name: str, on: EvaluationSet, probabilities: Array, decisions: Array
) -> LabelPredictions:
    header = Predictions(name, "", on.rows, np.zeros(len(on.rows), dtype=bool))
    return LabelPredictions(**vars(header), decisions=decisions, probabilities=probabilities)
