"""Annotation agreement: how well two annotations of the same image agree, where the data set has both."""

import numpy as np

from pupila.artifacts.dataset.double_annotations import find_double_annotations
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report.evaluation.segment import AnnotationAgreement
from pupila.statistics.metrics.estimates import estimate_means
from pupila.statistics.metrics.segment import dice, image_scores


def annotation_agreement(data: Dataset) -> AnnotationAgreement | None:
    """Mean Dice and IoU between two annotations of an image; None where no image is annotated twice."""
    annotation_pairs = find_double_annotations(data)
    if not annotation_pairs:
        return None
    values = np.array(
        [
            (float(image_scores(annotation_pair.counts, dice)), annotation_pair.iou)
            for annotation_pair in annotation_pairs
        ]
    )
    groups = data.components()[[annotation_pair.pair.first for annotation_pair in annotation_pairs]]
    agreement, iou = estimate_means(values, groups)
    return AnnotationAgreement(
        pairs=len(annotation_pairs), groups=len(np.unique(groups)), dice=agreement, iou=iou
    )
