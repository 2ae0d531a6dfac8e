"""Tune a promptable model: every prompt's mask is a prediction of two classes, whatever the classes of the data are."""

from pupila.imaging.images.preprocess import Preprocessing
from pupila.tasks.task import Array, PostProcessing
from pupila.tasks.tuning.calibration import Calibration
from pupila.tasks.tuning.segment import MaskPredictions, tune_masks

OBJECT_NAME = "object"  # the foreground of a prompt


def tune_prompts(
    predictions: MaskPredictions, groups: Array, spec: Preprocessing, start: PostProcessing
) -> Calibration:
    """Temperature, threshold and post-processing: see `tune_masks`.

    Args:
        predictions: for the prompts of all images.
        groups: (V,) group number of each prompt's image.
        spec: gives the size to which the shares of post-processing refer.
        start: post-processing that the tuned values are added to.
    """
    return tune_masks(predictions, groups, spec, start, OBJECT_NAME)
