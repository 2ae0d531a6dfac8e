"""Precision and recall on planted duplicates, beside a plain perceptual hash with two usual radii."""

import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image, ImageEnhance

import pupila
from benchmarks.measure import new_cache, real_data

KINDS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "quality 50": lambda p: Image.open(io.BytesIO(_jpeg(p, 50))).convert("RGB"),
    "half": lambda p: p.resize((p.width // 2, p.height // 2)),
    "flipped": lambda p: p.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "cropped 5 % at every side": lambda p: _crop(p, 0.05),
    "cropped 5 % in all": lambda p: _crop(p, 0.025),
    "brighter 10 %": lambda p: ImageEnhance.Brightness(p).enhance(1.1),
}
RADII = (4, 10)


def _jpeg(picture: Image.Image, jpeg_quality: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=jpeg_quality)
    return buffer.getvalue()


def _crop(p: Image.Image, share: float) -> Image.Image:
    x, y = round(p.width * share), round(p.height * share)
    return p.crop((x, y, p.width - x, p.height - y))


def run() -> dict[str, Any]:
    """One table for each set."""
    figures: dict[str, Any] = {}
    for name, most in (("ants_bees", 397), ("grocery_packages", 300)):
        folder = real_data(name)
        if folder is None:
            continue
        photos = sorted(folder.glob("*/*.jpg"))
        chosen = photos[:: max(1, len(photos) // most)][:most]
        figures[name] = {"photos": len(chosen), **{kind: _measure(chosen, kind) for kind in KINDS}}
    return figures


def _measure(photos: list[Path], kind: str) -> dict[str, Any]:
    """Every photo and one copy of it in one folder: which pairs are found, and which of them were planted."""
    with tempfile.TemporaryDirectory() as folder:
        for number, path in enumerate(photos):
            Path(folder, f"{number:04d}_a.jpg").write_bytes(path.read_bytes())
            with Image.open(path) as picture:
                copy = KINDS[kind](picture.convert("RGB"))
            Path(folder, f"{number:04d}_b.jpg").write_bytes(_jpeg(copy, 90))
        new_cache()
        data = pupila.open(folder)
        names = data.images["image"].to_list()
        detected = {(names[p.first][:4], names[p.second][:4]) for p in data.pairs}
        numbers = [int(text, 16) for text in data.images["phash"]]
    figures = _scores(detected, len(photos))
    figures["plain hash"] = {
        f"within {radius}": _plain(names, numbers, radius, len(photos)) for radius in RADII
    }
    print(f"  {kind}: {figures}", flush=True)
    return figures


def _scores(detected: set[tuple[str, str]], photos: int) -> dict[str, Any]:
    true = sum(first == second for first, second in detected)
    return {
        "recall": round(true / photos, 4),
        "precision": round(true / max(len(detected), 1), 4),
        "other_pairs": len(detected) - true,
    }


def _plain(names: list[str], numbers: list[int], radius: int, photos: int) -> dict[str, Any]:
    detected = {
        (names[i][:4], names[j][:4], j)
        for i in range(len(names)) for j in range(i + 1, len(names))
        if (numbers[i] ^ numbers[j]).bit_count() <= radius
    }  # fmt: skip
    true = sum(first == second for first, second, _ in detected)
    return {"recall": round(true / photos, 4), "precision": round(true / max(len(detected), 1), 4)}
