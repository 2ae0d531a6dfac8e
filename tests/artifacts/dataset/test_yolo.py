"""YOLO's folders as they come: other machines' paths, any YAML file, Darknet's files, lists of names, boxes."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pupila
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.errors import PupilaError
from tests.pictures import write_photo

SIDE = 16
OUTLINE = "0 0.25 0.25 0.5 0.25 0.5 0.5 0.375 0.5 0.25 0.5\n"  # columns and rows 4..8
BOX = "1 0.5 0.5 0.25 0.25\n"


def write(folder: Path, labels: dict[str, str | None]) -> Path:
    """Images, and their label files where a text is given.

    Args:
        folder: of the data.
        labels: image -> text of its label file, which lies where YOLO has it; None: no file.
    """
    for number, (image, text) in enumerate(labels.items()):
        (folder / image).parent.mkdir(parents=True, exist_ok=True)
        write_photo(folder / image, number, width=SIDE, height=SIDE)
        if text is not None:
            label = folder / "/".join("labels" if part == "images" else part for part in Path(image).parts)
            label.parent.mkdir(parents=True, exist_ok=True)
            label.with_suffix(".txt").write_text(text)
    return folder


def describe(folder: Path, name: str = "data.yaml", **keys: Any) -> None:
    (folder / name).write_text(json.dumps({"names": ["road", "water"], **keys}))


def splits(data: Dataset) -> dict[str, str]:
    return dict(data.images.select("image", "given_split").iter_rows())


def _task(data: Dataset) -> str:
    return data.task.name if data.task else ""


ROOTS = st.sampled_from(
    [
        "/content/datasets/Proj-1",
        "/kaggle/input/proj",
        "C:\\Users\\me\\proj",
        "../datasets/proj",
        "Proj-1",
        ".",
        "..",
    ]
)
WORDS = st.sampled_from(
    [("train", "valid", "test"), ("train", "val", "test"), ("training", "validation", "testing")]
)


@settings(max_examples=15, deadline=None)
@given(root=ROOTS, words=WORDS, inverted=st.booleans(), as_path=st.booleans(), as_list=st.booleans())
def test_paths_of_another_machine_are_found_by_their_ends(
    tmp_path_factory: pytest.TempPathFactory, root: str, words: tuple[str, ...], inverted: bool, as_path: bool,
    as_list: bool,
) -> None:  # fmt: skip
    folder = tmp_path_factory.mktemp("yolo")
    below = [f"images/{word}" if inverted else f"{word}/images" for word in words]
    write(folder, {f"{place}/{n}.png": OUTLINE for n, place in enumerate(below)})
    keys: dict[str, Any] = {}
    for split, place in zip(("train", "val", "test"), below, strict=True):
        location = place if as_path else f"{root}/{place}"
        keys[split] = [location] if as_list else location
    describe(folder, **keys, **({"path": root} if as_path else {}))
    data = pupila.open(folder)
    expected = {"0": "train", "1": "validation", "2": "test"}
    assert splits(data) == {image: expected[Path(image).stem] for image in splits(data)}
    assert all((data.mask(n) == 1).sum() == 25 for n in range(3))


def test_a_split_that_does_not_exist_is_not_another_one(tmp_path: Path) -> None:
    write(tmp_path, {"train/images/a.png": OUTLINE})
    describe(tmp_path, train="/content/train/images", val="../valid/images", test="images")
    data = pupila.open(tmp_path)
    assert data.skipped["subject"].to_list() == ["val: ../valid/images", "test: images"]
    assert "train/images is read for /content/train/images." in str(data)


def test_lists_of_paths_of_another_machine(tmp_path: Path) -> None:
    write(tmp_path, {f"images/{split}/{n}.png": OUTLINE for split in ("train", "val") for n in "ab"})
    for split in ("train", "val"):
        (tmp_path / f"{split}.txt").write_text(
            f"/darknet/proj/images/{split}/a.png\n./images/{split}/b.png\n"
        )
    describe(tmp_path, train="/darknet/proj/train.txt", val="val.txt")
    data = pupila.open(tmp_path)
    assert sorted(splits(data).items()) == [
        ("images/train/a.png", "train"), ("images/train/b.png", "train"),
        ("images/val/a.png", "validation"), ("images/val/b.png", "validation"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["my set.yaml", "coco128-seg.yml"])
def test_a_yaml_file_of_any_name_describes_the_data(tmp_path: Path, name: str) -> None:
    write(tmp_path, {"images/a.png": OUTLINE})
    describe(tmp_path, name, train="images")
    (tmp_path / "hyp.yaml").write_text("lr0: 0.01\n")
    (tmp_path / "mkdocs.yml").write_text("site_name: !!python/name:x\nnames: [a\n")
    assert pupila.open(tmp_path).classes == ["background", "road", "water"]


def test_of_several_yaml_files_one_is_named_or_asked_for(tmp_path: Path) -> None:
    write(tmp_path, {"images/a.png": OUTLINE})
    describe(tmp_path, "a.yaml", train="images")
    describe(tmp_path, "b.yaml", train="images", names=["path", "sea"])
    with pytest.raises(
        PupilaError, match=r"Several files describe the data .*a\.yaml, b\.yaml.*\n.*--labels a\.yaml"
    ):
        pupila.open(tmp_path)
    assert pupila.open(tmp_path, labels="b.yaml").classes[1:] == ["path", "sea"]
    describe(tmp_path, train="images", names=["one", "two"])
    data = pupila.open(tmp_path)
    assert data.classes[1:] == ["one", "two"]
    assert "Described by data.yaml; a.yaml, b.yaml also names classes and is not used" in str(data)
    shutil.copy(tmp_path / "data.yaml", tmp_path / "b.yaml")
    (tmp_path / "a.yaml").unlink()
    assert "not used" not in str(pupila.open(tmp_path))


def test_boxes_are_labels_of_the_image(tmp_path: Path) -> None:
    write(tmp_path, {"images/a.png": BOX + "0 0.5 0.5 0.1 0.1 0.87", "images/b.png": BOX, "images/c.png": "",
                     "images/d.png": None, "images/e.png": "7 0.5 0.5 0.1 0.1"})  # fmt: skip
    describe(tmp_path, train="images")
    data = pupila.open(tmp_path)
    assert _task(data) == "multilabel"
    assert data.images["target"].to_list() == [
        '{"road": 1, "water": 1}', '{"road": 0, "water": 1}', *['{"road": 0, "water": 0}'] * 2, None,
    ]  # fmt: skip
    assert "Boxes are not learned yet" in str(data)
    assert data.skipped.rows() == [
        ("images/e.png", "unreadable-label", "labels/e.txt: line 1 has class 7, which has no name")
    ]
    with pytest.raises(PupilaError, match=r"are boxes, not masks: found labels/a\.txt"):
        pupila.open(tmp_path, task="segment")


def test_boxes_among_outlines_are_reported(tmp_path: Path) -> None:
    write(tmp_path, {"images/a.png": OUTLINE, "images/b.png": BOX})
    describe(tmp_path, train="images")
    data = pupila.open(tmp_path)
    assert _task(data) == "segment"
    assert data.skipped["reason"].to_list() == ["labels/b.txt: line 1 is a box, not a polygon"]


def test_outlines_of_four_points_may_be_oriented_boxes(tmp_path: Path) -> None:
    write(tmp_path, {"images/a.png": "0 0.25 0.25 0.5 0.25 0.5 0.5 0.25 0.5\n"})
    describe(tmp_path, train="images")
    assert "oriented boxes" in pupila.open(tmp_path).doubt
    write(tmp_path, {"images/b.png": OUTLINE})
    assert not pupila.open(tmp_path).doubt


def test_key_points_are_no_outlines(tmp_path: Path) -> None:
    write(tmp_path, {"images/a.png": "1 0.5 0.5 0.2 0.2 0.4 0.4 0.6 0.6\n"})
    describe(tmp_path, train="images", kpt_shape=[2, 2])
    assert pupila.open(tmp_path).images["target"].to_list() == ["water"]


def test_a_split_without_label_files_is_unlabelled(tmp_path: Path) -> None:
    write(tmp_path, {"train/images/a.png": OUTLINE, "train/images/b.png": None, "test/images/c.png": None})
    describe(tmp_path, train="train/images", test="test/images")
    data = pupila.open(tmp_path)
    assert data.images["target"].null_count() == 1
    assert "1 image of test is unlabelled: no image of the split has a label file." in str(data)
    assert "1 image has no label file and counts as background." in str(data)


@pytest.mark.parametrize("beside", [True, False])
@pytest.mark.parametrize("names", ["classes.txt", "obj.names", "labels/classes.txt", ""])
def test_labels_without_a_describing_file(tmp_path: Path, names: str, beside: bool) -> None:
    folder = "shots" if beside else "images"
    write(tmp_path, {f"{folder}/{name}.png": text for name, text in (("a", OUTLINE), ("b", ""), ("c", None))})
    if names:
        (tmp_path / names).parent.mkdir(exist_ok=True)
        (tmp_path / names).write_text("road\nwater\n")
    data = pupila.open(tmp_path)
    assert data.classes == (["background", "road", "water"] if names else ["background", "0"])
    assert data.images["target"].null_count() == 1
    assert (data.mask(0) == 1).sum() == 25
    assert "1 image has no label file and is unlabelled." in str(data)
    assert ("called by their numbers" in str(data)) is not bool(names)


def test_a_list_of_names_may_lie_above_an_inner_folder(tmp_path: Path) -> None:
    write(tmp_path, {"data/images/a.png": OUTLINE})
    (tmp_path / "classes.txt").write_text("road\nwater\n")
    data = pupila.open(tmp_path)
    assert data.classes == ["background", "road", "water"]
    assert "The classes are named by ../classes.txt." in str(data)


@pytest.mark.parametrize("names", [["road", "water"], {0: "road", 1: "water"}])
@pytest.mark.parametrize("keys", [{}, {"path": "../datasets/x"}, {"train": "", "nc": 2}])
def test_a_yaml_file_without_images_names_the_classes(
    tmp_path: Path, names: Any, keys: dict[str, Any]
) -> None:
    write(tmp_path, {"images/train/a.png": OUTLINE, "images/val/b.png": OUTLINE, "images/val/c.png": None})
    describe(tmp_path, names=names, **keys)
    (tmp_path / "classes.txt").write_text("one\ntwo\n")
    data = pupila.open(tmp_path)
    assert data.classes == ["background", "road", "water"]
    assert list(splits(data).values()) == ["train", "validation", "validation"]
    assert "data.yaml names no images: all images with a label file belong to the data." in str(data)
    assert "classes.txt names other classes and is not used." in str(data)
    assert data.images["target"].null_count() == 1


def test_without_train_in_the_yaml_file_the_images_of_that_name_are_read(tmp_path: Path) -> None:
    write(
        tmp_path, {"images/val/a.png": OUTLINE, "images/train/b.png": OUTLINE, "images/test/c.png": OUTLINE}
    )
    describe(tmp_path, val="images/val")
    data = pupila.open(tmp_path)
    assert splits(data) == {"images/train/b.png": "train", "images/val/a.png": "validation"}
    assert "data.yaml names no training images: 1 image in images/train is read as train." in str(data)
    (tmp_path / "images/train/b.png").unlink()
    assert list(splits(pupila.open(tmp_path)).values()) == [None]


def test_captions_beside_images_are_no_labels(tmp_path: Path) -> None:
    write(tmp_path, {"a.png": "a red house, 2 cats", "b.png": "0 1"})
    assert _task(pupila.open(tmp_path)) == ""


def test_darknet_names_lists_and_classes(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"obj_train_data/a.png": OUTLINE, "obj_train_data/b.png": OUTLINE, "obj_train_data/c.png": ""},
    )
    (tmp_path / "obj.data").write_text(
        "classes = 2\ntrain = data/train.txt\nvalid = data/valid.txt\nnames = data/obj.names\nbackup = backup/\n"
    )
    (tmp_path / "obj.names").write_text("road\nwater\n")
    (tmp_path / "train.txt").write_text("data/obj_train_data/a.png\ndata/obj_train_data/b.png\n")
    (tmp_path / "valid.txt").write_text("data/obj_train_data/c.png\n")
    data = pupila.open(tmp_path)
    assert data.classes == ["background", "road", "water"]
    assert list(splits(data).values()) == ["train", "train", "validation"]
    assert [int((data.mask(n) == 1).sum()) for n in range(3)] == [25, 25, 0]


def test_folders_of_classes_beside_a_yaml_file_are_classes(tmp_path: Path) -> None:
    write(tmp_path, {f"{split}/{name}/{split}{n}.png": None for split in ("train", "val") for name in ("road", "water")
                     for n in range(2)})  # fmt: skip
    describe(tmp_path, train="train", val="val")
    data = pupila.open(tmp_path)
    assert (_task(data), data.classes) == ("classify", ["road", "water"])


def test_classes_without_names_are_called_by_their_numbers(tmp_path: Path) -> None:
    write(tmp_path, {"images/a.png": OUTLINE})
    (tmp_path / "data.yaml").write_text("train: images\nnc: 3\n")
    data = pupila.open(tmp_path)
    assert data.classes == ["background", "0", "1", "2"]
    assert "data.yaml does not name the classes" in str(data)
    describe(tmp_path, train="images", nc=5)
    assert "data.yaml names 2 classes and says that there are 5." in str(pupila.open(tmp_path))


def test_images_of_two_splits_count_in_the_first(tmp_path: Path) -> None:
    write(tmp_path, {"images/a.png": OUTLINE, "images/b.png": OUTLINE})
    describe(tmp_path, train="images", val="images")
    data = pupila.open(tmp_path)
    assert data.images["given_split"].to_list() == [None, None]
    assert "2 images of validation are also in a split before it and count there." in str(data)
    assert np.array_equal(data.mask(0), data.mask(1))


def test_class_folders_go_before_boxes_that_no_file_describes(tmp_path: Path) -> None:
    write(tmp_path, {f"{name}/{name}{n}.png": BOX for name in ("cat", "dog") for n in range(3)})
    data = pupila.open(tmp_path)
    assert (_task(data), data.classes) == ("classify", ["cat", "dog"])
    assert "cat/cat0.txt and others hold boxes, which are not used here" in str(data)


def test_label_files_that_are_all_empty_are_doubted(tmp_path: Path) -> None:
    write(tmp_path, {"images/a.jpg": "", "images/b.jpg": ""})
    describe(tmp_path, train="images")
    assert pupila.open(tmp_path).doubt == "All label files are empty, so every image counts as background."
    (tmp_path / "labels/b.txt").write_text(OUTLINE)
    assert pupila.open(tmp_path).doubt == ""
