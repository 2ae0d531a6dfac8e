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
from benchmarks.measure import new_cache, real_data, seconds, side_by_side

SETS = ("ants_bees", "grocery_packages", "brain_mri")
MANY = 10_000


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
    figures["10000 small images"] = _many()
    print(f"  10,000 small images: {figures['10000 small images']}")
    return figures


def _many() -> dict[str, float]:
    """The second opening of 10,000 images against the first."""
    folder = Path(tempfile.mkdtemp())
    rng = np.random.default_rng(1)
    (folder / "a").mkdir()
    for number in range(MANY):
        pixels = rng.integers(0, 256, (48, 48, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"a/{number}.jpg")
    new_cache()
    cold, warm = seconds(lambda: pupila.open(folder)), seconds(lambda: pupila.open(folder))
    shutil.rmtree(folder)
    return {"cold_seconds": round(cold, 2), "warm_seconds": round(warm, 2), "ratio": round(cold / warm, 1)}
