"""Synthetic images for tests: photo-like, and different for each seed."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Pixels = NDArray[np.uint8]


def photo(seed: int, width: int = 96, height: int = 72) -> Pixels:
    """(height, width, 3) uint8: smooth shapes and some texture, so that hashes and detail have something to see."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), dtype=np.float32)
    texture = Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
    detail = np.asarray(texture.filter(ImageFilter.GaussianBlur(1.5)), dtype=np.float32) - 127
    pixels: Pixels = np.clip(0.85 * smooth + 1.2 * detail + 15, 0, 255).astype(np.uint8)
    return pixels


def encoded(pixels: Pixels, format: str = "PNG", **options: Any) -> bytes:
    """The pixels as the bytes of a file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format, **options)
    return buffer.getvalue()


def write_photo(path: Path, seed: int, width: int = 96, height: int = 72, **options: Any) -> Path:
    """Write a drawn photo; the ending names the format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(photo(seed, width, height)).save(path, **options)
    return path


def write_classes(folder: Path, counts: dict[str, int], seed: int = 0) -> Path:
    """A folder per class with so many distinct photos; returns the folder."""
    number = seed * 100_000
    for name, count in counts.items():
        for i in range(count):
            write_photo(folder / name / f"{i:03d}.jpg", number, quality=92)
            number += 1
    return folder


def scene(seed: int, width: int = 96, height: int = 72) -> tuple[Pixels, Pixels]:
    """A drawn photo with dark water in it, and (height, width) uint8, 1 where the water is."""
    rng = np.random.default_rng([7, seed])
    coarse = Image.fromarray(rng.integers(0, 256, (4, 5), dtype=np.uint8))
    heights = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))
    water: Pixels = (heights < np.quantile(heights, rng.uniform(0.2, 0.6))).astype(np.uint8)
    land = photo(seed, width, height)
    return np.where(water[..., None] == 1, land // 4 + np.uint8(20), land // 2 + np.uint8(100)), water


def write_scenes(folder: Path, count: int, seed: int = 0, high: int = 255) -> Path:
    """`images/NNN.png` beside `masks/NNN.png` of 0 and `high`; returns the folder."""
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        shown, water = scene(1000 * seed + number)
        Image.fromarray(shown).save(folder / f"images/{number:03d}.png")
        Image.fromarray(water * np.uint8(high)).save(folder / f"masks/{number:03d}.png")
    return folder
