"""Masks from annotation files: COCO's JSON and YOLO's polygons, with pixels counted by hand."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pupila
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.vocabulary import IGNORE
from tests.pictures import encoded, photo, write_photo

HEIGHT, WIDTH = 12, 16
SQUARE = [2, 3, 6, 3, 6, 7, 2, 7]  # columns 2..5, rows 3..6
CORNER = [4, 5, 8, 5, 8, 9, 4, 9]  # columns 4..7, rows 5..8


def box(left: int, top: int, right: int, bottom: int) -> Any:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[top:bottom, left:right] = True
    return mask


def plain_rle(mask: Any) -> dict[str, Any]:
    """COCO's uncompressed run lengths in column order, as used for crowds."""
    flat = mask.T.ravel()
    ends = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff([0, *ends, flat.size]).tolist()
    return {"size": list(mask.shape), "counts": [0, *runs] if flat[0] else runs}


CATEGORIES = [{"id": 7, "name": "road"}, {"id": 3, "name": "water"}]


def annotation(image: Any, category: int, segmentation: Any, **more: Any) -> dict[str, Any]:
    return {
        "image_id": image,
        "category_id": category,
        "segmentation": segmentation,
        "bbox": [0, 0, 1, 1],
        **more,
    }


def coco(path: Path, annotations: list[dict[str, Any]], images: Any = None, categories: Any = None) -> Path:
    content: dict[str, Any] = {
        "info": {},
        "images": images
        or [{"id": n, "file_name": f"{n}.jpg", "height": HEIGHT, "width": WIDTH} for n in (1, 2)],
        "annotations": annotations,
        "categories": categories or CATEGORIES,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def photos(folder: Path, *names: str, **size: int) -> None:
    for name in names:
        write_photo(
            folder / f"{name}.jpg", sum(map(ord, name)), size.get("width", WIDTH), size.get("height", HEIGHT)
        )


def targets(data: Dataset) -> list[tuple[Any, ...]]:
    return data.images.select("image", "target", "given_split").rows()


def masks(data: Dataset) -> list[Any]:
    return [data.mask(row) for row in range(len(data))]


def test_polygons_and_run_lengths_later_ones_on_top(tmp_path: Path) -> None:
    photos(tmp_path / "images", "1", "2")
    crowd = box(0, 0, 16, 2)
    path = coco(tmp_path / "annotations.json", [
        annotation(1, 7, [SQUARE]), annotation(1, 3, [CORNER]),
        annotation(1, 3, plain_rle(crowd), iscrowd=1),
    ])  # fmt: skip
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    expected[box(2, 3, 6, 7)], expected[box(4, 5, 8, 9)], expected[crowd] = 1, 2, 2
    for where in (tmp_path, path):
        data = pupila.open(where)
        assert data.classes == ["background", "road", "water"]
        assert np.array_equal(data.mask(0), expected)
        assert not data.mask(1).any()  # an image without annotations is background
        assert data.images["pixels"].to_list() == [[192 - 12 - 16 - 32, 12, 16 + 32], [192, 0, 0]]
        assert "COCO annotations (annotations.json)" in str(data)
        assert data.skipped.is_empty()


def test_splits_of_coco_lie_in_files_of_their_own(tmp_path: Path) -> None:
    for split, name in (("train2017", "1"), ("val2017", "2")):
        photos(tmp_path / split, name)
        image = [{"id": 5, "file_name": f"{name}.jpg", "height": HEIGHT, "width": WIDTH}]
        coco(tmp_path / f"annotations/instances_{split}.json", [annotation(5, 3, [SQUARE])], image)
    coco(tmp_path / "annotations/instances_all.json", [annotation(1, 3, [SQUARE])])
    captions = {"images": [], "annotations": [{"caption": "x"}], "categories": []}
    (tmp_path / "annotations/captions_train2017.json").write_text(json.dumps(captions))
    data = pupila.open(tmp_path)
    assert data.images.select("image", "target", "given_split").rows() == [
        ("train2017/1.jpg", "annotations/instances_train2017.json#5", "train"),
        ("val2017/2.jpg", "annotations/instances_val2017.json#5", "validation"),
    ]
    assert [int((mask == 2).sum()) for mask in masks(data)] == [16, 16]


def test_one_name_in_two_splits_is_found_in_its_own(tmp_path: Path) -> None:
    for split, height in (("train", HEIGHT), ("val", 2 * HEIGHT)):
        photos(tmp_path / "images" / split, "1", height=height)
        image = [{"id": 1, "file_name": "1.jpg", "height": height, "width": WIDTH}]
        coco(tmp_path / f"annotations/{split}.json", [annotation(1, 7, [SQUARE])], image)
    data = pupila.open(tmp_path)
    assert data.images["image"].to_list() == ["images/train/1.jpg", "images/val/1.jpg"]
    assert data.images["mask_height"].to_list() == [HEIGHT, 2 * HEIGHT]


def test_json_files_beside_a_lone_folder_of_images_are_seen(tmp_path: Path) -> None:
    for split, name in (("train", "1"), ("val", "2")):
        photos(tmp_path / "images" / split, name)
        image = [{"id": 1, "file_name": f"{name}.jpg", "height": HEIGHT, "width": WIDTH}]
        coco(tmp_path / f"{split}.json", [annotation(1, 7, [SQUARE])], image)
    data = pupila.open(tmp_path)
    assert targets(data) == [
        ("images/train/1.jpg", "train.json#1", "train"),
        ("images/val/2.jpg", "val.json#1", "validation"),
    ]
    assert not data.notes


def test_roboflow_exports_of_coco_without_the_heading_category(tmp_path: Path) -> None:
    categories = [{"id": 0, "name": "scene", "supercategory": "none"},
                  {"id": 1, "name": "water", "supercategory": "scene"}]  # fmt: skip
    for split in ("train", "valid", "test"):
        photos(tmp_path / split, "1", "2")
        coco(tmp_path / split / "_annotations.coco.json", [annotation(2, 1, [SQUARE])], categories=categories)
    (tmp_path / "README.roboflow.txt").write_text("x")
    data = pupila.open(tmp_path)
    assert data.classes == ["background", "water"]
    assert data.images["given_split"].to_list() == ["test"] * 2 + ["train"] * 2 + ["validation"] * 2
    assert data.images["target"][3] == "train/_annotations.coco.json#2"
    assert [int(mask.sum()) for mask in masks(data)] == [0, 16] * 3
    assert data.class_counts() == {"background": 6, "water": 3}


def test_a_class_file_beside_coco_decides_the_order_and_whether_there_is_a_background(tmp_path: Path) -> None:
    photos(tmp_path, "1", "2")
    rows = [
        annotation(1, 7, [SQUARE]),
        annotation(1, 3, [CORNER]),
        annotation(1, 9, [[0, 0, 2, 0, 2, 2, 0, 2]]),
    ]
    coco(tmp_path / "annotations.json", rows, categories=[*CATEGORIES, {"id": 9, "name": "unlabeled"}])
    data = pupila.open(tmp_path)
    assert data.classes == ["background", "road", "water"]
    assert (data.mask(0) == IGNORE).sum() == 4
    (tmp_path / "classes.json").write_text(json.dumps(["water", "road", "land"]))
    data = pupila.open(tmp_path)
    assert data.classes == ["water", "road", "land"]
    assert np.unique(data.mask(0)).tolist() == [0, 1, IGNORE]
    assert (data.mask(1) == IGNORE).all()
    assert data.images["pixels"].to_list() == [[16, 12, 0], [0, 0, 0]]


def test_annotations_of_another_size_are_scaled_and_of_another_shape_left_out(tmp_path: Path) -> None:
    photos(tmp_path, "1", width=2 * WIDTH, height=2 * HEIGHT)
    photos(tmp_path, "2", width=HEIGHT, height=WIDTH)
    coco(tmp_path / "a.json", [annotation(n, 7, [SQUARE]) for n in (1, 2)])
    data = pupila.open(tmp_path)
    assert (data.mask(0) == 1).sum() == 64
    assert data.skipped.select("subject", "code").rows() == [("2.jpg", "mask-aspect-mismatch")]


@pytest.mark.parametrize(
    ("segmentation", "reason"),
    [
        ([], "a box without a polygon"),
        ([[1, 2, 3]], "an invalid polygon"),
        ([[1, 2, 3, 4, 5, float("nan")]], "a polygon far outside the image"),
        ([[1, 2, 3, 4, 5, 1e9]], "a polygon far outside the image"),
        (["x"], "a polygon that is not all numbers: 'x'"),
        ("abc", "neither polygons nor run lengths"),
        ([[10**400, 5, 20, 5, 20, 20]], "a polygon that is not all numbers"),
        ([[[1, 2], [3, 4], [5, 6]]], "an invalid polygon"),
        ({"size": [HEIGHT, WIDTH], "counts": "o" * 100}, "not run lengths in COCO's format"),
        ({"size": [HEIGHT, WIDTH], "counts": [[1], 2]}, "neither polygons nor run lengths"),
        ({"size": "12x16", "counts": [3]}, "neither polygons nor run lengths"),
        (7, "neither polygons nor run lengths"),
        ({"size": [HEIGHT, WIDTH], "counts": [3]}, "run lengths of 3 pixels for a mask of 192"),
        ({"size": [HEIGHT, WIDTH + 1], "counts": [3]}, "run lengths have another size"),
        ({"counts": [3]}, "neither polygons nor run lengths"),
    ],
)
def test_what_can_not_be_drawn_leaves_its_image_without_a_mask(
    tmp_path: Path, segmentation: Any, reason: str
) -> None:
    photos(tmp_path, "1", "2")
    coco(tmp_path / "a.json", [annotation(1, 7, [SQUARE]), annotation(2, 7, segmentation)])
    data = pupila.open(tmp_path)
    assert data.images["target"].to_list() == ["a.json#1", None]
    ((subject, code, text),) = data.skipped.rows()
    assert (subject, code) == ("2.jpg", "unreadable-mask")
    assert reason in text


def test_the_limits_of_the_opening_hold_for_what_is_drawn(tmp_path: Path) -> None:
    photos(tmp_path, "1")
    images = [{"id": 1, "file_name": "1.jpg", "height": 2 * HEIGHT, "width": 2 * WIDTH}]
    coco(tmp_path / "a.json", [annotation(1, 7, [SQUARE])], images)
    assert pupila.open(tmp_path, max_pixels=4 * WIDTH * HEIGHT).mask(0).any()
    with pytest.raises(PupilaError, match="its annotations have the unsupported size 32 x 24"):
        pupila.open(tmp_path, max_pixels=4 * WIDTH * HEIGHT - 1)


@pytest.mark.parametrize("height", [-3, 10**9, "12"])
def test_a_record_of_no_possible_size_leaves_its_image_without_a_mask(tmp_path: Path, height: Any) -> None:
    photos(tmp_path, "1", "2")
    images = [
        {"id": n, "file_name": f"{n}.jpg", "height": h, "width": WIDTH} for n, h in ((1, None), (2, height))
    ]
    coco(tmp_path / "a.json", [annotation(1, 7, [SQUARE])], images)
    data = pupila.open(tmp_path)
    assert data.images["target"].to_list() == ["a.json#1", None]
    assert (data.mask(0) == 1).sum() == 16
    assert f"its annotations have the unsupported size {WIDTH} x {height}" in data.skipped["reason"][0]


def test_boxes_alone_are_labels_and_no_masks_and_images_must_exist(tmp_path: Path) -> None:
    path = coco(tmp_path / "a.json", [annotation(1, 7, [])])
    photos(tmp_path, "1", "2")
    data = pupila.open(tmp_path)
    assert data.images["target"].to_list() == ['{"road": 1, "water": 0}', '{"road": 0, "water": 0}']
    assert "Boxes are not learned yet" in str(data)
    with pytest.raises(PupilaError, match="boxes, not masks"):
        pupila.open(tmp_path, task="segment")
    coco(path, [annotation(1, 7, [SQUARE])], [{"id": 1, "file_name": "lost.jpg", "height": 1, "width": 1}])
    with pytest.raises(PupilaError, match=r"None of the images.*lost\.jpg"):
        pupila.open(path)


def test_missing_repeated_and_unlisted_images_are_reported(tmp_path: Path) -> None:
    photos(tmp_path, "1", "3")
    record = {"height": HEIGHT, "width": WIDTH}
    images = [{"id": 1, "file_name": "1.jpg", **record}, {"id": 2, "file_name": "2.jpg", **record},
              {"id": 9, "file_name": ".\\1.jpg", **record}]  # fmt: skip
    far = [[x + 6 for x in SQUARE]]
    coco(tmp_path / "a.json", [annotation(1, 7, [SQUARE]), annotation(9, 7, far)], images)
    data = pupila.open(tmp_path)
    assert sorted(data.skipped.select("code", "subject").rows()) == [
        ("image-without-row", "3.jpg"), ("row-without-image", "2.jpg"),
    ]  # fmt: skip
    assert (data.mask(0) == 1).sum() > 16  # SQUARE alone has 16 pixels
    assert "1 image is listed several times in one file: all of its annotations count." in data.notes


def test_ids_and_sizes_that_are_whole_numbers_with_a_point_are_the_same(tmp_path: Path) -> None:
    photos(tmp_path, "1", "2")
    images = [{"id": n, "file_name": f"{n}.jpg", "height": 12.0, "width": 16.0} for n in (1, 2)]
    coco(tmp_path / "a.json", [annotation(1.0, 7, [SQUARE]), annotation("2", 7, [CORNER])], images)
    data = pupila.open(tmp_path)
    assert data.images["target"].to_list() == ["a.json#1", "a.json#2"]
    assert [int((mask == 1).sum()) for mask in masks(data)] == [16, 16]


def test_annotations_without_an_image_are_reported(tmp_path: Path) -> None:
    photos(tmp_path, "1", "2")
    coco(tmp_path / "a.json", [annotation(1, 7, [SQUARE]), annotation("2.jpg", 7, [CORNER])])
    data = pupila.open(tmp_path)
    assert data.skipped.rows() == [
        ("a.json#2.jpg", "row-without-image", "annotations without an image in the file")
    ]
    assert not data.mask(1).any()
    assert "row-without-image" in {fault.code for fault in pupila.doctor(data)}


def test_more_categories_than_a_mask_can_hold_are_refused(tmp_path: Path) -> None:
    photos(tmp_path, "1")
    many = [{"id": n, "name": f"thing {n}"} for n in range(255)]
    coco(tmp_path / "a.json", [annotation(1, 7, [SQUARE])], categories=many)
    with pytest.raises(PupilaError, match="found 256; expected at most 255"):
        pupila.open(tmp_path)


def test_the_hash_follows_the_annotations_of_existing_images(tmp_path: Path) -> None:
    photos(tmp_path / "data", "1", "2")
    path = coco(tmp_path / "data/a.json", [annotation(1, 7, [SQUARE])])
    data = pupila.open(tmp_path / "data")
    data.save(str(tmp_path / "manifest"))
    again = pupila.open(tmp_path / "manifest")
    assert again.hash == data.hash
    assert np.array_equal(again.mask(0), data.mask(0))
    coco(path, [annotation(1, 7, [CORNER])])
    changed = pupila.open(tmp_path / "data")
    assert changed.hash != data.hash
    assert changed.images["mask_sha256"][1] == data.images["mask_sha256"][1]  # nothing new of image 2


def test_annotations_that_changed_since_the_opening_are_refused(tmp_path: Path) -> None:
    photos(tmp_path / "coco", "1", "2")
    path = coco(tmp_path / "coco/a.json", [annotation(1, 7, [SQUARE])])
    data = pupila.open(tmp_path / "coco")
    coco(path, [annotation(1, 7, [CORNER])])
    with pytest.raises(PupilaError, match="changed since"):
        data.mask(0)
    assert not data.mask(1).any()  # nothing new of image 2
    data = pupila.open(yolo(tmp_path / "yolo", {"labels/a.txt": line(0, SQUARE)}))
    (tmp_path / "yolo/labels/a.txt").unlink()
    with pytest.raises(PupilaError, match="changed since"):
        data.mask(0)


def yolo(folder: Path, labels: dict[str, str], names: Any = None, **keys: Any) -> Path:
    """`images/` and `labels/`, and a `data.yaml` that names them."""
    for path, text in labels.items():
        image = folder / path.replace("labels", "images", 1)
        photos(image.parent, image.stem)
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    config = {**(keys or {"train": "images"}), "names": names or ["road", "water"]}
    (folder / "data.yaml").write_text(json.dumps(config))
    return folder


def line(kind: int, outline: list[int]) -> str:
    shares = np.array(outline).reshape(-1, 2) / (WIDTH, HEIGHT)
    return f"{kind} " + " ".join(f"{share:.6f}" for share in shares.ravel()) + "\n"


@pytest.mark.parametrize("names", [["road", "water"], {0: "road", 1: "water"}])
def test_yolo_polygons_are_drawn_at_the_size_of_the_image(tmp_path: Path, names: Any) -> None:
    yolo(tmp_path, {"labels/a.txt": line(0, SQUARE) + "\n" + line(1, CORNER), "labels/b.txt": ""}, names)
    photos(tmp_path / "images", "c")
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    expected[box(2, 3, 7, 8)], expected[box(4, 5, 9, 10)] = 1, 2  # the corners are pixels
    for where in (tmp_path, tmp_path / "data.yaml"):
        data = pupila.open(where)
        assert data.classes == ["background", "road", "water"]
        assert data.images["target"].to_list() == ["labels/a.txt", "labels/b.txt", "labels/c.txt"]
        assert np.array_equal(data.mask(0), expected)
        assert not data.mask(1).any()
        assert not data.mask(2).any()
        assert data.images["given_split"].to_list() == [None] * 3
        assert "1 image has no label file and counts as background." in str(data)
        assert data.skipped.is_empty()
    photos(tmp_path / "images", "a", width=2 * WIDTH, height=HEIGHT)  # another image, the same outlines
    assert (pupila.open(tmp_path).mask(0) == 2).sum() == 45  # 9 x 5
    assert pupila.open(tmp_path).images["mask_width"].to_list()[0] == 2 * WIDTH


@pytest.mark.parametrize(
    ("places", "keys"),
    [
        ("{split}/labels", {"train": "../train/images", "val": "../valid/images"}),  # Roboflow
        ("labels/{split}", {"path": "../datasets/elsewhere", "train": "images/train", "val": "images/valid"}),
        ("labels/{split}", {"train": ["images/train"], "val": ["images/valid"], "test": None}),
    ],
)
def test_yolo_splits_lie_where_exports_put_them(tmp_path: Path, places: str, keys: dict[str, Any]) -> None:
    folder = tmp_path / "export"
    labels = {f"{places.format(split=split)}/a.txt": line(0, SQUARE) for split in ("train", "valid")}
    data = pupila.open(yolo(folder, labels, **keys))
    assert data.images["given_split"].to_list() == ["train", "validation"]
    assert [int(mask.sum()) for mask in masks(data)] == [25, 25]


def test_a_yaml_file_beside_one_lone_folder_is_seen(tmp_path: Path) -> None:
    for split in ("images", "labels"):
        (tmp_path / "all" / split).mkdir(parents=True)
    photos(tmp_path / "all/images", "a")
    (tmp_path / "all/labels/a.txt").write_text(line(0, SQUARE))
    (tmp_path / "data.yaml").write_text(json.dumps({"train": "all/images", "names": ["road", "water"]}))
    data = pupila.open(tmp_path)
    assert data.images["target"].to_list() == ["all/labels/a.txt"]
    assert (data.mask(0) == 1).sum() == 25


def test_yolo_may_list_its_images(tmp_path: Path) -> None:
    yolo(tmp_path, {"labels/a.txt": line(1, SQUARE), "labels/b.txt": ""}, train="train.txt", val="none")
    (tmp_path / "train.txt").write_text("./images/a.jpg\nimages/lost.jpg\n")
    data = pupila.open(tmp_path)
    assert data.images["image"].to_list() == ["images/a.jpg"]
    assert (data.mask(0) == 2).sum() == 25
    assert data.skipped["subject"].to_list() == ["images/lost.jpg", "val: none"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"{line(0, SQUARE)}0 0.5 0.5 0.1 0.1", "line 2 is a box, not a polygon"),
        ("0 0.1 0.1 0.2 0.2 0.3", "line 1 is not a polygon"),
        ("0 0.1 0.1 0.2 0.2 0.3 nan", "line 1 has coordinates that are not relative to width and height"),
        ("0 10 10 20 20 30 30", "line 1 has coordinates that are not relative to width and height"),
        ("road 0.1 0.1 0.2 0.2 0.3 0.3", "line 1 is not all numbers"),
        ("0.5 0.1 0.1 0.2 0.2 0.3 0.3", "line 1 has no valid class index"),
        ("-1 0.1 0.1 0.2 0.2 0.3 0.3", "line 1 has no valid class index"),
        ("7 0.1 0.1 0.2 0.2 0.3 0.3", "line 1 has class 7, which has no name"),
    ],
)
def test_a_line_that_is_not_a_polygon_leaves_its_image_without_a_mask(
    tmp_path: Path, text: str, reason: str
) -> None:
    yolo(tmp_path, {"labels/a.txt": text, "labels/b.txt": line(0, SQUARE)})
    data = pupila.open(tmp_path)
    assert data.skipped.rows() == [("images/a.jpg", "unreadable-mask", f"labels/a.txt: {reason}")]
    assert data.images["target"].to_list() == [None, "labels/b.txt"]


