"""The files of annotation tools: one scene in each of their forms, with pixels counted by hand."""

import contextlib
import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

import pupila
from pupila.artifacts.dataset.reading import LayoutChoice
from pupila.core.errors import PupilaError
from pupila.core.vocabulary import IGNORE
from tests.artifacts.dataset import annotation_writers as write
from tests.artifacts.dataset.annotation_writers import HEIGHT, WIDTH, WRITERS, Scene
from tests.pictures import write_photo

Points = list[list[float]]
# Where a tool's points lie between pixels, columns 2..5 and rows 3..6; where they are pixels, 2..6 and 3..7.
SQUARE: Points = [[2, 3], [6, 3], [6, 7], [2, 7]]
CORNER: Points = [[4, 5], [8, 5], [8, 9], [4, 9]]
PIXEL_TOOLS = {"labelme", "voc", "via", "via project", "via 1", "via csv", "supervisely"}
SCENE: Scene = {"1.jpg": [("polygon", "road", SQUARE), ("polygon", "water", CORNER)],
                "2.jpg": [("polygon", "water", SQUARE)]}  # fmt: skip


def expected_mask(tool: str) -> Any:
    """(HEIGHT, WIDTH) uint8: the first image of the scene, drawn by hand."""
    mask, more = np.zeros((HEIGHT, WIDTH), np.uint8), int(tool in PIXEL_TOOLS)
    mask[3 : 7 + more, 2 : 6 + more], mask[5 : 9 + more, 4 : 8 + more] = 1, 2
    return mask


def photos(folder: Path, *names: str) -> None:
    for name in names:
        write_photo(folder / name, sum(map(ord, name)), WIDTH, HEIGHT)


@pytest.mark.parametrize("folder", ["", "images"])
@pytest.mark.parametrize("tool", WRITERS)
def test_outlines_of_every_tool_become_the_same_masks(tmp_path: Path, tool: str, folder: str) -> None:
    photos(tmp_path / folder, "1.jpg", "2.jpg")
    WRITERS[tool](tmp_path, SCENE)
    data = pupila.open(tmp_path)
    assert data.classes == ["background", "road", "water"]
    assert np.array_equal(data.mask(0), expected_mask(tool))
    assert (data.mask(1) == 2).sum() == (25 if tool in PIXEL_TOOLS else 16)
    assert data.skipped.is_empty()
    assert pupila.open(tmp_path, layout=cast("LayoutChoice", tool.partition(" ")[0])).hash == data.hash


@pytest.mark.parametrize("tool", WRITERS)
def test_boxes_alone_are_labels_with_a_warning(tmp_path: Path, tool: str) -> None:
    photos(tmp_path, "1.jpg", "2.jpg", "3.jpg")
    box: Points = [[2, 3], [6, 7]]
    scene: Scene = {
        "1.jpg": [("box", "cat", box)],
        "2.jpg": [("box", "dog", box)],
        "3.jpg": [("box", "cat", box)],
    }
    WRITERS[tool](tmp_path, scene)
    data = pupila.open(tmp_path)
    assert data.images["target"].to_list() == ["cat", "dog", "cat"]
    assert "Boxes are not learned yet" in str(data)
    several: Scene = {**scene, "2.jpg": [("box", "dog", box), ("box", "cat", box)]}
    WRITERS[tool](tmp_path, several)
    assert pupila.open(tmp_path).label_matrix.tolist() == [[1, 0], [1, 1], [1, 0]]


@pytest.mark.parametrize("tool", [tool for tool in WRITERS if tool != "voc"])
def test_rectangles_among_outlines_are_areas_and_alone_where_the_user_says_so(
    tmp_path: Path, tool: str
) -> None:
    photos(tmp_path, "1.jpg", "2.jpg")
    box: Points = [[2, 3], [6, 7]]
    WRITERS[tool](tmp_path, {**SCENE, "2.jpg": [("box", "water", box)]})
    data = pupila.open(tmp_path)
    pixels = 25 if tool in ("supervisely", "labelme") else 16  # their corners are pixels
    assert (data.mask(1) == 2).sum() == pixels
    assert "1 rectangle counts as an area" in str(data)
    WRITERS[tool](tmp_path, {"1.jpg": [], "2.jpg": [("box", "water", box)]})
    assert pupila.open(tmp_path).target != "mask"
    assert (pupila.open(tmp_path, task="segment").mask(1) == 1).sum() == pixels


