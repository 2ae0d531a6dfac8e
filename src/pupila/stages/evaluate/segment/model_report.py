"""The report on predicted masks: metrics with confidence intervals, baselines, and annotation agreement."""

import numpy as np

from pupila.artifacts.report.evaluation.report import ModelReport
from pupila.artifacts.report.evaluation.segment import Failures, MaskExample, MaskExamples, SegmentModel
from pupila.imaging.images.decode import Array
from pupila.stages.evaluate.evaluator import EvaluationSet
from pupila.stages.evaluate.segment.annotation_agreement import annotation_agreement
from pupila.stages.evaluate.segment.predictions import MaskPredictions
from pupila.statistics.metrics.baseline import Baseline
from pupila.statistics.metrics.classify import mean_of_present, ratio
from pupila.statistics.metrics.overlap import FIGURES, OverlapCounts, summarise_overlaps
from pupila.statistics.metrics.segment import (
    METRICS,
    best_constant_class,
    constant_counts,
    dice,
    find_occurring,
    image_scores,
    majority_class,
    pixel_accuracy,
)
from pupila.statistics.tests import PairedTest, compare_with_baseline, make_paired_test, permutation_test

FAILED_BELOW = 0.5  # IoU of an image
BINS = 20  # of a histogram over 0..1
_SHOWN, MOST_FAILED = 3, 12  # images shown of a kind; of failures


def report_model(predictions: MaskPredictions, on: EvaluationSet, header: ModelReport) -> SegmentModel:
    """Evaluate a segmentation model, whose name and version the header gives."""
    names = on.data.classes
    overlaps = predictions.overlaps
    scores, counting = overlaps.scores
    images = np.flatnonzero(overlaps.labelled)
    low = images[scores[images, 0] < FAILED_BELOW]
    predicted_pixels = overlaps.regions.sum(axis=(0, 1))
    best, most = best_constant_class(overlaps.regions), majority_class(overlaps.regions)
    majority = float(pixel_accuracy(constant_counts(overlaps.regions, most).sum(axis=0)))
    return SegmentModel(
        **{**dict(header), **dict(summarise_overlaps(overlaps, on.groups, names))},
        baseline=Baseline(name=names[best], metrics=_score_constant(overlaps.regions, best)),
        baseline_test=compare_with_constant(overlaps.regions[images], on.groups[images], best),
        majority=Baseline(name=names[most], metrics={"pixel_accuracy": majority}),
        failures=Failures(below=FAILED_BELOW, images=len(low)),
        histograms={
            name: np.histogram(column[there], BINS, (0, 1))[0].tolist()
            for name, column, there in zip(FIGURES, scores.T, counting.T, strict=True)
        },
        examples=_choose_examples(predictions, on, images, len(low)),
        predicted_classes=[name for name, pixels in zip(names, predicted_pixels, strict=True) if pixels],
        annotation_agreement=annotation_agreement(on.data),
    )


def compare_with_constant(matrices: Array, groups: Array, number: int) -> PairedTest:
    """The masks against those that are one class everywhere, image by image: by the mean Dice of two classes, with a
    test of flipped signs; of more by the pooled IoU, with one that exchanges the masks of groups.

    Args:
        matrices: (N, C, C) pixel counts of labelled images.
        groups: (N,) group numbers.
        number: of the class.
    """
    always = constant_counts(matrices, number)
    if matrices.shape[-1] == 2:
        return compare_with_baseline(image_scores(matrices, dice) - image_scores(always, dice), groups)
    occurring = find_occurring(matrices)
    ours, theirs = (_class_sums(counts, occurring) for counts in (matrices, always))
    gap = _pooled_iou(ours.sum(axis=0)[None]) - _pooled_iou(theirs.sum(axis=0)[None])
    p_value = permutation_test(ours, theirs, groups, _pooled_iou)
    return make_paired_test(_pooled_iou(ours) - _pooled_iou(theirs), groups, float(gap[0]), p_value)


def _class_sums(matrices: Array, occurring: Array) -> Array:
    """(N, 2 K) float64 intersection and union of the K classes that occur: what their mean IoU needs."""
    shared = np.diagonal(matrices, axis1=1, axis2=2)
    union = matrices.sum(axis=1) + matrices.sum(axis=2) - shared
    return np.concatenate([shared[:, occurring], union[:, occurring]], axis=1).astype(float)


def _pooled_iou(sums: Array) -> Array:
    """(B,) mean IoU over the classes that occur, of (B, 2 K) sums of `_class_sums`."""
    shared, either = np.split(sums, 2, axis=1)
    return mean_of_present(ratio(shared, either), either)


def _score_constant(regions: Array, number: int) -> dict[str, float]:
    """The metrics of masks that are one class everywhere."""
    always = constant_counts(regions, number)
    # Where a constant's boundary lies depends on the masks, which are not kept: it has no boundary IoU.
    blank = np.zeros((*always.shape[:-1], 3), dtype=np.int64)
    labelled = OverlapCounts(always, blank).select(np.flatnonzero(regions.any(axis=(1, 2))))
    pooled = OverlapCounts(always.sum(axis=0)[None], blank[:1])
    means, sums = labelled.scores[0].mean(axis=0).tolist(), pooled.scores[0][0].tolist()
    return {f"mean_{name}": value for name, value in zip(METRICS, means, strict=False)} | {
        f"pooled_{name}": value for name, value in zip(METRICS, sums, strict=False)
    }


def _choose_examples(
    predictions: MaskPredictions, on: EvaluationSet, images: Array, failed: int
) -> MaskExamples:
    """Images of the lowest (all failures, up to 12), of the middle and of the highest IoU, none of them twice."""
    scores = predictions.overlaps.scores[0]
    order = images[np.argsort(scores[images, 0], kind="stable")].tolist()
    before = (len(order) - _SHOWN) // 2
    low = max(_SHOWN, min(failed, MOST_FAILED, before))
    middle = max(low, before)
    high = max(middle + _SHOWN, len(order) - _SHOWN)
    paths = on.data.images["image"]

    def show(part: list[int]) -> list[MaskExample]:
        return [
            MaskExample(
                row=predictions.rows[i], image=paths[predictions.rows[i]],
                scores=dict(zip(FIGURES, scores[i].tolist(), strict=True)),
            )
            for i in part
        ]  # fmt: skip

    return MaskExamples(
        worst=show(order[:low]), median=show(order[middle : middle + _SHOWN]), best=show(order[high:][::-1])
    )


def is_collapsed(report: SegmentModel) -> bool:
    """Whether the model predicts a single class."""
    return len(report.predicted_classes) < 2


def few_groups(report: SegmentModel) -> list[str]:
    """Classes with images that have too few groups for a confidence interval."""
    return [name for name, row in report.classes.items() if row.images and row.pooled["iou"].low is None]
