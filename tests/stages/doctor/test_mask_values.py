"""Faults of mask values, and sound masks that must not be reported."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pupila
from pupila.artifacts.report.fingerprint import Fault
from pupila.stages.doctor.examine import has_errors
from tests.artifacts.dataset.test_annotations import CORNER, SQUARE, annotation, coco, line, photos, yolo
from tests.pictures import write_photo

HEIGHT, WIDTH = 48, 40


def write_masks(folder: Path, class_file: object, *masks: Any) -> Path:
    """Photos with these masks, and a class file."""
    (folder / "masks").mkdir(parents=True)
    for number, mask in enumerate(masks):
        write_photo(folder / f"images/{number}.jpg", number, WIDTH, HEIGHT)
        Image.fromarray(np.asarray(mask, np.uint8)).save(folder / f"masks/{number}.png")
    (folder / "classes.json").write_text(json.dumps(class_file))
    return folder


def rows(*values: Any) -> Any:
    """A mask of so many stripes, as high as each other."""
    levels = np.asarray(values, np.uint8)
    return np.repeat(np.repeat(levels[:, None], HEIGHT // len(values), axis=0), WIDTH, axis=1)


def faults_of(folder: Path) -> dict[str, Fault]:
    return {fault.code: fault for fault in pupila.doctor(folder)}


def test_a_class_without_a_stored_value_is_no_misreading(tmp_path: Path) -> None:
    yolo(tmp_path, {"labels/a.txt": line(0, SQUARE), "labels/b.txt": line(1, CORNER)})
    (tmp_path / "classes.json").write_text(json.dumps(["water", "road", "land"]))
    assert "mask-value-mismatch" not in faults_of(tmp_path)


def test_an_unused_category_beside_pixels_without_a_label_is_no_misreading(tmp_path: Path) -> None:
    photos(tmp_path, "1", "2")
    coco(tmp_path / "a.json", [annotation(1, 7, [SQUARE]), annotation(2, 7, [CORNER])])
    (tmp_path / "classes.json").write_text(json.dumps(["water", "road"]))  # no background, no water
    assert "mask-value-mismatch" not in faults_of(tmp_path)


BLACK, RED, GREEN = (0, 0, 0), (200, 0, 0), (0, 250, 0)
COLOURS = {"land": BLACK, "water": RED, "unlabeled": (0, 0, 250)}


def coloured(*stripes: Any) -> Any:
    return np.asarray(stripes, np.uint8)[rows(*range(len(stripes)))]


def test_frequent_colours_of_no_class_are_unknown_and_damaged_colours_are_soft(tmp_path: Path) -> None:
    damaged = coloured(BLACK, RED, (0, 0, 250))
    damaged[0, :10] = (3, 0, 0)
    write_masks(tmp_path / "data", COLOURS, coloured(BLACK, RED, GREEN, BLACK), damaged)
    opened = pupila.open(tmp_path / "data")
    opened.save(str(tmp_path / "manifest"))
    again = pupila.open(tmp_path / "manifest")
    assert again.hash == opened.hash
    assert again.images["mask_unknown"].to_list() == opened.images["mask_unknown"].to_list() == [480, 10]
    for faults in (faults_of(tmp_path / "data"), faults_of(tmp_path / "manifest")):
        assert faults["unknown-mask-values"].examples == ["masks/0.png (25.00 % of the pixels: #00fa00)"]
        assert faults["soft-mask"].examples == [
            "masks/1.png (0.52 % of the pixels; each is read as the nearest known value)"
        ]
        assert faults["unlabelled-pixels"].examples == ["masks/1.png (33.3 % of the pixels)"]


def test_a_jpeg_of_many_colours_is_not_called_unlabelled(tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    for number in range(3):
        write_photo(tmp_path / f"images/{number}.jpg", number, 160, 120)
        noise = np.random.default_rng(number).integers(-15, 16, (120, 160, 3))
        drawn = np.array([(100, 20, 20), (20, 20, 200)])[(np.arange(160) > 80).astype(int)] + noise
        Image.fromarray(drawn.astype(np.uint8)).save(tmp_path / f"masks/{number}.jpg", quality=97)
    (tmp_path / "classes.json").write_text(json.dumps({"land": (100, 20, 20), "water": (20, 20, 200)}))
    opened = pupila.open(tmp_path)
    assert len(json.loads(opened.images["mask_values"][0])) == 2048  # more are not stored
    faults = {fault.code for fault in pupila.doctor(opened)}
    assert "soft-mask" in faults
    assert not {"unlabelled-pixels", "unknown-mask-values"} & faults


@pytest.mark.parametrize(("values", "misread"), [((0, 1, 255), False), ((0, 1, 7), True), ((0, 255), True)])
def test_255_is_no_misreading_where_several_classes_are_there(
    tmp_path: Path, values: tuple[int, ...], misread: bool
) -> None:
    class_file = {"0": "land", "1": "water", "2": "boat"}
    faults = faults_of(write_masks(tmp_path, class_file, rows(*values), rows(*values[::-1])))
    assert ("mask-value-mismatch" in faults) is misread
    if misread:
        example = faults["mask-value-mismatch"].examples[-1]
        assert example.startswith("boat has value 2 in the class file but occurs in no mask")
        assert has_errors(list(faults.values()))