@pytest.mark.parametrize("tool", [tool for tool in WRITERS if tool != "voc"])
def test_points_and_tags_are_not_drawn_and_a_note_counts_them(tmp_path: Path, tool: str) -> None:
    photos(tmp_path, "1.jpg", "2.jpg")
    point: Points = [[3, 3]]
    scene: Scene = {"1.jpg": [*SCENE["1.jpg"], ("point", "road", point)], "2.jpg": [("point", "road", point)]}
    WRITERS[tool](tmp_path, scene)
    data = pupila.open(tmp_path)
    assert np.array_equal(data.mask(0), expected_mask(tool))
    assert data.images["target"].to_list()[1] is None  # its object would count as background
    assert "have no area" in data.skipped["reason"][0]
    assert "Annotations without an area are not drawn: 2 x " in str(data)
    WRITERS[tool](tmp_path, {"1.jpg": [], "2.jpg": [("point", "road", point)]})
    with pytest.raises(PupilaError, match=r"(?s)The annotations have no area: found 1 x .*--task multilabel"):
        pupila.open(tmp_path)


@pytest.mark.parametrize("tool", [tool for tool in WRITERS if tool != "voc"])
def test_labels_of_whole_images_are_classes(tmp_path: Path, tool: str) -> None:
    photos(tmp_path, "1.jpg", "2.jpg", "3.jpg")
    tags: Scene = {f"{n}.jpg": [("tag", label, [])] for n, label in ((1, "cat"), (2, "dog"), (3, "cat"))}
    WRITERS[tool](tmp_path, tags)
    data = pupila.open(tmp_path)
    assert data.images["target"].to_list() == ["cat", "dog", "cat"]
    assert "labels of whole images" in str(data)


@pytest.mark.parametrize("tool", ["labelme", "voc", "supervisely"])
def test_an_image_without_a_file_of_its_own_is_unlabelled(tmp_path: Path, tool: str) -> None:
    photos(tmp_path, "1.jpg", "2.jpg", "3.jpg")
    WRITERS[tool](tmp_path, SCENE)
    data = pupila.open(tmp_path)
    assert [target is None for target in data.images["target"]] == [False, False, True]
    assert "1 image has no annotation file and is unlabelled." in str(data)


@pytest.mark.parametrize("tool", ["labelme", "voc", "supervisely"])
def test_words_of_an_image_are_no_splits_but_folders_are(tmp_path: Path, tool: str) -> None:
    for split, name in (("train", "test_1.jpg"), ("val", "train_2.jpg")):
        photos(tmp_path / split, name)
        WRITERS[tool](tmp_path / split, {name: SCENE["1.jpg"]})
    data = pupila.open(tmp_path)
    assert data.images["given_split"].to_list() == ["train", "validation"]


@pytest.mark.parametrize("tool", WRITERS)
def test_images_that_are_missing_are_named(tmp_path: Path, tool: str) -> None:
    photos(tmp_path, "1.jpg")
    WRITERS[tool](tmp_path, SCENE)
    data = pupila.open(tmp_path)
    assert "row-without-image" in data.skipped["code"].to_list()
    WRITERS[tool](tmp_path, {"8.jpg": SCENE["1.jpg"], "9.jpg": SCENE["1.jpg"]})
    for path in tmp_path.rglob("*"):
        if path.stem in ("1", "2", "1.jpg", "2.jpg") and path.suffix != ".jpg":
            path.unlink()
    with pytest.raises(
        PupilaError, match=r"None of the images listed in .*(annotations|Annotations).*exists"
    ):
        pupila.open(tmp_path)


@pytest.mark.parametrize("tool", [tool for tool in WRITERS if "csv" not in tool])
def test_a_truncated_file_is_an_error_or_is_listed(tmp_path: Path, tool: str) -> None:
    photos(tmp_path, "1.jpg", "2.jpg")
    WRITERS[tool](tmp_path, SCENE)
    each_image = tool in ("labelme", "voc", "supervisely")
    path = sorted(p for p in tmp_path.rglob("*") if p.suffix in (".json", ".xml") and p.name != "meta.json")[
        0
    ]
    path.write_bytes(path.read_bytes()[:-20])
    if each_image:
        data = pupila.open(tmp_path)
        assert data.images["target"].null_count() == 1
        assert ("unreadable-label", True) in [
            (code, "Can't read" in reason) for code, reason in data.skipped.select("code", "reason").rows()
        ]
    else:
        with pytest.raises(PupilaError, match="Can't read"):
            pupila.open(tmp_path)


