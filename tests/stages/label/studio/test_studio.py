"""Label Studio: its brush bit by bit, labels and masks there and back."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pupila
from pupila.artifacts.dataset.formats.masks.mask_files import MaskFile, write_mask_files
from pupila.artifacts.dataset.labels import Label, append_labels, read_history
from pupila.core.errors import PupilaError
from pupila.imaging.masks.brush import decode, encode
from pupila.stages.label.studio.annotations import import_annotations, sentences
from pupila.stages.label.studio.export import ExportOptions, export_tasks
from tests.pictures import encoded, photo, scene, write_photo, write_scenes
from tests.stages.label.review.reviews import flat, label

WHEN = "2026-11-21T13:00:00.000000Z"


def test_a_brush_by_hand() -> None:
    # 8 values: 00..001000; words of 8 bits: 00111; sizes 3, 4, 8, 16: 0010 0011 0111 1111; then a run (1) of the first
    # size (00) and length 4 (011) of 255, and one of 0; and 7 bits to fill the byte.
    assert encode(np.array([[True, False]])) == [0, 0, 0, 8, 57, 27, 252, 127, 241, 128, 0]
    # The same with sizes of 1 bit each and words of 1 bit, values written one by one:
    # 00000000 00000000 00000000 00001000 | 00000 0000 0000 0000 0000 | 0 00 1 11 | 0 00 1 11 | 0 00 1 00 | 0 00 1 00
    bits = f"{8:032b}" + "0" * 21 + "000111" * 2 + "000100" * 2
    bits += "0" * (-len(bits) % 8)
    values = [int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)]
    assert decode(values, 1, 2).tolist() == [[True, False]]


@pytest.mark.parametrize(
    ("alpha", "painted"), [(0, False), (1, False), (127, False), (128, True), (255, True)]
)
def test_a_brush_paints_from_half_of_its_alpha(alpha: int, painted: bool) -> None:
    # One pixel of red 255 and alpha 0, and one of that alpha: four values each, written one by one.
    bits = f"{8:032b}" + "00111" + "0010001101111111" + "000" + "111"
    bits += "".join(f"{value:08b}" for value in (255, 0, 0, 0, 0, 0, 0, alpha))
    bits += "0" * (-len(bits) % 8)
    values = [int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)]
    assert decode(values, 2, 1).tolist() == [[False], [painted]]


@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(1, 40), st.floats(0, 1))
def test_random_masks_survive_the_round_trip(seed: int, height: int, width: int, share: float) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < share
    assert np.array_equal(decode(encode(mask), height, width), mask)


@pytest.mark.parametrize("painted", [0, 1, 2, 4, 64, 65, 16384, 16385, 40000])
def test_runs_of_every_length_survive_the_round_trip(painted: int) -> None:
    mask = np.arange(40000).reshape(200, 200) < painted
    values = encode(mask)
    assert np.array_equal(decode(values, 200, 200), mask)
    assert len(values) < 40


@pytest.mark.parametrize("values", [[], [0, 0], [300], encode(np.ones((2, 3), bool))[:-2], ["x"]])
def test_a_damaged_brush_is_refused(values: list[Any]) -> None:
    with pytest.raises(ValueError, match=r"truncated|bytes|values"):
        decode(values, 2, 3)
    with pytest.raises(ValueError, match="24 values instead of 48"):
        decode(encode(np.ones((2, 3), bool)), 3, 4)


def annotated(
    tasks: list[dict[str, Any]], *results: list[dict[str, Any]], by: Any = 1
) -> list[dict[str, Any]]:
    """The tasks as Label Studio would export them, with an annotation each."""
    return [
        {**task, "id": number, "annotations": [{"result": result, "completed_by": by, "updated_at": WHEN,
                                                "was_cancelled": False, "lead_time": 4.5}]}
        for number, (task, result) in enumerate(zip(tasks, results, strict=True))
    ]  # fmt: skip


def choice(name: str) -> list[dict[str, Any]]:
    return [{"type": "choices", "from_name": "label", "to_name": "image", "value": {"choices": [name]}}]


def exported(folder: Path, **how: Any) -> list[dict[str, Any]]:
    export_tasks(pupila.open(folder), str(folder.parent / "out.json"), ExportOptions(**how))
    tasks: list[dict[str, Any]] = json.loads((folder.parent / "out.json").read_text())
    return tasks


def taken(folder: Path, tasks: list[dict[str, Any]]) -> Any:
    (folder.parent / "back.json").write_text(json.dumps(tasks))
    return import_annotations(pupila.open(folder), str(folder.parent / "back.json"))


def test_classes_survive_the_round_trip(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    label(flat(folder, 4), ["cow", "dog & cat", "cow", None], [0.7, None, 0.9, None], by="vlm:m")
    tasks = exported(folder)
    assert tasks[0]["data"]["image"] == "/data/local-files/?d=data/000.jpg"
    assert tasks[0]["predictions"][0]["result"][0]["value"] == {"choices": ["cow"]}
    assert (
        tasks[0]["predictions"][0]["model_version"] == "vlm:m" and tasks[0]["predictions"][0]["score"] == 0.7
    )
    assert "score" not in tasks[1]["predictions"][0] and "predictions" not in tasks[3]
    config = ElementTree.parse(tmp_path / "out.xml").getroot()
    assert [choice.get("value") for choice in config.iter("Choice")] == ["cow", "dog & cat"]
    assert [len(exported(folder, **how)) for how in ({}, {"without_label": True})] == [4, 1]
    answers = annotated(
        tasks, choice("dog & cat"), choice("dog & cat"), [], choice("hen"), by={"email": "ana@x.example"}
    )
    result = taken(folder, answers)
    assert (result.labels, result.unsure, result.masks) == (4, 1, 0)
    assert pupila.open(folder).images["target"].to_list() == ["dog & cat", "dog & cat", None, "hen"]
    rows = read_history(str(folder)).tail(4)
    assert set(rows["labeller"]) == {"annotator:ana@x.example"} and set(rows["note"]) == {
        "label-studio: back.json"
    }
    assert rows["time"][0] == WHEN and rows["seconds"][0] == 4.5
    again = taken(folder, answers)
    assert (again.labels, again.already_imported) == (0, 4)  # nothing twice


def test_a_later_export_does_not_restore_old_annotations(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    flat(folder, 1)
    answers = annotated([{"data": {"image": "000.jpg"}}], choice("cat"))
    assert taken(folder, answers).labels == 1
    data = pupila.open(folder)
    image, digest = data.images.select("image", "sha256").row(0)
    append_labels(
        data.home, [Label(image, digest, "annotator:ana", True, "dog", "2026-12-21T13:00:00+00:00")]
    )
    (tmp_path / "project-1-at-2026-12-24.json").write_text(json.dumps(answers))
    result = import_annotations(pupila.open(folder), str(tmp_path / "project-1-at-2026-12-24.json"))
    assert (result.labels, result.already_imported) == (0, 1)
    assert pupila.open(folder).images["target"].to_list() == ["dog"]


def test_embedded_images_need_no_server(tmp_path: Path) -> None:
    flat(tmp_path / "data", 1)
    (task,) = exported(tmp_path / "data", embed=True)
    assert task["data"]["image"].startswith("data:image/jpeg;base64,/9j/")


@pytest.mark.parametrize(
    "data",
    [
        {"image": "/data/upload/3/0a1b2c3d-000.jpg"},
        {"image": "/data/local-files/?d=photos/000.jpg"},
        {"picture": "https://shop.example/a%20b/000.jpg?size=2"},
        {"image": "s3://bucket/000.jpg"},
    ],
)
def test_an_image_is_found_by_the_end_of_its_address(tmp_path: Path, data: dict[str, str]) -> None:
    flat(tmp_path / "data", 2)
    result = taken(tmp_path / "data", annotated([{"data": data}], choice("cow")))
    assert result.labels == 1
    assert pupila.open(tmp_path / "data").images["target"].to_list() == ["cow", None]


def test_skipped_annotations_are_reported(tmp_path: Path) -> None:
    flat(tmp_path / "data", 2)
    known, strange = {"data": {"image": "000.jpg"}}, {"data": {"image": "zzz.jpg"}}
    two = [*choice("a"), *choice("b")]
    skipped = annotated([known], choice("a"))
    skipped[0]["annotations"][0]["was_cancelled"] = True
    result = taken(tmp_path / "data", [*annotated([known, strange], two, choice("a")), *skipped])
    assert result.labels == 0
    assert dict(result.skipped) == {
        "no image of the data set (no such file)": 1,
        "several classes for one image": 1,
    }
    assert any("several classes" in line for line in sentences(result))
    with pytest.raises(PupilaError, match="no image of the data set"):
        taken(tmp_path / "data", annotated([strange], choice("a")))
    with pytest.raises(PupilaError, match="no export of Label Studio"):
        taken(tmp_path / "data", [{"image": "000.jpg", "choice": "a", "id": 1}])


def brush(name: str, mask: Any) -> dict[str, Any]:
    height, width = mask.shape
    return {
        "type": "brushlabels", "original_height": height, "original_width": width, "image_rotation": 0,
        "value": {"format": "rle", "rle": encode(mask), "brushlabels": [name]},
    }  # fmt: skip


def test_masks_survive_the_round_trip(tmp_path: Path) -> None:
    folder = tmp_path / "floods"
    write_scenes(folder, 3)
    tasks = exported(folder)
    regions = [task["predictions"][0]["result"] for task in tasks]
    assert [len(some) for some in regions] == [1, 1, 1]  # no brush for the background
    before = {path.name: path.read_bytes() for path in (folder / "masks").glob("*.png")}
    corrected = scene(50)[1] == 1
    result = taken(folder, annotated(tasks, regions[0], [brush("foreground", corrected)], []))
    assert (result.labels, result.masks) == (3, 3)
    after = pupila.open(folder)
    assert np.array_equal(after.mask(0), scene(0)[1])
    assert np.array_equal(after.mask(1), corrected)
    assert not after.mask(2).any()  # nothing was drawn: background alone
    there = {path.name: path.read_bytes() for path in (folder / "masks").glob("*.png")}
    assert there == before  # none was replaced
    targets = after.images["target"].to_list()
    assert targets[0] == "masks/000.png" and targets[1].startswith("masks/corrected/001-")
    assert after.skipped.is_empty()
    assert read_history(str(folder))["annotator"].all()


@pytest.mark.parametrize("above", ["images", ""])
def test_the_first_masks_of_a_data_set_are_found_when_it_is_opened(tmp_path: Path, above: str) -> None:
    folder = tmp_path / "data"
    for number in range(3):
        write_photo(folder / above / f"{number}.jpg", number)
    ground, tree = np.zeros((72, 96), bool), np.zeros((72, 96), bool)
    ground[40:], tree[20:60, 30:50] = True, True
    tasks = [{"data": {"image": f"/data/upload/1/{number}.jpg"}} for number in range(2)]
    result = taken(
        folder, annotated(tasks, [brush("ground", ground), brush("tree", tree)], [brush("tree", tree)])
    )
    assert result.masks == 2
    data = pupila.open(folder)
    assert data.classes == ["background", "ground", "tree"]
    expected = np.where(tree, 2, np.where(ground, 1, 0))
    assert np.array_equal(data.mask(0), expected)  # what was drawn later lies on top
    assert data.images["target"].to_list() == ["masks/0.png", "masks/1.png", None]


def test_outlines_and_boxes_are_filled(tmp_path: Path) -> None:
    folder = tmp_path / "floods"
    write_scenes(folder, 2)  # 96 x 72
    outline = {
        "type": "polygonlabels", "original_width": 96, "original_height": 72,
        "value": {"points": [[25, 25], [75, 25], [75, 75], [25, 75]], "polygonlabels": ["foreground"]},
    }  # fmt: skip
    box = {
        "type": "rectanglelabels", "original_width": 96, "original_height": 72,
        "value": {"x": 50, "y": 50, "width": 25, "height": 25, "rotation": 90, "rectanglelabels": ["foreground"]},
    }  # fmt: skip
    taken(folder, annotated(exported(folder), [outline], [box]))
    data = pupila.open(folder)
    expected = np.zeros((72, 96), bool)
    expected[18:54, 24:72] = True
    assert np.array_equal(data.mask(0) == 1, expected)
    turned = np.zeros((72, 96), bool)
    turned[36:60, 30:48] = (
        True  # 24 wide and 18 high, a quarter turn around its upper left corner: 18 wide and 24 high
    )
    assert np.array_equal(data.mask(1) == 1, turned)


def test_masks_of_other_classes_or_shapes_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "floods"
    write_scenes(folder, 2)
    mask = np.ones((72, 96), bool)
    with pytest.raises(PupilaError, match="classes that the data set does not have: found lava"):
        taken(folder, annotated(exported(folder), [brush("lava", mask)], []))
    turned = {**brush("foreground", mask), "image_rotation": 90}
    result = taken(folder, annotated(exported(folder), [brush("foreground", mask[:40])], [turned]))
    assert dict(result.skipped) == {
        "drawn on an image of another shape": 1,
        "unreadable region (drawn on a rotated image)": 1,
    }
    broken = brush("foreground", mask)
    broken["value"]["rle"] = broken["value"]["rle"][:9]
    result = taken(folder, annotated(exported(folder), [broken], []))
    assert list(result.skipped) == ["unreadable region (the run lengths are truncated)"]


@pytest.mark.parametrize("kind", ["keypointlabels", "vectorlabels", "brush", "taxonomy", "of-tomorrow"])
def test_a_result_without_an_area_does_not_cost_the_annotation(tmp_path: Path, kind: str) -> None:
    folder = write_scenes(tmp_path / "floods", 3)
    region = {"type": kind, "value": {"x": 50, "y": 50, kind: ["foreground"]}}
    comment = {"type": "textarea", "value": {"text": ["blurred"]}}
    mask = brush("foreground", np.ones((72, 96), bool))
    result = taken(folder, annotated(exported(folder), [mask, region], [mask, comment], [region]))
    assert dict(result.unread) == {kind: 1, "textarea": 1}
    assert f"not read: 1 x {kind}, 1 x textarea" in "".join(sentences(result))
    assert dict(result.skipped) == {f"only results of other types: {kind}": 1}  # no empty drawing
    assert (result.labels, result.masks) == (2, 2)
    data = pupila.open(folder)
    assert data.mask(0).all() and data.mask(1).all()
    assert np.array_equal(data.mask(2), scene(2)[1])
    flat(tmp_path / "data", 1)
    result = taken(tmp_path / "data", annotated([{"data": {"image": "000.jpg"}}], [region]))
    assert (result.labels, result.skipped.total()) == (0, 1)  # nor an answer of someone unsure


def test_a_choice_without_a_drawing_is_no_mask(tmp_path: Path) -> None:
    folder = write_scenes(tmp_path / "floods", 3)
    comment = {"type": "textarea", "value": {"text": ["nothing here"]}}
    full = brush("foreground", np.ones((72, 96), bool))
    result = taken(folder, annotated(exported(folder), choice("good"), [comment], [*choice("bad"), full]))
    assert (result.labels, dict(result.skipped)) == (2, {"a choice without a drawing is no mask": 1})
    data = pupila.open(folder)
    assert np.array_equal(data.mask(0), scene(0)[1])
    assert not data.mask(1).any()  # an empty drawing, with a word
    assert data.mask(2).all()


def test_ellipses_are_filled(tmp_path: Path) -> None:
    folder = write_scenes(tmp_path / "floods", 1)  # 96 x 72
    value = {
        "x": 50,
        "y": 50,
        "radiusX": 25,
        "radiusY": 12.5,
        "rotation": 90,
        "ellipselabels": ["foreground"],
    }
    ellipse = {"type": "ellipselabels", "original_width": 96, "original_height": 72, "value": value}
    taken(folder, annotated(exported(folder), [ellipse]))
    down, across = np.mgrid[:72, :96] + 0.5
    expected = ((across - 48) / 9) ** 2 + ((down - 36) / 24) ** 2 < 1
    assert ((pupila.open(folder).mask(0) == 1) != expected).sum() <= 4  # of 679


def test_a_skipped_drawing_does_not_turn_choices_into_masks(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    flat(folder, 2)
    tasks = [{"data": {"image": f"00{number}.jpg"}} for number in range(2)]
    answers = annotated(tasks, [brush("tree", np.ones((72, 96), bool))], choice("cow"))
    answers[0]["annotations"][0]["was_cancelled"] = True
    result = taken(folder, answers)
    assert (result.labels, result.masks) == (1, 0)
    assert pupila.open(folder).images["target"].to_list() == [None, "cow"]


def test_masks_are_refused_for_data_with_classes(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    label(flat(folder, 2), ["cow", "cow"])
    task = {"data": {"image": "000.jpg"}}
    with pytest.raises(PupilaError, match="The data have one class per image"):
        taken(folder, annotated([task], [brush("tree", np.ones((72, 96), bool))]))
    assert read_history(str(folder)).height == 2


def test_masks_beside_their_images_stay_there(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.jpg").write_bytes(encoded(photo(number), "JPEG"))
        (folder / f"{number}_mask.png").write_bytes(
            encoded(np.repeat(scene(number)[1][..., None] * 255, 3, 2))
        )
    mask = np.zeros((72, 96), bool)
    mask[:30] = True
    taken(folder, annotated([{"data": {"image": "2.jpg"}}], [brush("foreground", mask)]))
    data = pupila.open(folder)
    assert len(data) == 4 and data.images["target"][2] == write_mask_files([MaskFile("2_mask_2.png")])
    assert np.array_equal(data.mask(2) == 1, mask)


def test_a_mask_that_was_deleted_is_left_out_of_the_export(tmp_path: Path) -> None:
    folder = write_scenes(tmp_path / "data", 3)
    data = pupila.open(folder)
    rows = data.images.select("image", "sha256", "target").rows()
    append_labels(
        data.home, [Label(image, digest, "roboflow:m", False, mask, WHEN) for image, digest, mask in rows]
    )
    image, digest, mask = rows[0]
    append_labels(
        data.home, [Label(image, digest, "annotator:ana", True, None, WHEN, note="audit: rejected")]
    )
    (folder / mask).unlink()
    result = export_tasks(pupila.open(folder), str(tmp_path / "out.json"), ExportOptions())
    assert (result.tasks, result.predictions, result.missing_masks) == (3, 2, 1)


def test_a_retracted_answer_is_not_a_prediction(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    data = flat(folder, 1)
    image, digest = data.images.select("image", "sha256").row(0)
    append_labels(data.home, [
        Label(image, digest, "annotator:ana", True, "cow", WHEN, note="audit"),
        Label(image, digest, "annotator:ana", True, None, WHEN, note="audit: retracted"),
    ])  # fmt: skip
    assert "predictions" not in exported(folder)[0]
