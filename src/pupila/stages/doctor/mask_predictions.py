"""Compare masks with the out-of-fold predictions of a run."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.predictions.segment import MASK
from pupila.artifacts.report.fingerprint import Fault
from pupila.artifacts.run.out_of_fold import OutOfFold, compute_mask_ious, decode_mask
from pupila.core.messages import number, say
from pupila.imaging.duplicates.signature import SIDE
from pupila.imaging.masks.codec import resize_mask
from pupila.stages.doctor.faults import MAX_RANKED_EXAMPLES, fault
from pupila.stages.doctor.mask_fit import MIN_MASKS, find_misfits, mutual_information
from pupila.stages.doctor.pairing import downscale_masks

Array = NDArray[Any]

LOW_IOU_FACTOR = 0.5  # times the median IoU of the run: below it, mask and prediction disagree


def masks_against_predictions(data: Dataset, predictions: OutOfFold) -> list[Fault]:
    """Masks whose IoU with the run's prediction is unusually low, and predictions that fit another image's mask."""
    images = data.images["image"]
    ious = compute_mask_ious(data, predictions)
    order = np.argsort(ious, kind="stable")
    low = [place for place in order.tolist() if ious[place] < LOW_IOU_FACTOR * np.median(ious)]
    ranked = [
        say("{image} (IoU {iou})", image=images[predictions.rows[place]], iou=number(ious[place]))
        for place in low
    ]
    swapped = [
        say("{image} (its prediction fits the mask of {other})", image=images[row], other=images[other])
        for row, other in _find_swaps(data, predictions)
    ]
    return fault("prediction-fits-another-mask", swapped, shown=MAX_RANKED_EXAMPLES) + fault(
        "mask-prediction-disagreement", ranked, shown=MAX_RANKED_EXAMPLES
    )


def _find_swaps(data: Dataset, predictions: OutOfFold) -> list[tuple[int, int]]:
    """Rows whose prediction fits the mask of another row far better than their own."""
    rows, masks = downscale_masks(data)
    predicted = dict(zip(predictions.rows, predictions.frame[MASK], strict=True))
    positions = [place for place, row in enumerate(rows.tolist()) if row in predicted]
    if len(positions) < MIN_MASKS:
        return []
    classes = len(data.classes)
    small = np.stack(
        [
            resize_mask(decode_mask(predicted[row := int(rows[place])], data, row), SIDE, SIDE)
            for place in positions
        ]
    )
    targets = masks[positions]
    misfits = find_misfits(
        np.arange(len(positions)),
        lambda some: mutual_information(small[some], targets[some], (classes, classes)),
        classes**2,
        targets,
    )
    return [
        (int(rows[positions[misfit.row]]), int(rows[positions[misfit.other]]))
        for misfit in misfits or []
        if misfit.other is not None
    ]
