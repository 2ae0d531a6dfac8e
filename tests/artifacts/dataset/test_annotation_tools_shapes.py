"""What single annotation tools have of their own: masks, holes, brushes, turned shapes, and attributes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask

import pupila
from pupila.core.errors import PupilaError
from tests.artifacts.dataset import annotation_writers as write
from tests.artifacts.dataset.annotation_writers import HEIGHT, WIDTH, Scene
from tests.artifacts.dataset.test_annotation_tools import CORNER, SCENE, SQUARE, photos

RING = np.zeros((HEIGHT, WIDTH), bool)
RING[3:9, 2:9], RING[5:7, 4:6] = True, False  # a hole of four pixels


def open_one(folder: Path) -> Any:
    """The mask of the only image."""
    data = pupila.open(folder)
    assert data.skipped.is_empty(), data.skipped.rows()
    return data.mask(0)


def labelme_shapes(folder: Path, *shapes: dict[str, Any]) -> None:
    photos(folder, "1.jpg")
    content = {"version": "4.5.6", "flags": {}, "shapes": shapes, "imagePath": "1.jpg", "imageData": "QUJD"}
    write.write_json(folder / "1.json", {**content, "imageHeight": HEIGHT, "imageWidth": WIDTH})


def test_labelme_masks_and_circles(tmp_path: Path) -> None:
    crop = RING[3:9, 2:9]
    labelme_shapes(tmp_path, {"label": "road", "shape_type": "mask", "points": [[2, 3], [8, 8]],
                              "mask": write.bitmap(crop, compressed=False)})  # fmt: skip
    assert np.array_equal(open_one(tmp_path) == 1, RING)
    circle = {"label": "road", "shape_type": "circle", "points": [[8, 6], [8, 2]]}
    labelme_shapes(tmp_path / "circle", circle)
    down, across = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    assert np.array_equal(open_one(tmp_path / "circle") == 1, np.hypot(across - 8, down - 6) < 4)


def test_labelme_finds_its_image_where_only_the_stem_is_right(tmp_path: Path) -> None:
    photos(tmp_path, "1.jpg")
    write.labelme(tmp_path, {"1.jpg": SCENE["1.jpg"]})
    content = json.loads((tmp_path / "1.json").read_text())
    write.write_json(tmp_path / "1.json", {**content, "imagePath": "C:\\old\\IMG_0001.JPG"})
    assert open_one(tmp_path).any()


def test_cvat_masks_ellipses_turned_boxes_and_the_order_of_layers(tmp_path: Path) -> None:
    photos(tmp_path, "1.jpg", "2.jpg")
    box = RING[3:9, 2:9].ravel()
    ends = np.flatnonzero(np.diff(box)) + 1
    runs = ", ".join(map(str, [0, *np.diff([0, *ends, box.size])]))
    (tmp_path / "annotations.xml").write_text(f"""<?xml version="1.0" encoding="utf-8"?>
    <annotations><version>1.1</version><meta><task><labels>
      <label><name>water</name><type>any</type></label><label><name>road</name><type>any</type></label>
      <label><name>blurred</name><type>tag</type></label></labels></task></meta>
    <image id="0" name="1.jpg" subset="Train" width="{WIDTH}" height="{HEIGHT}">
      <ellipse label="road" cx="12" cy="6" rx="4" ry="2" rotation="90" z_order="3"/>
      <mask label="water" rle="{runs}" left="2" top="3" width="7" height="6" z_order="0"/>
      <tag label="blurred"/>
    </image>
    <image id="1" name="2.jpg" subset="Validation" width="{WIDTH}" height="{HEIGHT}">
      <polygon label="road" points="0,0;16,0;16,12;0,12" z_order="2"/>
      <polygon label="water" points="2,3;6,3;6,7;2,7" z_order="1"/>
    </image></annotations>""")
    data = pupila.open(tmp_path)
    assert data.classes == ["background", "water", "road"]
    assert data.images["given_split"].to_list() == ["train", "validation"]
    assert np.array_equal(data.mask(0) == 1, RING)
    down, across = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    ellipse = ((across - 12) / 2) ** 2 + ((down - 6) / 4) ** 2 < 1
    assert ((data.mask(0) == 2) != ellipse).sum() <= 1  # as COCO rounds its edge
    assert (data.mask(1) == 2).all()  # the higher layer lies on top
    assert "Annotations without an area are not drawn: 1 x tag." in data.notes


def test_cvat_of_a_video_says_what_to_export(tmp_path: Path) -> None:
    photos(tmp_path, "1.jpg")
    (tmp_path / "annotations.xml").write_text("<annotations><meta/><track id='0' label='x'/></annotations>")
    with pytest.raises(PupilaError, match="the annotations of a video"):
        pupila.open(tmp_path)


@pytest.mark.parametrize("origin", [(2, 3), (-2, 8)])
def test_supervisely_holes_and_bitmaps(tmp_path: Path, origin: tuple[int, int]) -> None:
    photos(tmp_path / "img", "1.jpg")
    outer, hole = [[2, 3], [9, 3], [9, 9], [2, 9]], [[4, 5], [6, 5], [6, 7], [4, 7]]
    crop = RING[3:9, 2:9]
    shapes = [
        {"classTitle": "road", "geometryType": "polygon", "points": {"exterior": outer, "interior": [hole]}}
    ]
    content = {"tags": [], "size": {"height": HEIGHT, "width": WIDTH}, "objects": shapes}
    write.write_json(tmp_path / "ann/1.jpg.json", content)
    expected = np.zeros((HEIGHT, WIDTH), bool)
    expected[3:10, 2:10], expected[5:8, 4:7] = (
        True,
        False,
    )  # whole numbers are pixels: of the outline, and of the hole
    assert np.array_equal(open_one(tmp_path) == 1, expected)
    data = {"origin": origin, "data": write.bitmap(crop, compressed=True)}
    content["objects"] = [{"classTitle": "road", "geometryType": "bitmap", "bitmap": data}]
    write.write_json(tmp_path / "ann/1.jpg.json", content)
    canvas = np.zeros((HEIGHT + 20, WIDTH + 20), bool)
    canvas[origin[1] + 10 : origin[1] + 16, origin[0] + 10 : origin[0] + 17] = crop
    assert np.array_equal(open_one(tmp_path) == 1, canvas[10 : HEIGHT + 10, 10 : WIDTH + 10])


def studio(folder: Path, *annotations: dict[str, Any]) -> None:
    photos(folder, "1.jpg")
    write.write_json(folder / "x.json", [{"id": 1, "data": {"image": "1.jpg"}, "annotations": annotations}])


def test_label_studio_brushes_and_turned_rectangles(tmp_path: Path) -> None:
    brush = {"type": "brushlabels", "original_width": WIDTH, "original_height": HEIGHT,
             "value": {"format": "rle", "rle": write.brush(RING), "brushlabels": ["road"]}}  # fmt: skip
    studio(tmp_path, {"result": [brush]})
    assert np.array_equal(open_one(tmp_path) == 1, RING)
    turned = write.studio_result("box", "road", [[8, 2], [12, 4]])
    turned["value"]["rotation"] = 90  # around its upper left corner: columns 6..7, rows 2..5
    studio(tmp_path, {"result": [turned, write.studio_result("polygon", "road", SQUARE)]})
    expected = np.zeros((HEIGHT, WIDTH), bool)
    expected[2:6, 6:8] = expected[3:7, 2:6] = True
    assert np.array_equal(open_one(tmp_path) == 1, expected)


def test_label_studio_uses_the_ground_truth_or_the_last_annotation(tmp_path: Path) -> None:
    first, last = (
        {"result": [write.studio_result("polygon", "road", points)], "updated_at": f"2024-01-0{day}"}
        for points, day in ((SQUARE, 1), (CORNER, 2))
    )
    studio(tmp_path, last, first, {"result": [], "was_cancelled": True, "updated_at": "2025"})
    assert open_one(tmp_path)[8, 7] == 1
    studio(tmp_path, {**first, "ground_truth": True}, last)
    assert open_one(tmp_path)[3, 2] == 1
    assert "1 further annotation of an image is not used" in str(pupila.open(tmp_path))


def test_label_studio_tasks_without_an_annotation_are_unlabelled(tmp_path: Path) -> None:
    photos(tmp_path, "2.jpg")
    studio(tmp_path, {"result": [write.studio_result("polygon", "road", SQUARE)]})
    tasks = json.loads((tmp_path / "x.json").read_text())
    write.write_json(tmp_path / "x.json", [*tasks, {"id": 2, "data": {"image": "2.jpg"}, "annotations": []}])
    assert pupila.open(tmp_path).images["target"].to_list() == ["x.json#0", None]


def test_where_several_attributes_may_name_the_classes_the_user_decides(tmp_path: Path) -> None:
    photos(tmp_path, "1.jpg", "2.jpg")
    records = write.via_records(SCENE)
    regions = [region for record in records.values() for region in record["regions"]]
    for region, extra in zip(regions, ("first", "second", "third"), strict=True):
        region["region_attributes"]["note"] = extra
    for region in regions[1:]:
        region["region_attributes"]["kind"] = "water"
    write.write_json(tmp_path / "via.json", records)
    with pytest.raises(PupilaError, match=r"(?s)kind \(road, water\), note \(first.*--labels via.json#kind"):
        pupila.open(tmp_path)
    assert pupila.open(tmp_path, labels="via.json#kind").classes == ["background", "road", "water"]
    data = pupila.open(tmp_path, labels="via.json#note")
    assert data.classes == ["background", "first", "second", "third"]
    assert (data.mask(1) == 3).sum() == 25
    for region in regions:
        region["region_attributes"]["kind"] = "water"
    write.write_json(tmp_path / "via.json", records)
    data = pupila.open(tmp_path)
    assert data.classes == ["background", "water"]
    assert "The attribute kind names the classes; not used: note." in data.notes


def test_regions_of_via_without_attributes_are_foreground(tmp_path: Path) -> None:
    photos(tmp_path, "1.jpg")
    records = write.via_records({"1.jpg": SCENE["1.jpg"]})
    for region in records["1.jpg77"]["regions"]:
        region["region_attributes"] = {}
    write.write_json(tmp_path / "via.json", records)
    data = pupila.open(tmp_path)
    assert data.classes == ["background", "foreground"]
    assert (data.mask(0) == 1).sum() == 2 * 25 - 9


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of pycocotools
def test_outlines_fill_the_pixels_that_pycocotools_fills(tmp_path: Path) -> None:
    photos(tmp_path, "1.jpg")
    points = [[1.4, 0.7], [14.2, 3.1], [9.9, 10.8], [3.3, 8.2]]
    write.labelme(tmp_path, {"1.jpg": [("polygon", "road", points)]})
    (rle,) = coco_mask.frPyObjects([np.ravel(points).tolist()], HEIGHT, WIDTH)
    assert np.array_equal(open_one(tmp_path), coco_mask.decode(rle))


def test_a_csv_file_of_via_opens_by_its_path(tmp_path: Path) -> None:
    photos(tmp_path, "1.jpg", "2.jpg")
    write.via_csv(tmp_path, SCENE)
    assert pupila.open(tmp_path / "via.csv").classes == ["background", "road", "water"]


def test_the_tree_of_voc_has_its_lists_as_splits(tmp_path: Path) -> None:
    names = [f"2007_{n:06d}" for n in range(6)]
    photos(tmp_path / "JPEGImages", *(f"{name}.jpg" for name in names))
    scene: Scene = {f"{name}.jpg": [("box", ("cat", "dog")[n % 2], [])] for n, name in enumerate(names)}
    write.voc(tmp_path, scene)
    lists = tmp_path / "ImageSets/Main"
    lists.mkdir(parents=True)
    for split, some in (("train", names[:3]), ("val", names[3:5]), ("trainval", names[:5])):
        (lists / f"{split}.txt").write_text("\n".join(some))
    data = pupila.open(tmp_path)
    assert data.images["target"].to_list() == ["cat", "dog", "cat", "dog", "cat"]
    assert data.images["given_split"].to_list() == ["train"] * 3 + ["validation"] * 2
    assert "1 image is in no list and is left out." in data.notes
    (lists / "val.txt").write_text("\n".join(names[2:]))
    data = pupila.open(tmp_path)
    assert data.images["given_split"].null_count() == len(data) == 6
    assert "are not used: 1 image is in several of them" in str(data)


def test_lists_of_classes_of_voc_are_labels(tmp_path: Path) -> None:
    photos(tmp_path / "JPEGImages", "1.jpg", "2.jpg", "3.jpg")
    lists = tmp_path / "ImageSets/Main"
    lists.mkdir(parents=True)
    (lists / "cat_train.txt").write_text("1  1\n2 -1\n")
    (lists / "dog_train.txt").write_text("1  0\n2  1\n")
    (lists / "cat_val.txt").write_text("3 1\n")
    (lists / "dog_val.txt").write_text("3 1\n")
    data = pupila.open(tmp_path)
    assert data.images["target"].to_list() == ['{"cat": 1}', '{"cat": 0, "dog": 1}', '{"cat": 1, "dog": 1}']
    assert data.images["given_split"].to_list() == ["train", "train", "validation"]
    assert "1 label is 0 (difficult) and counts as unknown." in data.notes
