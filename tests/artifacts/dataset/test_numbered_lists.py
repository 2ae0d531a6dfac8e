"""Lists that belong together by the numbers of their lines, as CUB-200 comes: images, labels, splits, classes."""

from pathlib import Path

import pytest

import pupila
from tests.pictures import write_photo

CLASSES = ["001.Black_footed_Albatross", "002.Laysan_Albatross", "003.Sooty_Albatross"]


def write_lists(folder: Path, in_folders: bool, split: str) -> None:
    images, labels, splits, boxes = [], [], [], []
    for number in range(1, 13):
        kind = number % 3
        name = f"{CLASSES[kind] + '/' if in_folders else ''}bird_{number:04d}.jpg"
        write_photo(folder / "images" / name, number)
        images.append(f"{number} {name}")
        labels.append(f"{number} {kind + 1}")
        splits.append(f"{number} {int(number % 4 != 0)}")
        boxes.append(f"{number} 60.0 27.0 325.0 304.0")
    classes = [f"{number} {name}" for number, name in enumerate(CLASSES, start=1)]
    lists = {
        "images": images,
        "image_class_labels": labels,
        split: splits,
        "classes": classes,
        "bounding_boxes": boxes,
    }
    for name, lines in lists.items():
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "attributes").mkdir()
    (folder / "attributes" / "image_attribute_labels.txt").write_text("1 1 0 3 27.7\n", encoding="utf-8")


@pytest.mark.parametrize("in_folders", [True, False])
def test_the_lists_give_labels_and_splits_of_the_images(tmp_path: Path, in_folders: bool) -> None:
    write_lists(tmp_path, in_folders, "train_test_split")
    data = pupila.open(tmp_path)
    labels, splits = data.images["target"].to_list(), data.images["given_split"].to_list()
    numbers = [int(Path(image).stem[-4:]) for image in data.images["image"]]
    assert labels == [CLASSES[number % 3] for number in numbers]
    assert splits == ["train" if number % 4 else "test" for number in numbers]
    assert any("0 = test, 1 = train" in note for note in data.notes)


def test_a_list_of_numbers_under_another_name_is_no_split(tmp_path: Path) -> None:
    write_lists(tmp_path, in_folders=True, split="is_female")
    data = pupila.open(tmp_path)
    assert data.classes == CLASSES
    assert data.images["given_split"].null_count() == 12


@pytest.mark.parametrize("several", [False, True])
def test_a_list_of_names_without_endings_holds_labels_but_no_rows_of_numbers(
    tmp_path: Path, several: bool
) -> None:
    for number in range(6):
        write_photo(tmp_path / f"{number:07d}.jpg", number)
    labels = [f"{number % 2} 1 2" if several else ["Boeing 707", "DH-82"][number % 2] for number in range(6)]
    lines = [f"{number:07d} {label}" for number, label in enumerate(labels)]
    (tmp_path / "variants.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    data = pupila.open(tmp_path)
    assert (data.class_counts() if data.task else {}) == ({} if several else {"Boeing 707": 3, "DH-82": 3})


@pytest.mark.parametrize("outer", ["CUB", "data/CUB_200"])
def test_the_lists_beside_an_inner_folder_of_classes_give_splits(tmp_path: Path, outer: str) -> None:
    (tmp_path / outer).mkdir(parents=True)
    write_lists(tmp_path / outer, in_folders=True, split="train_test_split")
    data = pupila.open(tmp_path)
    numbers = [int(Path(image).stem[-4:]) for image in data.images["image"]]
    assert data.images["given_split"].to_list() == ["train" if number % 4 else "test" for number in numbers]
