"""What annotation files leave out or write in another way: it is read, or named with its number."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pupila
from pupila.core.errors import PupilaError
from tests.artifacts.dataset.annotation_writers import HEIGHT, WIDTH, labelme, write_json
from tests.pictures import write_photo

SQUARE = [2.0, 2.0, 9.0, 2.0, 9.0, 9.0, 2.0, 9.0]
PAIRS = [[x, y] for x, y in zip(SQUARE[::2], SQUARE[1::2], strict=True)]


def _photos(folder: Path, count: int) -> list[str]:
    names = [f"{folder.name}{n}.png" for n in range(count)]
    folder.mkdir(parents=True, exist_ok=True)
    for n, name in enumerate(names):
        write_photo(folder / name, n, width=WIDTH, height=HEIGHT)
    return names


def _coco(path: Path, names: list[str], segmentation: Any) -> None:
    write_json(path, {
        "images": [{"id": n, "file_name": name, "height": HEIGHT, "width": WIDTH} for n, name in enumerate(names)],
        "annotations": [{"id": n, "image_id": n, "category_id": 1, "segmentation": segmentation}
                        for n in range(len(names))],
        "categories": [{"id": 1, "name": "cat"}],
    })  # fmt: skip


@pytest.mark.parametrize(
    ("tool", "split", "beside"),
    list(product(("coco", "labelme"), ("test", "val2017", "Testing"), (True, False))),
)
def test_images_of_a_split_without_annotations_are_unlabelled(
    tmp_path: Path, tool: str, split: str, beside: bool
) -> None:
    names = _photos(tmp_path / "train", 3)
    more = _photos(tmp_path / split, 2)
    if beside:
        _photos(tmp_path / "other", 4)
    if tool == "coco":
        _coco(tmp_path / "train/_annotations.coco.json", names, [SQUARE])
    else:
        labelme(tmp_path / "train", {name: [("polygon", "cat", PAIRS)] for name in names})
    data = pupila.open(tmp_path)
    rows = {image: (given, target is None) for image, given, target in
            data.images.select("image", "given_split", "target").iter_rows()}  # fmt: skip
    given = "validation" if split.startswith("val") else "test"
    assert rows == {f"train/{name}": ("train", False) for name in names} | {
        f"{split}/{name}": (given, True) for name in more
    }
    assert f"2 images of {given} are unlabelled: no annotation file that is read lists them." in data.notes
    left = "4 images are left out: no annotation file that is read lists any of their folders (other 4)."
    assert (left in data.notes) == beside


def test_without_splits_images_of_other_folders_are_left_out_with_a_word(tmp_path: Path) -> None:
    _coco(tmp_path / "labels.json", _photos(tmp_path / "images", 3), [SQUARE])
    _photos(tmp_path / "test", 2)
    data = pupila.open(tmp_path)
    assert len(data) == 3
    assert (
        "2 images are left out: no annotation file that is read lists any of their folders (test 2)."
        in data.notes
    )


def test_images_beside_the_listed_ones_name_the_file_that_lists_them(tmp_path: Path) -> None:
    names = _photos(tmp_path / "images", 5)
    _coco(tmp_path / "labels.json", names[:3], [SQUARE])
    data = pupila.open(tmp_path)
    assert set(data.skipped.select("code", "reason").iter_rows()) == {
        ("image-without-row", "not listed in labels.json")
    }
    assert "Passed over: 2 images that no label names; pupila doctor lists them." in str(data)


@pytest.mark.parametrize("segmentation", [SQUARE, PAIRS])
def test_coco_outlines_without_their_list_or_in_pairs_are_drawn_alike(
    tmp_path: Path, segmentation: Any
) -> None:
    for folder, written in (("usual", [SQUARE]), ("other", segmentation)):
        _coco(tmp_path / folder / "labels.json", _photos(tmp_path / folder, 2), written)
    usual, other = (pupila.open(tmp_path / folder) for folder in ("usual", "other"))
    for first, second in zip(
        usual.images.iter_rows(named=True), other.images.iter_rows(named=True), strict=True
    ):
        np.testing.assert_array_equal(first["pixels"], second["pixels"])
    assert not usual.notes
    assert any("2 outlines lack the list around them" in note for note in other.notes)


def test_cancelled_annotations_of_label_studio_are_counted(tmp_path: Path) -> None:
    names = _photos(tmp_path / "img", 3)
    value = {"points": [[10, 10], [60, 10], [60, 60]], "polygonlabels": ["leaf"]}
    result = {"type": "polygonlabels", "from_name": "l", "to_name": "image", "original_width": WIDTH,
              "original_height": HEIGHT, "value": value}  # fmt: skip
    write_json(tmp_path / "export.json", [
        {"id": n, "data": {"image": f"img/{name}"},
         "annotations": [{"result": [result]}, *[{"result": [], "was_cancelled": True}] * (n == 2)]}
        for n, name in enumerate(names)
    ])  # fmt: skip
    assert "1 annotation is not used: it was cancelled (was_cancelled)." in pupila.open(tmp_path).notes


def _yolo(folder: Path, names: str, orientation: int = 1) -> None:
    (folder / "train/labels").mkdir(parents=True)
    for name in _photos(folder / "train/images", 2):
        (folder / f"train/labels/{Path(name).stem}.txt").write_text("0 0.1 0.1 0.5 0.1 0.5 0.5\n")
        image = Image.open(folder / "train/images" / name)
        exif = image.getexif()
        exif[0x112] = orientation
        image.save(folder / "train/images" / name, exif=exif)
    (folder / "data.yaml").write_text(f"train: train/images\n{names}\n")


def test_outlines_of_turned_photos_say_which_way_they_lie(tmp_path: Path) -> None:
    for orientation in (1, 6):
        _yolo(tmp_path / str(orientation), "names: [cat]", orientation)
    assert not any("EXIF" in note for note in pupila.open(tmp_path / "1").notes)
    assert any(
        "2 photos are turned by their EXIF orientation" in note for note in pupila.open(tmp_path / "6").notes
    )


def test_names_in_one_text_are_read_where_their_number_is_given(tmp_path: Path) -> None:
    _yolo(tmp_path / "counted", "nc: 2\nnames: cat, dog")
    assert pupila.open(tmp_path / "counted").classes == ["background", "cat", "dog"]
    _yolo(tmp_path / "open", "names: cat, dog")
    with pytest.raises(PupilaError, match="names: \\[cat, dog\\]"):
        pupila.open(tmp_path / "open")


@pytest.mark.parametrize("lowest", [0, 1])
def test_classes_of_supervisely_s_masks_are_named_by_its_greys(tmp_path: Path, lowest: int) -> None:
    names = ["ground", "sky", "tree"] if not lowest else ["sky", "tree"]
    (tmp_path / "ds/masks_machine").mkdir(parents=True)
    for name in _photos(tmp_path / "ds/img", 4):
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        mask[3:6], mask[8:] = 1, 2
        Image.fromarray(mask).save(tmp_path / "ds/masks_machine" / name)
    greys = {name: [n] * 3 for n, name in enumerate(names, start=lowest)}
    (tmp_path / "obj_class_to_machine_color.json").write_text(json.dumps(greys))
    assert pupila.open(tmp_path).classes == (["background", *names] if lowest else names)
