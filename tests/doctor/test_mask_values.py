"""What the doctor says of the values of masks, and what it does not say of sound ones."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pupila
from pupila.doctor.examine import spoils_training
from pupila.doctor.faults import Fault
from tests.dataset.test_annotations import CORNER, SQUARE, annotation, coco, line, photos, yolo
from tests.pictures import write_photo

HEIGHT, WIDTH = 48, 40


def write_masks(folder: Path, told: object, *masks: Any) -> Path:
    """Photos with these masks, and a class file."""
    (folder / "masks").mkdir(parents=True)
    for number, mask in enumerate(masks):
        write_photo(folder / f"images/{number}.jpg", number, WIDTH, HEIGHT)
        Image.fromarray(np.asarray(mask, np.uint8)).save(folder / f"masks/{number}.png")
    (folder / "classes.json").write_text(json.dumps(told))
    return folder


def rows(*values: Any) -> Any:
    """A mask of so many stripes, as high as each other."""
    levels = np.asarray(values, np.uint8)
    return np.repeat(np.repeat(levels[:, None], HEIGHT // len(values), axis=0), WIDTH, axis=1)


def found(folder: Path) -> dict[str, Fault]:
    return {fault.code: fault for fault in pupila.doctor(folder)}


def test_a_class_without_a_stored_value_is_no_misreading(tmp_path: Path) -> None:
    yolo(tmp_path, {"labels/a.txt": line(0, SQUARE), "labels/b.txt": line(1, CORNER)})
    (tmp_path / "classes.json").write_text(json.dumps(["water", "road", "land"]))
    assert "misread-mask-values" not in found(tmp_path)


def test_an_unused_category_beside_pixels_without_a_label_is_no_misreading(tmp_path: Path) -> None:
    photos(tmp_path, "1", "2")
    coco(tmp_path / "a.json", [annotation(1, 7, [SQUARE]), annotation(2, 7, [CORNER])])
    (tmp_path / "classes.json").write_text(json.dumps(["water", "road"]))  # no background, no water
    assert "misread-mask-values" not in found(tmp_path)


@pytest.mark.parametrize(("values", "misread"), [((0, 1, 255), False), ((0, 1, 7), True), ((0, 255), True)])
def test_255_is_no_misreading_where_several_classes_are_there(
    tmp_path: Path, values: tuple[int, ...], misread: bool
) -> None:
    told = {"0": "land", "1": "water", "2": "boat"}
    faults = found(write_masks(tmp_path, told, rows(*values), rows(*values[::-1])))
    assert ("misread-mask-values" in faults) is misread
    if misread:
        told_of = faults["misread-mask-values"].examples[-1]
        assert told_of.startswith("boat is 2 by the class file and in no mask")
        assert spoils_training(list(faults.values()))
