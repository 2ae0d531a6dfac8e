"""Label Studio's exports as data: tasks without annotations, choices, several annotators, and JSON-MIN."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pupila
from pupila.api.label import export_labels
from pupila.artifacts.dataset.labels import Label, append_labels
from pupila.core.errors import PupilaError
from pupila.stages.doctor.unread_labels import find_label_files
from tests.artifacts.dataset import annotation_writers as write
from tests.artifacts.dataset.annotation_writers import HEIGHT, WIDTH
from tests.artifacts.dataset.test_annotation_tools import SQUARE, photos
from tests.pictures import encoded, write_photo
from tests.stages.label.review.reviews import flat, label

RING = np.zeros((HEIGHT, WIDTH), bool)
RING[3:9, 2:9], RING[5:7, 4:6] = True, False
WHEN = "2026-11-21T13:00:00.000000Z"


def brush(mask: Any, name: str = "road") -> dict[str, Any]:
    return {"type": "brushlabels", "from_name": "label", "to_name": "image", "original_width": WIDTH,
            "original_height": HEIGHT,
            "value": {"format": "rle", "rle": write.brush(mask), "brushlabels": [name]}}  # fmt: skip


def choice(name: str) -> dict[str, Any]:
    return {"type": "choices", "from_name": "quality", "to_name": "image", "value": {"choices": [name]}}


def task(name: str, *results: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"data": {"image": name}, "annotations": [{"result": list(results), "updated_at": WHEN, **more}]}


def export(folder: Path, *tasks: dict[str, Any]) -> Path:
    photos(folder, *(each["data"]["image"] for each in tasks))
    write.write_json(folder / "x.json", list(tasks))
    return folder


@pytest.mark.parametrize("labelled", [True, False])
def test_exported_tasks_in_the_folder_of_the_data_are_no_labels(tmp_path: Path, labelled: bool) -> None:
    folder = tmp_path / "data"
    label(flat(folder, 3), ["cat", "dog", None] if labelled else [None] * 3)
    before = pupila.open(folder)
    export_labels(folder, out=folder / "tasks.json")
    after = pupila.open(folder)
    assert after.images["target"].equals(before.images["target"])
    assert (after.target, after.classes, after.doubt) == (before.target, before.classes, before.doubt)
    assert after.notes == [*before.notes, "tasks.json: 3 tasks of Label Studio without annotations; predictions are "
                           "no labels."]  # fmt: skip
    assert not find_label_files(after)  # nor files that look like labels
    with pytest.raises(PupilaError, match=r"(?s)no annotations in tasks.json.*annotate the tasks"):
        pupila.open(folder, labels="tasks.json")
    with pytest.raises(PupilaError, match=r"(?s)no annotations in tasks.json.*annotate the tasks"):
        pupila.open(folder / "tasks.json")


def test_exported_masks_in_the_folder_of_the_data_are_no_labels(tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    for number in range(3):
        write_photo(tmp_path / "images" / f"{number}.png", number, WIDTH, HEIGHT)
        (tmp_path / "masks" / f"{number}.png").write_bytes(encoded(RING.astype(np.uint8) * np.uint8(255)))
    before = pupila.open(tmp_path)
    export_labels(tmp_path, out=tmp_path / "tasks.json")
    after = pupila.open(tmp_path)
    assert after.images["target"].equals(before.images["target"]) and after.doubt == before.doubt
    assert "3 tasks of Label Studio without annotations" in str(after)


def test_classes_of_the_history_are_no_masks(tmp_path: Path) -> None:
    export(tmp_path, task("1.jpg", brush(RING)), task("2.jpg", brush(RING)))
    data = pupila.open(tmp_path)
    images = data.images.select("image", "sha256").rows()
    append_labels(
        data.home, [Label(image, digest, "annotator:ana", True, "dog", WHEN) for image, digest in images]
    )
    data = pupila.open(tmp_path)
    assert np.array_equal(data.mask(0) == 1, RING) and data.skipped.is_empty()
    assert "2 labels of the history are classes and no masks: they are not used" in str(data)


def test_a_choice_without_a_drawing_is_no_mask(tmp_path: Path) -> None:
    comment = {"type": "textarea", "value": {"text": ["nothing here"]}}
    export(tmp_path, task("1.jpg", brush(RING), choice("good")), task("2.jpg", choice("bad")), task("3.jpg"),
           task("4.jpg", comment))  # fmt: skip
    data = pupila.open(tmp_path)
    assert data.images["target"].to_list() == ["x.json#0", None, "x.json#2", "x.json#3"]
    assert np.array_equal(data.mask(0) == 1, RING) and not data.mask(2).any() and not data.mask(3).any()
    assert "1 image has a label and no drawing: it has no mask" in str(data)
    assert "neither classes nor regions are not read: 1 x textarea" in str(data)


def test_one_keypoint_does_not_cost_the_annotation(tmp_path: Path) -> None:
    point = write.studio_result("point", "road", [[3, 3]])
    export(tmp_path, task("1.jpg", brush(RING), point), task("2.jpg", brush(RING)))
    data = pupila.open(tmp_path)
    assert data.skipped.is_empty() and np.array_equal(data.mask(0) == 1, RING)
    assert "not drawn: 1 x keypoint" in str(data)


def test_a_region_whose_class_stands_in_another_result_is_drawn_once(tmp_path: Path) -> None:
    # The tags Labels and Polygon together: one result has the shape, and another one the shape and its class.
    named = write.studio_result("polygon", "road", SQUARE)
    points = named["value"]["points"]
    sizes = {"original_width": WIDTH, "original_height": HEIGHT, "id": "r1"}
    plain = {"type": "polygon", "value": {"points": points}, **sizes}
    labels = {"type": "labels", "value": {"points": points, "labels": ["road"]}, **sizes}
    about = {**choice("blurred"), "id": "r1"}
    export(tmp_path, task("1.jpg", labels, plain, about), task("2.jpg", labels, plain))
    data = pupila.open(tmp_path)
    assert data.mask(0)[3:7, 2:6].all() and (data.mask(0) == 1).sum() == 16
    assert "no class" not in str(data) and data.classes == ["background", "road"]


def test_a_drawing_on_a_rotated_image_is_not_read(tmp_path: Path) -> None:
    export(tmp_path, task("1.jpg", {**brush(RING), "image_rotation": 90}), task("2.jpg", brush(RING)))
    assert pupila.open(tmp_path).skipped.rows() == [
        ("1.jpg", "unreadable-mask", "x.json#0: drawn on a rotated image")
    ]


def minimal(name: str, *results: dict[str, Any], number: int = 0, by: int = 1) -> dict[str, Any]:
    """A record of JSON-MIN, as `convert_to_json_min` in Label Studio's SDK writes it."""
    record: dict[str, Any] = {"image": name, "id": number}
    for result in results:
        value = {key: result[key] for key in ("original_width", "original_height") if key in result}
        only = result["value"].get("choices", [None])[0]
        record.setdefault(result["from_name"], []).append(only or {**result["value"], **value})
    record = {key: value[0] if isinstance(value, list) and isinstance(value[0], str) and len(value) == 1 else value
              for key, value in record.items()}  # fmt: skip
    return {**record, "annotator": by, "annotation_id": number + 10, "created_at": WHEN,
            "updated_at": f"2026-11-2{by}T13:00:00Z", "lead_time": 2.5}  # fmt: skip


