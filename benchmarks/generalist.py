"""Train `pupila-sam` as a generalist: on nuclei, on land cover, class by class, and on drawn shapes; never on floods.

    python -m benchmarks.generalist FOLDER [--epochs 5 ...]

FOLDER gets the merged data set and the run; the bundle in it is the *pretrained* model of the benchmark of prompts.
"""

import io
import os
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

import pupila
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.open import open as open_data
from pupila.cli.flags import Reader
from pupila.core import files
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.decode import Array
from pupila.imaging.masks.codec import encode_png
from pupila.tasks.segment import foreground_classes

DATA = Path(os.environ.get("PUPILA_DATA", "../shared/data"))
WEIGHTS = Path(os.environ.get("PUPILA_WEIGHTS", "../shared/weights"))
SOURCES = ("dsb2018_nuclei", "dubai_aerial")
SCENES, SIDE, SHAPES = 600, 320, 4  # drawn scenes, their sides in pixels, and kinds of shapes in one
SETTINGS = {
    "model": "pupila-sam", "weights": str(WEIGHTS / "tf_efficientnet_b0_encoder.safetensors"), "target": "both",
    "targets": 2, "epochs": 10, "augmented_views": 2, "batch_size": 4, "lr": 4e-4, "points": 4, "clip_norm": 1.0,
    "box_jitter": 0.15,
}  # fmt: skip


def merge_sources(folder: Path) -> None:
    """Images and masks of all sources side by side, under one list of classes."""
    classes = ["ground"]  # a class too: a prompt on it means it, and the same image has two predictions
    for name in SOURCES:
        data = open_data(DATA / name)
        own = foreground_classes(data.classes)
        table = np.full(256, 0, np.uint8)
        table[IGNORE] = IGNORE
        for number, title in own.items():
            table[number] = len(classes)
            classes.append(f"{name} {title}")
        for row in range(len(data)):
            _copy_image(data, row, table, folder, f"{name}-{row:04d}")
    first = len(classes)
    classes += [f"drawn {number}" for number in range(SHAPES)]
    rng = np.random.default_rng(11)
    for number in range(SCENES):
        picture, mask = drawn_scene(rng)
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "JPEG", quality=int(rng.integers(70, 95)))
        mask = np.where(mask > 0, mask + first - 1, 0).astype(np.uint8)
        _write(folder, f"drawn-{number:04d}.jpg", buffer.getvalue(), mask)
    names = {**{str(index): name for index, name in enumerate(classes)}, str(IGNORE): "unlabeled"}
    files.write_json(str(folder / "classes.json"), names)


def _copy_image(data: Dataset, row: int, table: Array, folder: Path, stem: str) -> None:
    mask = data.mask(row)
    if data.images["target"][row] is not None and np.isin(mask, list(foreground_classes(data.classes))).any():
        suffix = Path(data.path(row)).suffix
        _write(folder, f"{stem}{suffix}", files.read_bytes(data.path(row)), table[mask])


def _write(folder: Path, name: str, content: bytes, mask: Array) -> None:
    files.write_bytes(str(folder / "images" / name), content)
    files.write_bytes(str(folder / "masks" / f"{Path(name).stem}.png"), encode_png(mask))


def drawn_scene(rng: np.random.Generator) -> tuple[Array, Array]:
    """(SIDE, SIDE, 3) uint8: textured shapes of some kinds on a textured ground; (SIDE, SIDE) uint8: their kind."""
    picture, mask = _texture(rng), Image.new("L", (SIDE, SIDE))
    for kind in range(1, int(rng.integers(1, SHAPES + 1)) + 1):
        fill = _texture(rng)
        for _ in range(int(rng.integers(1, 5))):
            shape = Image.new("L", (SIDE, SIDE))
            ImageDraw.Draw(shape).polygon(_outline(rng), fill=255)
            there = np.asarray(shape.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 1.5)))))
            share = there[..., None] / 255.0
            picture = share * fill + (1 - share) * picture
            mask.paste(kind, mask=Image.fromarray(np.where(there >= 128, 255, 0).astype(np.uint8)))
    noisy = picture * rng.uniform(0.7, 1.2) + rng.normal(0, rng.uniform(1, 12), picture.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8), np.asarray(mask)


def _outline(rng: np.random.Generator) -> list[tuple[float, float]]:
    """A blob, an ellipse or a polygon, from small to large."""
    radius, count = (
        SIDE * float(np.exp(rng.uniform(np.log(0.04), np.log(0.35)))),
        int(rng.choice([3, 4, 5, 6, 48])),
    )
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False) + rng.uniform(0, 2 * np.pi)
    waves = sum(rng.normal(0, 0.25 / n) * np.cos(n * angles + rng.uniform(0, 6.3)) for n in range(1, 6))
    reach = radius * np.clip(1 + waves, 0.3, None)
    stretch, x, y = rng.uniform(0.4, 1), rng.uniform(0, SIDE), rng.uniform(0, SIDE)
    turn = rng.uniform(0, np.pi)
    a, b = reach * np.cos(angles), stretch * reach * np.sin(angles)
    return list(zip((x + a * np.cos(turn) - b * np.sin(turn)).tolist(),
                    (y + a * np.sin(turn) + b * np.cos(turn)).tolist(), strict=True))  # fmt: skip


def _texture(rng: np.random.Generator) -> Array:
    """(SIDE, SIDE, 3) float: two colours mixed by hills or stripes."""
    first, second = rng.uniform(0, 255, (2, 3))
    second = first + (second - first) * rng.uniform(0.05, 0.6)
    if rng.random() < 0.3:
        along = np.add.outer(np.arange(SIDE) * rng.normal(), np.arange(SIDE) * rng.normal())
        hills = 0.5 + 0.5 * np.sin(along * rng.uniform(0.05, 0.6))
    else:
        cells = int(rng.integers(2, 60))
        coarse = Image.fromarray(rng.random((cells, cells), dtype=np.float32))
        hills = np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    return np.asarray(first + hills[..., None] * (second - first))


def main() -> None:
    folder = sys.argv[1]
    reader = Reader("train", {})
    reader.read(sys.argv[1:])
    data = Path(folder) / "data"
    if not (data / "classes.json").exists():
        merge_sources(data)
    run = pupila.train(data, out=Path(folder) / "run", tell=print, **{**SETTINGS, **reader.check()})
    print(run.bundle.folder, run.bundle.info.validation)


if __name__ == "__main__":
    main()
