"""The boxes of connected regions."""

import numpy as np

from pupila.imaging.regions import Array, find_runs, group_runs

Box = tuple[int, int, int, int]  # left, top, right, bottom, pixels; the right and lower ends are outside


def find_boxes(mask: Array, most: int) -> dict[int, list[Box]]:
    """The boxes of the largest regions of every value of a mask, the largest first.

    Args:
        mask: (H, W) uint8; equal pixels that touch, also at a corner, are one region.
        most: regions of a value; smaller ones are left out.
    """
    runs = find_runs(mask)
    first, region = np.unique(group_runs(runs), return_inverse=True)  # the first run of a region lies highest
    left, right, bottom = np.full(len(first), mask.size), np.zeros(len(first), int), np.zeros(len(first), int)
    np.minimum.at(left, region, runs.start)
    np.maximum.at(right, region, runs.end)
    np.maximum.at(bottom, region, runs.row + 1)
    boxes = np.stack([left, runs.row[first], right, bottom], axis=1)
    order = np.argsort(-np.bincount(region, runs.length), kind="stable")
    values = runs.value[first][order]
    return {
        int(value): [
            (box[0], box[1], box[2], box[3]) for box in boxes[order[values == value][:most]].tolist()
        ]
        for value in np.unique(values)
    }
