"""Comparing models of several labels, and baselines, on the same images."""

from collections.abc import Sequence

import numpy as np

from pupila.artifacts.report.evaluation.multilabel import MultilabelComparison
from pupila.imaging.images.decode import Array
from pupila.stages.evaluate.multilabel.predictions import LabelPredictions
from pupila.stages.evaluate.verdicts import add_verdicts
from pupila.statistics.intervals import MIN_GROUPS
from pupila.statistics.metrics.label_estimates import LabelCells, ResampledMetrics, label_differences
from pupila.statistics.metrics.ranking import share
from pupila.statistics.tests import images_for_mean_power, permutation_test, sign_flip

Measured = tuple[LabelPredictions, ResampledMetrics]


def compare(
    first: Measured, others: Sequence[Measured], baselines: Sequence[Measured], cells: LabelCells
) -> list[MultilabelComparison]:
    """Each other model, and each baseline, beside the first, on the same N images.

    Micro F1 decides. All negative has a micro F1 of 0, which anything beats: it is compared by the Hamming loss, where
    predicting nothing does well if labels are rare.

    Args:
        first: the model that is evaluated, with its metrics.
        others: what it is compared with.
        baselines: in the same form.
        cells: the ground truth.
    """
    pairs = [(pair, False) for pair in others] + [(pair, True) for pair in baselines]
    return add_verdicts([_compare_pair(first, pair, cells, is_baseline) for pair, is_baseline in pairs])


def _compare_pair(
    first: Measured, other: Measured, cells: LabelCells, is_baseline: bool
) -> MultilabelComparison:
    (ours, our_metrics), (theirs, their_metrics) = first, other
    differences = label_differences(cells, our_metrics, their_metrics)
    known, positive = cells.targets >= 0, cells.targets == 1
    wrong = [known & (model.decisions != positive) for model in (ours, theirs)]
    right = [known.any(axis=1) & ~errors.any(axis=1) for errors in wrong]
    only_ours, only_theirs = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    predicts_nothing = is_baseline and not theirs.decisions.any()
    primary = "hamming_loss" if predicts_nothing or "micro_f1" not in differences else "micro_f1"
    if primary == "micro_f1":
        counts = [_count_labels(model.decisions, cells.targets) for model in (ours, theirs)]
        p_value = permutation_test(counts[0], counts[1], cells.groups, _micro_f1)
        effects = _influence(counts[0]) - _influence(counts[1])
    else:
        effects = (wrong[0].sum(axis=1) - wrong[1].sum(axis=1)) / known.mean(axis=0).sum()
        p_value = sign_flip(effects, cells.groups)
    enough = len(np.unique(cells.groups)) >= MIN_GROUPS
    return MultilabelComparison(
        name=theirs.name, version=theirs.version, n=len(known), metrics=differences, primary_metric=primary,
        p_value=p_value, images_to_settle=images_for_mean_power(effects, cells.groups) if enough else None,
        is_baseline=is_baseline, only_first=only_ours, only_other=only_theirs,
        p_images=sign_flip(right[0].astype(float) - right[1], cells.groups),
    )  # fmt: skip


def _count_labels(decisions: Array, targets: Array) -> Array:
    """(N, 2) true positives, and predictions plus positives, of each image's known labels."""
    hits = (decisions & (targets == 1)).sum(axis=1)
    labels = (decisions & (targets >= 0)).sum(axis=1) + (targets == 1).sum(axis=1)
    return np.stack([hits, labels], axis=1).astype(np.float64)


def _micro_f1(sums: Array) -> Array:
    """(B,) from (B, 2) sums of `_count_labels`; 0 where there is neither a prediction nor a positive."""
    return np.nan_to_num(share(2 * sums[:, 0], sums[:, 1]))


def _influence(counts: Array) -> Array:
    """(N,) values whose mean is micro F1, and whose spread over images is about its own: the delta method."""
    score = _micro_f1(counts.sum(axis=0, keepdims=True))[0]
    return np.asarray(score + (2 * counts[:, 0] - score * counts[:, 1]) / counts[:, 1].mean())
