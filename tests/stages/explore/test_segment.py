"""The fingerprint and the page of masks: areas counted by hand, and mask overlays."""

import base64
import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pupila
from pupila.imaging.masks.label_map import COLOURS
from pupila.stages.explore.segment import MASK_VIEW
from tests.pictures import scene, write_scenes
from tests.stages.explore.test_page import opened_page


def write_columns(folder: Path, widths: list[int]) -> Path:
    """A scene for each width, its mask so many columns of 96 wide."""
    write_scenes(folder, len(widths))
    for number, width in enumerate(widths):
        drawn = np.zeros((72, 96), np.uint8)
        drawn[:, :width] = 255
        Image.fromarray(drawn).save(folder / f"masks/{number:03d}.png")
    return folder


def test_areas_are_those_counted_by_hand(tmp_path: Path) -> None:
    folder = write_columns(tmp_path / "data", [0, 24, 48, 96])
    (folder / "masks/003.png").unlink()
    fingerprint = pupila.explore(folder, out=tmp_path / "out").fingerprint
    rows = fingerprint.classes.items()
    assert {name: [row.images, row.share, row.groups] for name, row in rows} == {
        "background": [3, pytest.approx(0.75), 3],
        "foreground": [2, pytest.approx(0.25), 2],
    }
    assert (fingerprint.target, fingerprint.unlabelled, fingerprint.splits) == ("mask", 1, None)


def test_areas_of_each_split_sum_up_to_the_whole(tmp_path: Path) -> None:
    folder = write_columns(tmp_path, [4 * number for number in range(24)])
    splits = pupila.split(folder)
    explored = pupila.explore(folder)
    assert explored.fingerprint.splits is not None
    of_splits = explored.fingerprint.splits.shares
    assert len(of_splits) == 3
    columns = {f"images/{number:03d}.png": 4 * number for number in range(24)}
    for split, shares in of_splits.items():
        own = [columns[row.image] for row in splits.in_split(split)]
        assert shares["foreground"] == pytest.approx(sum(own) / len(own) / 96)
        assert sum(shares.values()) == pytest.approx(1)
    page = opened_page(explored.page)
    for text in ("Mask overlays", "foreground, in 23 images", "train: 14 of", "Comparison of splits",
                 "Images per class", "Use Dice or IoU"):  # fmt: skip
        assert text in page


def test_most_typical_and_least_of_a_class_are_shown_once_each(tmp_path: Path) -> None:
    data = pupila.open(write_columns(tmp_path, [4 * number for number in range(24)]))
    (_, patches), (heading, shown) = MASK_VIEW.samples(data, None).galleries
    assert [patch.caption for patch in patches] == ["foreground", "no label"]
    assert heading == "foreground, in 23 images: largest, typical and smallest areas"
    numbers = [int(picture.caption[:3]) for picture in shown]
    assert numbers == [*range(23, 16, -1), *range(15, 8, -1), *range(7, 0, -1)]
    assert shown[0].caption == "023.png 95.83 %"


def test_the_overlay_shows_the_mask_and_leaves_the_background(tmp_path: Path) -> None:
    data = pupila.open(write_columns(tmp_path, [48, 48]))
    source = MASK_VIEW.picture(data, 0, False).source
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2])))).astype(int)
    bare = scene(0)[0].astype(int)
    assert shown.shape == bare.shape
    assert np.abs(shown - bare)[:, 56:].mean() < 8  # JPEG
    laid = (bare[:, :40] + np.array(COLOURS[0])) / 2
    assert np.abs(shown[:, :40] - laid).mean() < 8


def test_a_missing_mask_leaves_a_note(tmp_path: Path) -> None:
    data = pupila.open(write_columns(tmp_path, [48, 48]))
    (tmp_path / "masks/000.png").unlink()
    assert "can no longer be read" in MASK_VIEW.picture(data, 0, False).caption


def test_the_page_of_real_masks(real_data: Callable[[str], Path], tmp_path: Path) -> None:
    explored = pupila.explore(real_data("dubai_aerial"), out=tmp_path)
    page = opened_page(explored.page)
    classes = explored.fingerprint.classes
    assert list(classes) == ["land (unpaved)", "water", "building", "vegetation", "road"]
    assert classes["road"].images == 64
    assert classes["land (unpaved)"].share == pytest.approx(0.479, abs=0.001)
    assert len(re.findall("<figure", page)) == 6 + 5 * 21  # no split: patches, and three rows for each class
