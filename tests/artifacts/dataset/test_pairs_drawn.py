"""Drawn folders whose masks are known: masks pair whatever the names, other equal stems never do."""

import random
import string
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pupila
from pupila.core.errors import PupilaError
from tests.artifacts.dataset.test_pairs import save
from tests.pictures import Pixels, photo, scene

SIZE = {"width": 48, "height": 36}
IMAGES = ["images", "imagesTr", "Original", "input", "x", "rgb", "train", "leftImg8bit"]
MASKS = ["masks", "gt", "labelsTr", "Ground Truth", "target", "y", "ann", "manual", "SegmentationClass"]
WITHIN = [("{}.jpg", "{}.png"), ("{}_image.png", "{}_label.png"), ("{}.png", "{}_mask.png"),
          ("{}/image.png", "{}/mask.png"), ("{}_orig.jpg", "{}_seg.png")]  # fmt: skip


def draw_word(dice: random.Random) -> str:
    return "".join(dice.choices(string.ascii_lowercase, k=dice.randint(3, 8)))


def draw_stems(dice: random.Random) -> list[str]:
    start, digits = dice.choice(["", "", "case_", draw_word(dice) + "-"]), dice.choice([1, 3, 5])
    return [start + f"{n:0{digits}}" for n in range(dice.randint(4, 7))]


def draw_pair(dice: random.Random) -> tuple[list[str], list[str]]:
    """The patterns of images and masks, one for each split."""
    images, masks = dice.choice(IMAGES), dice.choice(MASKS)
    if dice.random() < 0.5:
        images, masks = draw_word(dice), draw_word(dice) + "2"
    begin, end = dice.choice(["", "volume-", "im_"]), dice.choice(["", "_0000", "_" + draw_word(dice)])
    other = dice.choice([begin, "segmentation-"]), dice.choice(["", "_mask", "_" + draw_word(dice)])
    splits = dice.choice([[""], ["train", "val"], ["train", "val", "test"]])
    above, wrapper = dice.random() < 0.5, dice.choice(["", draw_word(dice)])

    def fill(folder: str, name: str) -> list[str]:
        return [
            "/".join(filter(None, (wrapper, *((s, folder) if above else (folder, s)), name))) for s in splits
        ]

    ending = dice.choice([".png", ".gif", ".bmp"])
    return fill(images, begin + "{}" + end + ".jpg"), fill(masks, other[0] + "{}" + other[1] + ending)


@pytest.mark.parametrize("seed", range(18))
def test_images_and_masks_are_paired(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    images, masks = (
        draw_pair(dice) if seed % 3 else ([[*each] for each in zip(*[dice.choice(WITHIN)], strict=True)])
    )
    expected, level = {}, np.uint8(dice.choice([1, 100, 255]))
    for part, (image, mask) in enumerate(zip(images, masks, strict=True)):
        for n, stem in enumerate(draw_stems(dice)):
            pixels, water = scene(100 * seed + 10 * part + n, **SIZE)
            save(tmp_path / image.format(stem), pixels)
            save(tmp_path / mask.format(stem), water * level)
            expected[tmp_path / image.format(stem)] = tmp_path / mask.format(stem)
    data = pupila.open(tmp_path)
    root = Path(data.root)
    assert {root / a: root / b for a, b in data.images.select("image", "target").iter_rows()} == expected


def draw_pixels(kind: str, seed: int, number: int) -> Pixels:
    """A picture of a folder by its number."""
    pixels = photo(seed + 40 * number, **SIZE)
    if kind == "drawings":
        return (pixels[..., 0] > 120).astype(np.uint8) * np.uint8(255)
    if kind == "digits":
        small = np.asarray(Image.fromarray(pixels[..., 0]).resize((28, 28)))
        return np.where(small > 150, small, 0).astype(np.uint8)
    if kind == "depth" and number:
        return pixels[..., 0].astype(np.uint16) * 200  # type: ignore[return-value]
    return photo(seed, **SIZE) // 2 + np.uint8(40 * number) if kind == "edited" else pixels


@pytest.mark.parametrize("kind", ["photos", "drawings", "digits", "depth", "edited"])
@pytest.mark.parametrize("seed", range(3))
def test_pictures_of_equal_stems_never_become_masks(tmp_path: Path, kind: str, seed: int) -> None:
    dice = random.Random(f"{kind} {seed}")
    names = [draw_word(dice) for _ in range(dice.randint(2, 5))]
    for split in dice.choice([[""], ["train", "test"]]):
        for number, name in enumerate(names):
            for n in range(4):
                path = "/".join(filter(None, (split, name, f"{n}.png")))
                save(tmp_path / path, draw_pixels(kind, 1000 * seed + 7 * n + len(split), number))
    try:
        data = pupila.open(tmp_path)
    except PupilaError as fault:
        assert "--layout" in str(fault)  # a question
    else:
        assert data.target == "class" and data.classes == sorted(names)
