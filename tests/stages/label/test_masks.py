"""Where predicted masks are written, with which values, and which pixels they can't store."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pupila
from pupila.core.errors import PupilaError
from pupila.core.vocabulary import IGNORE
from pupila.stages.label.labellers.labeller import NoLabel, ProposedLabel
from pupila.stages.label.labellers.segment import MaskWriter
from pupila.stages.label.mask_files import mask_path, read_mask
from tests.pictures import encoded, photo, scene, write_photo

DRAWN = np.zeros((72, 96), np.uint8)
DRAWN[:30] = 1


def of_masks(folder: Path, classes: object, *masks: Any) -> Path:
    """Images of which the first have masks, the last one none."""
    for number in range(len(masks) + 1):
        write_photo(folder / f"images/{number}.png", number)
    (folder / "masks").mkdir()
    for number, mask in enumerate(masks):
        (folder / f"masks/{number}.png").write_bytes(encoded(mask))
    (folder / "masks/classes.json").write_text(json.dumps(classes))
    return folder


def test_new_masks_are_written_beside_images_like_the_others(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"i{number}.jpg").write_bytes(encoded(photo(number), "JPEG"))
        if number < 4:
            (tmp_path / f"i{number}_mask.png").write_bytes(encoded(scene(number)[1] * np.uint8(255)))
    data = pupila.open(tmp_path)
    writer = MaskWriter(data, ["background", "foreground"])
    assert writer.write(4, DRAWN, 0.9, None) == ProposedLabel(
        "i4_mask.png", ("background", "foreground"), 0.9
    )
    assert writer.write(4, 1 - DRAWN, 0.9, None) == NoLabel("has_mask")
    after = pupila.open(tmp_path)
    assert after.images["image"].to_list() == [f"i{number}.jpg" for number in range(5)]
    assert np.array_equal(after.mask(4), DRAWN)


def test_colour_masks_get_colours(tmp_path: Path) -> None:
    road, lake = (128, 64, 128), (0, 0, 255)
    there = np.where(DRAWN[..., None] == 1, road, lake).astype(np.uint8)
    folder = of_masks(tmp_path, {"lake": lake, "road": road}, there, there)
    writer = MaskWriter(pupila.open(folder), ["road", "lake"])  # in an order of its own
    assert isinstance(writer.write(2, DRAWN, None, None), ProposedLabel)
    after = pupila.open(folder)
    assert after.classes == ["lake", "road"]
    assert np.array_equal(after.mask(2), 1 - DRAWN)


def test_an_unlabelled_pixel_never_becomes_a_class(tmp_path: Path) -> None:
    values = (DRAWN * 128).astype(np.uint8)
    values[60:] = 255
    partly = DRAWN.copy()
    partly[40:] = IGNORE
    classes = {"0": "road", "128": "water", "255": "sky"}
    folder = of_masks(tmp_path / "full", classes, values, values)
    writer = MaskWriter(pupila.open(folder), ["road", "water"])
    with pytest.raises(PupilaError, match="can't store unlabelled pixels: found road, water, sky"):
        writer.write(2, partly, None, None)
    assert not (folder / "masks/2.png").exists()
    folder = of_masks(tmp_path / "void", {**classes, "7": "void"}, values, values)
    MaskWriter(pupila.open(folder), ["road", "water"]).write(2, partly, None, None)
    assert np.array_equal(pupila.open(folder).mask(2), partly)
    folder = of_masks(tmp_path / "around", {**classes, "255": "background"}, values, values)
    MaskWriter(pupila.open(folder), ["road", "water"]).write(2, partly, None, None)
    assert np.array_equal(pupila.open(folder).mask(2), np.where(partly == IGNORE, 2, partly))


@pytest.mark.parametrize(
    ("image", "path"),
    [
        ("a.jpg", "masks/a.png"),
        ("images/north/a.jpg", "masks/north/a.png"),
        ("../photos/a.jpg", "masks/photos/a.png"),
        ("/mnt/images/a.jpg", "masks/mnt/a.png"),
    ],
)
def test_masks_are_written_below_the_data_wherever_the_images_are(image: str, path: str) -> None:
    assert mask_path(image) == path


def test_a_mask_that_is_not_in_force_lies_as_the_one_that_is(tmp_path: Path) -> None:
    rotated = Image.Exif()
    rotated[0x0112] = 6
    shown, water = scene(3)
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    (tmp_path / "images/a.png").write_bytes(encoded(np.ascontiguousarray(np.rot90(shown)), exif=rotated))
    stored = encoded(np.ascontiguousarray(np.rot90(water)) * 255)
    (tmp_path / "masks/a.png").write_bytes(stored)
    upright, lake = scene(4)
    (tmp_path / "images/b.png").write_bytes(encoded(upright))
    (tmp_path / "masks/b.png").write_bytes(encoded(lake * 255))
    data = pupila.open(tmp_path)
    (tmp_path / "other.png").write_bytes(stored)
    assert np.array_equal(data.mask(0), water)
    assert np.array_equal(read_mask(data, 0, "other.png"), water)
