"""Names such as `void (ignore)` are no classes: their pixels and images have no label, and a note says so."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pupila
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.vocabulary import IGNORE
from tests.pictures import write_photo

HEIGHT, WIDTH = 12, 16
MASK = np.repeat(np.arange(3, dtype=np.uint8), 4)[:, None].repeat(WIDTH, axis=1)  # three bands: 0, 1, 2


def open_masks(folder: Path, classes: Any, mask: Any = MASK) -> Dataset:
    write_photo(folder / "images/a.jpg", 1, WIDTH, HEIGHT)
    (folder / "masks").mkdir(exist_ok=True)
    Image.fromarray(mask).save(folder / "masks/a.png")
    (folder / "classes.json").write_text(json.dumps(classes))
    return pupila.open(folder)


def note(names: str) -> str:
    return f"{names} is no class: its pixels have no label. If it is one, give it another name."


@pytest.mark.parametrize("name", ["void (ignore)", "Unlabelled", "don't care", "sin etiquetar"])
def test_pixels_of_a_name_that_is_no_class_have_no_label(tmp_path: Path, name: str) -> None:
    data = open_masks(tmp_path, {"0": name, "1": "road", "2": "water"})
    assert data.classes == ["road", "water"]
    assert np.array_equal(data.mask(0), np.array([IGNORE, 0, 1], np.uint8)[MASK])
    assert note(name) in data.notes


def test_colours_of_a_name_that_is_no_class_have_no_label(tmp_path: Path) -> None:
    colours = {"road": [128, 64, 128], "void (ignore)": [0, 0, 0], "water": [0, 0, 255]}
    data = open_masks(tmp_path, colours, np.array([*colours.values()], np.uint8)[MASK])
    assert np.array_equal(data.mask(0), np.array([0, IGNORE, 1], np.uint8)[MASK])
    assert note("void (ignore)") in data.notes


def test_a_name_without_a_pixel_is_not_noted(tmp_path: Path) -> None:
    data = open_masks(tmp_path, {"0": "land", "1": "road", "2": "water", "9": "ignore"})
    assert not data.notes


def test_the_value_255_called_255_has_no_label_beside_two_classes(tmp_path: Path) -> None:
    mask = np.array([0, 1, 255], np.uint8)[MASK]
    assert open_masks(tmp_path / "a", {"0": "land", "1": "road", "255": "255"}, mask).classes == [
        "land",
        "road",
    ]
    assert open_masks(tmp_path / "b", {"0": "0", "255": "255"}, (MASK == 1) * np.uint8(255)).classes == [
        "0",
        "255",
    ]


def test_a_void_is_a_class_where_only_one_other_would_be_left(tmp_path: Path) -> None:
    data = open_masks(tmp_path, {"0": "background", "255": "void"}, (MASK == 1) * np.uint8(255))
    assert data.classes == ["background", "void"]
    assert data.shares.tolist() == [[pytest.approx(2 / 3), pytest.approx(1 / 3)]]


def open_coco(folder: Path, *names: str) -> Dataset:
    write_photo(folder / "a.jpg", 1, WIDTH, HEIGHT)
    boxes = [[0, 4 * n, WIDTH, 4 * n, WIDTH, 4 * n + 4, 0, 4 * n + 4] for n in range(len(names))]
    content = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": WIDTH, "height": HEIGHT}],
        "categories": [{"id": n, "name": name} for n, name in enumerate(names)],
        "annotations": [{"id": n, "image_id": 1, "category_id": n, "segmentation": [box]}
                        for n, box in enumerate(boxes)],
    }  # fmt: skip
    (folder / "annotations.json").write_text(json.dumps(content))
    return pupila.open(folder)


def test_regions_of_a_name_that_is_no_class_have_no_label(tmp_path: Path) -> None:
    data = open_coco(tmp_path, "road", "void (ignore)")
    assert data.classes == ["background", "road"]
    assert np.unique(data.mask(0)).tolist() == [0, 1, IGNORE]
    assert note("void (ignore)") in data.notes


def test_regions_of_voids_alone_are_a_class(tmp_path: Path) -> None:
    assert open_coco(tmp_path, "void").classes == ["background", "void"]


def write_folders(root: Path, *folders: str) -> None:
    for number, folder in enumerate(folders):
        for image in range(3):
            write_photo(root / folder / f"{number}_{image}.jpg", 10 * number + image)


@pytest.mark.parametrize("name", ["unlabelled", "sin etiquetar", "ignore"])
def test_images_in_a_folder_of_unlabelled_ones_have_no_label(tmp_path: Path, name: str) -> None:
    write_folders(tmp_path, "ant", "bee", name)
    data = pupila.open(tmp_path)
    assert data.classes == ["ant", "bee"]
    assert data.images["target"].null_count() == 3
    assert f"{name} is no class: its 3 images have no label. If it is one: --layout folders." in data.notes
    assert pupila.open(tmp_path, layout="folders").classes == sorted(["ant", "bee", name])


def test_a_folder_of_unlabelled_images_below_splits_keeps_the_split(tmp_path: Path) -> None:
    write_folders(
        tmp_path, *(f"{split}/{name}" for split in ("train", "test") for name in ("ant", "bee", "unlabelled"))
    )
    data = pupila.open(tmp_path)
    assert data.classes == ["ant", "bee"]
    without = data.images.filter(data.images["target"].is_null())
    assert sorted(without["given_split"].to_list()) == ["test"] * 3 + ["train"] * 3


def test_splits_below_a_folder_of_unlabelled_images_are_kept(tmp_path: Path) -> None:
    write_folders(
        tmp_path, *(f"{name}/{split}" for split in ("train", "test") for name in ("ant", "bee", "unlabelled"))
    )
    data = pupila.open(tmp_path)
    assert data.classes == ["ant", "bee"]
    without = data.images.filter(data.images["target"].is_null())
    assert sorted(without["given_split"].to_list()) == ["test"] * 3 + ["train"] * 3


def test_folders_called_unknown_and_void_are_classes(tmp_path: Path) -> None:
    write_folders(tmp_path, "crack", "unknown", "void")
    assert pupila.open(tmp_path).classes == ["crack", "unknown", "void"]


def test_a_cell_with_the_word_unlabelled_is_no_class(tmp_path: Path) -> None:
    lines = ["image,label"]
    for number, label in enumerate(["ant", "bee", "unlabelled", "void"]):
        write_photo(tmp_path / f"{number}.jpg", number)
        lines.append(f"{number}.jpg,{label}")
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n")
    data = pupila.open(tmp_path)
    assert data.classes == ["ant", "bee", "void"]
    assert '"unlabelled" (1 image) says nothing: no label.' in data.notes
