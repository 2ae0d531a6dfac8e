"""Synthetic GeoTIFFs with five bands of 16 bits: drawn scenes with water, and bands that no RGB image has."""

from pathlib import Path

import numpy as np

from tests.imaging.geotiff.test_scene import write
from tests.pictures import scene

RGB = (4, 3, 2)  # the bands that hold red, green and blue
BLACK, STEP = 300, 20  # value of a scene's black, and of each of its 255 levels


def write_banded(folder: Path, count: int, seed: int = 0) -> Path:
    """`images/NNN.tif` of five bands beside `masks/NNN.tif` of 0 and 1; returns the folder."""
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        shown, water = scene(1000 * seed + number)
        bands = np.full((5, *water.shape), 9_000, np.uint16)
        bands[[band - 1 for band in RGB]] = BLACK + STEP * shown.transpose(2, 0, 1).astype(np.uint16)
        write(folder / f"images/{number:03d}.tif", bands)
        write(folder / f"masks/{number:03d}.tif", water[None])
    return folder
