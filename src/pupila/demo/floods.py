"""Synthetic aerial flood scenes with water masks."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from pupila.core import files
from pupila.imaging.images.decode import Array

WIDTH, HEIGHT = 320, 240  # pixels of a scene
_TERRAIN = 5  # coarse cells per side of the height map


def write_scenes(folder: Path, count: int, seed: int) -> None:
    """Draw `images/NNN.jpg`, `masks/NNN.png` (0 land, 255 water), and `classes.json` with these classes."""
    rng = np.random.default_rng(seed)
    files.write_json(str(folder / "classes.json"), {"0": "land", "255": "water"})
    for number in range(count):
        picture, water = draw_scene(rng)
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "JPEG", quality=int(rng.integers(60, 93)))
        files.write_bytes(str(folder / f"images/{number:03d}.jpg"), buffer.getvalue())
        mask = io.BytesIO()
        Image.fromarray(np.where(water, 255, 0).astype(np.uint8)).save(mask, "PNG")
        files.write_bytes(str(folder / f"masks/{number:03d}.png"), mask.getvalue())


def draw_scene(rng: np.random.Generator) -> tuple[Array, Array]:
    """One scene.

    Returns:
        (HEIGHT, WIDTH, 3) uint8 RGB, and (HEIGHT, WIDTH) bool, true where there is water.
    """
    height = _smooth_noise(rng, _TERRAIN) + 0.15 * _smooth_noise(rng, 3 * _TERRAIN)
    water = height < np.quantile(height, rng.uniform(0.2, 0.65))
    land = Image.fromarray(_draw_land(rng, height))
    drawing = ImageDraw.Draw(land)
    dry = Image.new("L", (WIDTH, HEIGHT))
    standing = ImageDraw.Draw(dry)
    for _ in range(int(rng.integers(6, 22))):
        _draw_obstacle(drawing, standing, rng)
    muddy = _draw_water(rng, height)
    water &= np.asarray(dry) == 0  # objects in the water are not water
    flooded = np.where(water[..., None], muddy, np.asarray(land))
    soft = Image.fromarray(flooded.astype(np.uint8)).filter(
        ImageFilter.GaussianBlur(float(rng.uniform(0.3, 1.2)))
    )
    noisy = np.asarray(soft, dtype=np.float32) * rng.uniform(0.75, 1.2) + rng.normal(0, 5, flooded.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8), water


def _smooth_noise(rng: np.random.Generator, cells: int) -> Array:
    """(HEIGHT, WIDTH) float32: hills."""
    coarse = Image.fromarray(rng.random((cells, cells), dtype=np.float32))
    return np.asarray(coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))


def _draw_land(rng: np.random.Generator, height: Array) -> Array:
    """Fields of green and brown; some are as dark and as brown as muddy water."""
    green, brown = np.array([70, 110, 50]), np.array([140, 115, 80])
    mixed = _smooth_noise(rng, 7)[..., None]
    grain = rng.normal(0, 14, (HEIGHT, WIDTH, 1))
    coloured = green * mixed + brown * (1 - mixed) + 40 * (height[..., None] - 0.5) + grain
    return np.asarray(np.clip(coloured, 0, 255).astype(np.uint8))


def _draw_water(rng: np.random.Generator, height: Array) -> Array:
    """Brown to grey water, in which the sky glitters."""
    mud, sky = np.array([125, 105, 80]), np.array([150, 165, 180])
    share = rng.uniform(0.1, 0.8) * _smooth_noise(rng, 4)[..., None]
    ripples = 6 * np.sin(np.arange(HEIGHT)[:, None, None] * rng.uniform(0.4, 1.2) + 9 * height[..., None])
    return np.asarray(mud * (1 - share) + sky * share + ripples)


def _draw_obstacle(drawing: ImageDraw.ImageDraw, dry: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """A house or a tree, above the water."""
    x, y = int(rng.integers(WIDTH)), int(rng.integers(HEIGHT))
    if rng.random() < 0.5:
        box = (x, y, x + int(rng.integers(10, 30)), y + int(rng.integers(8, 22)))
        drawing.rectangle(box, fill=(170, 80, 60) if rng.random() < 0.5 else (150, 150, 155))
        dry.rectangle(box, fill=255)
    else:
        r = int(rng.integers(4, 12))
        box = (x - r, y - r, x + r, y + r)
        drawing.ellipse(box, fill=(40, int(rng.integers(70, 110)), 40))
        dry.ellipse(box, fill=255)
