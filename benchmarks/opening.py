"""Opening a data set, cold and warm, against a typical loop of PIL and imagehash."""

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import Any

import imagehash
import numpy as np
from PIL import Image

import pupila
from benchmarks.growth import measure
from benchmarks.measure import new_cache, real_data, seconds, side_by_side

SETS = ("ants_bees", "grocery_packages", "brain_mri")
MANY = (10_000, 100_000)


def naive(folder: Path) -> list[tuple[str, ...]]:
    """A typical script: one loop, one thread."""
    rows: list[tuple[str, ...]] = []
    for path in sorted(folder.glob("*/*")):
        if path.suffix.lower() in (".jpg", ".jpeg", ".png"):
            image = Image.open(path)
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            rows.append((path.name, digest, str(image.size), image.mode, str(imagehash.phash(image))))
    return rows


def run() -> dict[str, Any]:
    """Images per second of each, and the ratios."""
    figures: dict[str, Any] = {}
    for name in SETS:
        folder = real_data(name)
        if folder is None:
            continue
        images = len(naive(folder))

        def cold(where: Path = folder) -> None:
            new_cache()
            pupila.open(where)

        ours, theirs = side_by_side(cold, lambda where=folder: naive(where))  # type: ignore[misc]
        warm = seconds(lambda where=folder: pupila.open(where))  # type: ignore[misc]
        figures[name] = {
            "images": images, "cold_per_second": round(images / ours), "naive_per_second": round(images / theirs),
            "warm_per_second": round(images / warm), "cold_ratio": round(theirs / ours, 2),
        }  # fmt: skip
        print(f"  {name}: {figures[name]}")
    figures["small images"] = {str(count): _many(count) for count in MANY}
    print(f"  small images: {figures['small images']}")
    return figures


def _many(count: int) -> dict[str, Any]:
    """The first and the second opening of so many images, each in a process of its own, beside the tree before."""
    folder = Path(tempfile.mkdtemp())
    rng = np.random.default_rng(1)
    for name in ("a", "b"):
        (folder / name).mkdir()
    for number in range(count):
        pixels = rng.integers(0, 256, (24, 24), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{'ab'[number % 2]}/{number:06d}.png", compress_level=1)
    new_cache()
    figures = {"cold": measure("open", folder), "warm": measure("open", folder)}
    shutil.rmtree(folder)
    return figures