def test_a_bomb_of_entities_is_refused(tmp_path: Path) -> None:
    photos(tmp_path, "1.jpg")
    bomb = '<!DOCTYPE a [<!ENTITY b "boom">]><annotations><image name="&b;" id="1"/></annotations>'
    (tmp_path / "annotations.xml").write_text(bomb)
    with pytest.raises(PupilaError, match="declares entities"):
        pupila.open(tmp_path)


@pytest.mark.parametrize("tool", [tool for tool in WRITERS if tool != "voc"])
@pytest.mark.parametrize("points", [[[1e9, 1], [2, 1], [2, 2]], [[1, 1], [2, 2]], []])
def test_impossible_outlines_leave_their_image_without_a_mask(tmp_path: Path, tool: str, points: Any) -> None:
    photos(tmp_path, "1.jpg", "2.jpg")
    WRITERS[tool](tmp_path, {**SCENE, "2.jpg": [("polygon", "road", points)]})
    data = pupila.open(tmp_path)
    assert data.images["target"].to_list()[1] is None
    assert data.skipped["code"].to_list() == ["unreadable-mask"]


WRONG: list[Any] = [None, 7, -1, True, "x", [], {}, [None], {"a": 1}, [[1, 2]], float("inf"), float("nan")]


def find_places(content: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The keys and numbers that lead to each value of the content."""
    keys = content if isinstance(content, dict) else range(len(content)) if isinstance(content, list) else ()
    return [above, *(place for key in keys for place in find_places(content[key], (*above, key)))]


@pytest.mark.parametrize("tool", [tool for tool in WRITERS if tool not in ("voc", "cvat", "via csv")])
def test_values_of_another_type_are_no_traceback(tmp_path: Path, tool: str) -> None:
    photos(tmp_path, "1.jpg", "2.jpg")
    WRITERS[tool](tmp_path, {**SCENE, "2.jpg": [*SCENE["2.jpg"], ("box", "cat", [[1, 1], [3, 3]])]})
    path = next(iter([*tmp_path.rglob("2*.json"), *tmp_path.glob("*.json")]))
    text = path.read_text()
    places = [place for place in find_places(json.loads(text)) if place]
    for number, place in enumerate(places[:: max(1, len(places) // 24)]):
        content = json.loads(text)
        inner = content
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = WRONG[number % len(WRONG)]
        write.write_json(path, content)
        with contextlib.suppress(PupilaError):
            assert len(pupila.open(tmp_path)) >= 1


def test_a_region_without_a_class_has_no_label(tmp_path: Path) -> None:
    photos(tmp_path, "1.jpg")
    for tool in ("labelme", "supervisely", "cvat"):
        WRITERS[tool](tmp_path / tool, {"1.jpg": [*SCENE["1.jpg"][:1], ("polygon", "", CORNER)]})
        photos(tmp_path / tool, "1.jpg")
        data = pupila.open(tmp_path / tool)
        assert data.classes == ["background", "road"]
        assert (data.mask(0) == IGNORE).sum() == (25 if tool in PIXEL_TOOLS else 16)


def test_of_two_tools_the_one_that_covers_more_images_counts(tmp_path: Path) -> None:
    photos(tmp_path, "1.jpg", "2.jpg")
    write.cvat(tmp_path, SCENE)
    write.labelme(tmp_path, {"2.jpg": [("polygon", "cat", SQUARE)]})
    data = pupila.open(tmp_path)
    assert data.classes == ["background", "road", "water"]
    assert "labelme annotations (2.json): not used; --layout labelme reads them." in data.notes
    assert pupila.open(tmp_path, layout="labelme").classes == ["background", "cat"]
    assert pupila.open(tmp_path, labels="2.json").classes == ["background", "cat"]


def test_masks_and_classes_win_over_boxes_beside_them(tmp_path: Path) -> None:
    photos(tmp_path / "cat", "1.jpg")
    photos(tmp_path / "dog", "2.jpg")
    write.voc(tmp_path, {name: [("box", "road", [])] for name in ("1.jpg", "2.jpg")})
    data = pupila.open(tmp_path)
    assert data.classes == ["cat", "dog"]
    assert "--layout voc reads them as labels" in str(data)
    assert pupila.open(tmp_path, layout="voc").classes == ["road"]


def test_regions_without_a_class_have_no_label(tmp_path: Path) -> None:
    photos(tmp_path, "1.jpg")
    records = write.via_records({"1.jpg": SCENE["1.jpg"]})
    records["1.jpg77"]["regions"][1]["region_attributes"] = {}
    write.write_json(tmp_path / "via.json", records)
    assert (pupila.open(tmp_path).mask(0) == IGNORE).sum() == 25


_NO_NAMES = [True, float("nan"), 1e308, [1, 2], {"a": 1}, 10**30]


def _rewrite(path: Path, change: Any) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize("name", _NO_NAMES, ids=repr)
def test_what_is_no_text_names_no_class(tmp_path: Path, name: Any) -> None:
    photos(tmp_path, "1.jpg", "2.jpg")
    write.labelme(tmp_path, SCENE)
    _rewrite(tmp_path / "2.json", lambda content: content["shapes"][0].update(label=name))
    data = pupila.open(tmp_path)
    assert data.classes == ["background", "road", "water"]
    assert data.skipped.select("subject", "code").rows() == [("2.json", "unreadable-label")]
    assert "has no name" in data.skipped["reason"][0]


@pytest.mark.parametrize("name", [name for name in _NO_NAMES if not isinstance(name, dict)], ids=repr)
def test_a_region_of_via_whose_class_is_no_text_leaves_its_image_without_a_mask(
    tmp_path: Path, name: Any
) -> None:
    photos(tmp_path, "1.jpg", "2.jpg")
    write.via(tmp_path, SCENE)
    attributes = {"kind": name}
    _rewrite(tmp_path / "via_region_data.json",
             lambda content: content["2.jpg77"]["regions"][0].update(region_attributes=attributes))  # fmt: skip
    data = pupila.open(tmp_path)
    assert data.classes == ["background", "road", "water"]
    assert data.skipped.select("subject", "code").rows() == [("2.jpg", "unreadable-mask")]


@pytest.mark.parametrize("tool", ["labelme", "via", "label-studio", "supervisely"])
def test_regions_without_a_class_are_counted(tmp_path: Path, tool: str) -> None:
    photos(tmp_path, "1.jpg", "2.jpg")
    WRITERS[tool](tmp_path, SCENE)
    for path in tmp_path.rglob("*.json"):
        path.write_text(path.read_text().replace('"road"', '""'))
    data = pupila.open(tmp_path)
    assert "1 region has no class: its pixels have no label" in str(data)
    hidden = 9 if tool in PIXEL_TOOLS else 4  # by the other outline, which is as large
    assert (data.mask(0) == IGNORE).sum() == (25 if tool in PIXEL_TOOLS else 16) - hidden


@pytest.mark.parametrize(
    "result", [None, {}, 1, [[1]], [{"type": "polygonlabels"}], [{"value": 3}]], ids=repr
)
def test_a_result_of_label_studio_that_is_no_record_is_refused(tmp_path: Path, result: Any) -> None:
    photos(tmp_path, "1.jpg", "2.jpg")
    write.label_studio(tmp_path, SCENE)
    path = tmp_path / "project-1-at-2024.json"
    _rewrite(path, lambda tasks: tasks[1]["annotations"][0].update(result=result))
    with pytest.raises(PupilaError, match="Can't read a region in"):
        pupila.open(tmp_path)


def test_a_region_of_via_without_a_shape_is_no_empty_image(tmp_path: Path) -> None:
    photos(tmp_path, "1.jpg", "2.jpg")
    write.via(tmp_path, SCENE)
    _rewrite(tmp_path / "via_region_data.json",
             lambda content: content["2.jpg77"].update(regions=[{"region_attributes": {"kind": "road"}}]))  # fmt: skip
    assert pupila.open(tmp_path).skipped.select("subject", "code").rows() == [("2.jpg", "unreadable-mask")]