def test_yolo_without_labels_or_names_is_refused(tmp_path: Path) -> None:
    yolo(tmp_path, {"labels/a.txt": "", "labels/b.txt": ""})
    assert not pupila.open(tmp_path).mask(0).any()
    for name in "ab":
        (tmp_path / f"labels/{name}.txt").unlink()
    with pytest.raises(PupilaError, match="No labelled images"):
        pupila.open(tmp_path)
    yolo(tmp_path, {"labels/a.txt": line(0, SQUARE)}, names={"road": 0})
    with pytest.raises(PupilaError, match="Can't read the names"):
        pupila.open(tmp_path)


def test_yolo_with_a_class_file_and_a_class_without_a_label(tmp_path: Path) -> None:
    yolo(tmp_path, {"labels/a.txt": line(0, SQUARE) + line(1, CORNER)}, ["unlabeled", "water"])
    data = pupila.open(tmp_path)
    assert data.classes == ["background", "water"]
    assert ((data.mask(0) == IGNORE).sum(), (data.mask(0) == 1).sum()) == (25 - 9, 25)
    (tmp_path / "classes.json").write_text(json.dumps(["water", "land"]))
    data = pupila.open(tmp_path)
    assert data.classes == ["water", "land"]
    assert ((data.mask(0) == IGNORE).sum(), (data.mask(0) == 0).sum()) == (192 - 25, 25)
    data.save(str(tmp_path / "manifest"))
    again = pupila.open(tmp_path / "manifest")
    assert again.hash == data.hash
    assert np.array_equal(again.mask(0), data.mask(0))


def test_annotations_in_a_store_are_read_like_those_on_disk() -> None:
    files.write_bytes("memory://pond/images/1.png", encoded(photo(1, WIDTH, HEIGHT)))
    record = {"id": 1, "file_name": "1.png", "height": HEIGHT, "width": WIDTH}
    content = {"images": [record], "annotations": [annotation(1, 3, [SQUARE])], "categories": CATEGORIES}
    files.write_json("memory://pond/annotations/instances.json", content)
    assert (pupila.open("memory://pond").mask(0) == 2).sum() == 16
