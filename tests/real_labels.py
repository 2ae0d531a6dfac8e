"""Real images with several labels each, made from the masks of real data: "has road", "has water", ..."""

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import pupila
from pupila.artifacts.dataset.manifest import Dataset
from pupila.imaging.regions import label_regions

LEAST_SHARE = 0.03  # of an image's pixels, from which it shows a class
_DENSE, _LARGE, _MANY = 0.15, 0.02, 30  # share that nuclei cover, share of the largest, nuclei

Labels = dict[str, bool | None]  # class name -> present, absent or unknown


def write_real_labels(source: Path, folder: Path, count: int | None = None) -> Path:
    """Write `labels.csv` (image, group and a column per class) and `images/`, links to those of a real data set.

    Args:
        source: `dubai_aerial` (72 images, 5 classes, some unknown; a group is a tile), or `dsb2018_nuclei` (664
            images, 3 classes).
        folder: that is made.
        count: images, the first ones; None: all.

    Returns:
        The folder.
    """
    data = pupila.open(source)
    count = len(data) if count is None else count
    rows = _nuclei(data, count) if source.name == "dsb2018_nuclei" else _surfaces(data)[:count]
    (folder / "images").mkdir(parents=True)
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "group", *rows[0]])
        for row, labels in enumerate(rows):
            image = Path(data.images["image"][row])
            (folder / "images" / image.name).symlink_to(data.path(row))
            cells = ["" if shown is None else int(shown) for shown in labels.values()]
            writer.writerow([f"images/{image.name}", _group(image.stem), *cells])
    return folder


def _group(stem: str) -> str:
    """`tile1` of `tile1_001`; the image itself where no tile is named."""
    return stem.partition("_")[0]


def _surfaces(data: Dataset) -> list[Labels]:
    """Classes that cover at least 3 % of an image; unknown where only the pixels without a label might reach that."""
    pixels = (data.images["height"] * data.images["width"]).to_numpy()[:, None]
    shares = data.class_pixels / pixels
    possible = shares + 1 - shares.sum(axis=1, keepdims=True)
    return [
        {name: True if share >= LEAST_SHARE else None if most >= LEAST_SHARE else False
         for name, share, most in zip(data.classes, *row, strict=True)}
        for row in zip(shares, possible, strict=True)
    ]  # fmt: skip


def _nuclei(data: Dataset, count: int) -> list[Labels]:
    return [_describe_nuclei(data.mask(row) == 1) for row in range(count)]


def _describe_nuclei(nuclei: NDArray[np.bool_]) -> Labels:
    """What the nuclei of one image are like.

    Args:
        nuclei: (H, W) bool.
    """
    areas = np.bincount(label_regions(nuclei).ravel())[1:]
    return {
        "dense": bool(nuclei.mean() >= _DENSE),
        "large nuclei": bool(areas.max(initial=0) >= _LARGE * nuclei.size),
        "many nuclei": len(areas) >= _MANY,
    }
