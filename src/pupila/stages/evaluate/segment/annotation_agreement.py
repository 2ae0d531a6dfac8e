"""Annotation agreement: how well two annotations of the same image agree, where the data set has both."""

import numpy as np

from pupila.artifacts.dataset.double_annotations import find_double_annotations
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report.evaluation.segment import AnnotationAgreement
from pupila.statistics.metrics.estimates import estimate_means
from pupila.statistics.metrics.segment import dice, image_scores


def annotation_agreement(data: Dataset) -> AnnotationAgreement | None:
    """Mean Dice and IoU between two annotations of an image; None where no image is annotated twice."""
    doubles = find_double_annotations(data)
    if not doubles:
        return None
    values = np.array([(float(image_scores(double.counts, dice)), double.iou) for double in doubles])
    groups = data.components()[[double.pair.first for double in doubles]]
    mean_dice, mean_iou = estimate_means(values, groups)
    return AnnotationAgreement(
        pairs=len(doubles), groups=len(np.unique(groups)), dice=mean_dice, iou=mean_iou
    )
