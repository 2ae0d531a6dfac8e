"""Images with several labels each: up to four coloured squares, one column per class, some cells empty."""

import csv
from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = {"blue": (40, 60, 220), "green": (40, 190, 60), "red": (220, 40, 40), "yellow": (230, 220, 60)}
CHANCES = {"blue": 0.5, "green": 0.35, "red": 0.3, "yellow": 0.15}  # that an image shows the class
_SIDE, _SQUARE = 64, 20  # pixels


def write_several_labels(
    folder: Path, count: int = 60, seed: int = 0, unknown: float = 0.1, product: int = 2
) -> Path:
    """Write `images/*.png` and `labels.csv`: image, group, and 1, 0 or nothing in a column per class.

    Args:
        folder: that is made.
        count: images.
        seed: of the draws.
        unknown: share of the cells that are left empty.
        product: images of one group, which show the same classes.

    Returns:
        The folder.
    """
    rng = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True)
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "group", *COLOURS])
        for number in range(count):
            if number % product == 0:
                shown = [rng.random() < chance for chance in CHANCES.values()]
            name = f"images/{number:03d}.png"
            Image.fromarray(_draw(shown, rng)).save(folder / name)
            cells = ["" if rng.random() < unknown else int(present) for present in shown]
            writer.writerow([name, f"g{number // product}", *cells])
    return folder


def _draw(shown: list[bool], rng: np.random.Generator) -> np.ndarray:
    """(64, 64, 3) uint8: a noisy ground with a square in each corner whose class is shown, in any corner."""
    picture = rng.integers(90, 150, (_SIDE, _SIDE, 3), dtype=np.uint8)
    corners = rng.permutation(4)
    for corner, present, colour in zip(corners, shown, COLOURS.values(), strict=True):
        if present:
            top, left = ((corner // 2) * 34 + rng.integers(0, 8), (corner % 2) * 34 + rng.integers(0, 8))
            picture[top : top + _SQUARE, left : left + _SQUARE] = colour
    return picture