def test_json_min_holds_brushes_and_one_record_for_each_annotator(tmp_path: Path) -> None:
    photos(tmp_path, "1.jpg", "2.jpg", "3.jpg")
    records = [
        minimal("1.jpg", brush(RING), choice("good")),
        minimal("2.jpg", brush(~RING), number=1, by=2),
        minimal("2.jpg", brush(RING), number=1, by=1),
        {**minimal("3.jpg", number=2), "annotation_id": None},
    ]
    write.write_json(tmp_path / "min.json", records)
    data = pupila.open(tmp_path)
    assert data.images["target"].to_list() == ["min.json#0", "min.json#1", None]
    assert np.array_equal(data.mask(0) == 1, RING)
    assert np.array_equal(data.mask(1) == 1, ~RING)  # the last one
    assert "1 further annotation of an image is not used" in str(data)


def test_fields_that_pupila_wrote_are_no_answers_in_json_min(tmp_path: Path) -> None:
    photos(tmp_path, "1.jpg", "2.jpg", "3.jpg")
    records = [
        {**minimal(f"/data/local-files/?d=x/{number}.jpg", choice(name), number=number), "sha256": f"{number:064x}",
         "path": f"{number}.jpg", "classes": ["cat", "dog"]} for number, name in ((1, "cat"), (2, "dog"), (3, "cat"))
    ]  # fmt: skip
    write.write_json(tmp_path / "min.json", records)
    assert pupila.open(tmp_path).images["target"].to_list() == ["cat", "dog", "cat"]


def test_outlines_of_brushes_in_coco_lie_on_pixel_centres(tmp_path: Path) -> None:
    # As BRUSH_TO_COCO writes it: OpenCV's outline of a block of 4 x 3 pixels, whose hole is lost.
    photos(tmp_path, "1.jpg")
    record = {"id": 0, "image_id": 0, "category_id": 0, "bbox": [2, 3, 4, 3], "area": 6, "iscrowd": 0,
              "segmentation": [[2, 3, 2, 5, 5, 5, 5, 3]]}  # fmt: skip
    content: dict[str, Any] = {
        "images": [{"id": 0, "file_name": "1.jpg", "width": WIDTH, "height": HEIGHT}], "annotations": [record],
        "categories": [{"id": 0, "name": "road"}], "info": {"contributor": "Label Studio Converter"},
    }  # fmt: skip
    write.write_json(tmp_path / "result_coco.json", content)
    data = pupila.open(tmp_path)
    expected = np.zeros((HEIGHT, WIDTH), bool)
    expected[3:6, 2:6] = True
    assert np.array_equal(data.mask(0) == 1, expected)
    assert "result_coco.json: outlines that Label Studio traced around its brushes" in str(data)
    write.write_json(tmp_path / "result_coco.json", {**content, "info": {"contributor": "Label Studio"}})
    assert (pupila.open(tmp_path).mask(0) == 1).sum() == 6  # as pycocotools
