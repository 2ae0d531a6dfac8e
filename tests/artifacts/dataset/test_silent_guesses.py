"""What was once read wrongly without a word."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask

import pupila
from pupila.core.errors import PupilaError
from pupila.imaging.masks.inference import ValueCounts, count_places, infer_label_map
from pupila.imaging.masks.label_map import LabelMap
from tests.pictures import write_photo

SQUARE = [2.0, 2.0, 20.0, 2.0, 20.0, 20.0, 2.0, 20.0]
CORNER = [30.0, 30.0, 44.0, 30.0, 44.0, 44.0, 30.0, 44.0]


def _infer(stored: np.ndarray[Any, Any]) -> LabelMap:
    values, pixels = (part.tolist() for part in np.unique(stored, return_counts=True))
    return infer_label_map(
        ValueCounts(dict(zip(values, pixels, strict=True)), *count_places(stored)), colour=False
    )


@pytest.mark.parametrize("levels", [(0, 100, 200), (0, 85, 170, 255), (0, 128, 255), (0, 50, 100)])
def test_levels_with_large_shares_are_classes(levels: tuple[int, ...]) -> None:
    stored = np.repeat(np.array(levels, dtype=np.uint8), 40)[None].repeat(200, axis=0)
    stored[::40, 40] = levels[1] + 30  # five pixels
    label_map = _infer(stored)
    assert label_map.names == tuple(f"class {level}" for level in levels)
    indices, _ = label_map.read(np.array([levels], dtype=np.uint8))
    assert indices.tolist() == [list(range(len(levels)))]


def test_levels_on_borders_alone_are_no_classes() -> None:
    row = np.concatenate([np.zeros(1500), np.arange(2, 254), np.full(750, 255)]).astype(np.uint8)
    assert _infer(row[None].repeat(40, axis=0)).names == ("background", "foreground")


def _coco(folder: Path, images: list[tuple[int, str]], annotations: list[tuple[int, list[float]]]) -> None:
    for _, name in images:
        write_photo(folder / name, len(name), width=48, height=48)
    content = {
        "images": [{"id": key, "file_name": name, "width": 48, "height": 48} for key, name in images],
        "annotations": [
            {"id": n, "image_id": key, "category_id": 1, "segmentation": [ring]}
            for n, (key, ring) in enumerate(annotations)
        ],
        "categories": [{"id": 1, "name": "road"}],
    }
    (folder / "annotations.json").write_text(json.dumps(content))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of pycocotools
def test_all_annotations_of_an_image_listed_twice_count(tmp_path: Path) -> None:
    _coco(tmp_path, [(1, "a.png"), (2, "a.png"), (3, "bb.png")], [(1, SQUARE), (2, CORNER), (3, SQUARE)])
    data = pupila.open(tmp_path)
    rings = coco_mask.frPyObjects([SQUARE, CORNER], 48, 48)
    expected = coco_mask.decode(coco_mask.merge(rings))
    assert (data.mask(0) == expected).all()
    assert data.mask(1).sum() < expected.sum()


def test_two_images_under_one_id_are_refused(tmp_path: Path) -> None:
    _coco(tmp_path, [(7, "a.png"), (7, "b.png")], [(7, SQUARE)])
    with pytest.raises(PupilaError, match=r"id 7: a\.png and b\.png"):
        pupila.open(tmp_path)


@pytest.mark.parametrize("names", ["[no, yes]", "{0: off, 1: 010}", "[12:30, null]"])
def test_class_names_of_yaml_stay_as_written(tmp_path: Path, names: str) -> None:
    for split in ("train", "val"):
        write_photo(tmp_path / split / "images/a.png", len(split))
        labels = tmp_path / split / "labels"
        labels.mkdir()
        lines = [f"{k} 0.1 0.1 0.4 0.1 0.4 0.4" for k in (0, 1)]
        (labels / "a.txt").write_text("\n".join(lines))
    (tmp_path / "data.yaml").write_text(f"train: train/images\nval: val/images\ntest: null\nnames: {names}\n")
    written = [word.split(": ")[-1].strip() for word in names.strip("[]{}").split(",")]
    assert pupila.open(tmp_path).classes == ["background", *written]


@pytest.mark.parametrize(
    "words", [("training_set", "test_set"), ("train2017", "val2017"), ("x_train", "x_test")]
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_split_folders_of_other_names_are_no_classes(
    tmp_path: Path, words: tuple[str, str], wrapped: bool
) -> None:
    for number, word in enumerate(words):
        for name in ("cat", "dog"):
            inner = f"{word}/{word}" if wrapped else word
            write_photo(tmp_path / inner / name / "a.png", number)
    data = pupila.open(tmp_path)
    assert data.classes == ["cat", "dog"]
    assert sorted(set(data.images["given_split"])) == sorted(
        {"train", "test" if "test" in words[1] else "validation"}
    )


def test_an_unlabelled_test_folder_is_a_test_split(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        write_photo(tmp_path / "train" / name / "a.png", len(name))
    write_photo(tmp_path / "test1/1.png", 9)
    data = pupila.open(tmp_path)
    assert data.classes == ["cat", "dog"]
    assert data.images.filter(data.images["image"] == "test1/1.png").select(
        "target", "given_split"
    ).rows() == [(None, "test")]


def test_classes_named_like_splits_stay_classes(tmp_path: Path) -> None:
    for name in ("train_station", "test_tube"):
        write_photo(tmp_path / name / "a.png", len(name))
    assert pupila.open(tmp_path).classes == ["test_tube", "train_station"]


@pytest.mark.parametrize(
    ("missing", "confidence"), [(1, "certain"), (4, "likely. 4 labels that lie there are not used")]
)
def test_a_reading_that_loses_many_labels_is_not_certain(
    tmp_path: Path, missing: int, confidence: str
) -> None:
    for number in range(12):
        write_photo(tmp_path / f"p{number}.jpg", seed=number)
    names = [f"p{number}.jpg" for number in range(12)] + [f"lost{number}.jpg" for number in range(missing)]
    rows = [f"{name},{'cat' if number % 2 else 'dog'}" for number, name in enumerate(names)]
    (tmp_path / "labels.csv").write_text("\n".join(["image,label", *rows]))
    assert str(pupila.open(tmp_path)).splitlines()[-1] == f"Confidence in this reading: {confidence}."
