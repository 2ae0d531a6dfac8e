"""What the values of masks mean without a class file: codes, numbered objects, lists of names, turned masks, pages."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pupila
from pupila.core.errors import PupilaError
from pupila.core.vocabulary import IGNORE
from pupila.imaging.masks.codec import read_stored_mask
from pupila.imaging.masks.inference import ValueCounts, count_places, infer_label_map
from pupila.imaging.masks.label_map import LabelMap
from pupila.imaging.regions import count_regions
from tests.artifacts.dataset.test_masks import HEIGHT, RGB, THREE, TWO, WIDTH, pair
from tests.pictures import encoded, photo


def cells(first: int, count: int) -> Any:
    """(HEIGHT, WIDTH) uint16: squares of 3 x 3 with values of their own, from the first."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint16)
    for number in range(count):
        top, left = 4 * (number // 7) + 1, 4 * (number % 7) + 1
        mask[top : top + 3, left : left + 3] = first + number
    return mask


def test_regions_are_counted_by_hand() -> None:
    mask = np.array([[1, 0, 1, 2], [0, 1, 0, 2], [3, 0, 0, 0], [3, 0, 2, 2]])
    assert count_regions(mask, [1, 2, 3]) == [1, 2, 1]
    comb = np.array([[4, 0, 4, 0, 4], [4, 4, 4, 4, 4], [0, 0, 0, 0, 0], [4, 0, 4, 4, 4]])
    assert count_regions(comb, [0, 4]) == [3, 3]


def test_regions_agree_with_scipy() -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    mask = np.random.default_rng(0).integers(0, 3, (40, 60))
    expected = [ndimage.label(mask == value, np.ones((3, 3)))[1] for value in (0, 1, 2)]
    assert count_regions(mask, [0, 1, 2]) == expected


def test_places_are_counted_by_hand() -> None:
    mask = np.zeros((5, 7), np.uint8)
    mask[:, 3], mask[:, 4:] = 100, 255
    assert count_places(mask) == ({0: 3, 255: 3}, {100: 3})
    assert count_places(np.zeros((2, 9), np.uint8)) == ({}, {})


@pytest.mark.parametrize("first", [0, 1, 300, 40_000])
@pytest.mark.parametrize("coloured", [False, True])
def test_numbers_that_vary_between_masks_are_objects(tmp_path: Path, first: int, coloured: bool) -> None:
    rng = np.random.default_rng(first)
    for name, count in zip("abcdef", [12, 9, 20, 5, 16, 0], strict=True):
        mask = cells(1 if first < 2 else first + 50 * ord(name), count)
        if coloured:
            mask = np.concatenate([[[0, 0, 0]], rng.integers(30, 256, (99_999, 3))])[mask].astype(np.uint8)
        elif first == 0:
            mask = mask.astype(np.uint8)
        pair(tmp_path, mask, name)
    data = pupila.open(tmp_path)
    assert data.classes == ["background", "foreground"]
    assert data.notes[0].startswith("62 numbered objects in 6 masks are read as foreground")
    assert [int(data.mask(row).sum()) for row in range(6)] == [9 * n for n in (12, 9, 20, 5, 16, 0)]
    assert data.images["mask_unknown"].sum() == 0
    saved = pupila.open(Path(data.save(str(tmp_path / "saved"))).parent)
    assert saved.hash == data.hash
    assert saved.mask(0).sum() == 9 * 12


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("fibres", [False, True])
def test_objects_that_hide_each_other_are_no_classes(tmp_path: Path, seed: int, fibres: bool) -> None:
    rng = np.random.default_rng(seed)
    palette = rng.permutation(np.stack(np.unravel_index(np.arange(1, 65), (5, 5, 5)), axis=-1) * 60)
    palette[0] = 0
    for name in "abcdefgh":
        mask = np.zeros((2 * HEIGHT, 2 * WIDTH), np.uint8)
        for number in range(1, int(rng.integers(8, 25))):
            top, left = int(rng.integers(2 * HEIGHT - 7)), int(rng.integers(2 * WIDTH - 7))
            if not fibres:
                mask[top : top + 7, left : left + 7] = number
            elif number % 2:
                mask[top : top + 3, left : left + 20] = number
            else:
                mask[top : top + 20, left : left + 3] = number
        pair(tmp_path, palette[mask].astype(np.uint8) if seed % 2 else mask, name)
    try:
        assert pupila.open(tmp_path).classes == ["background", "foreground"]
    except PupilaError as question:
        assert "--instances merge" in str(question)


@pytest.mark.parametrize("seed", range(4))
def test_classes_that_lack_in_some_masks_stay_classes(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for name in "abcdefgh":
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        for number in range(1, 13):
            top, left = HEIGHT // 3 * ((number - 1) // 4), WIDTH // 4 * ((number - 1) % 4)
            if rng.random() < (0.9 if seed % 2 else 1.04 - number / 14):
                mask[top : top + 5, left : left + 5] = number
        pair(tmp_path, mask, name)
    assert len(pupila.open(tmp_path).classes) == 13


def test_the_flag_reads_each_number_as_a_class_or_all_as_one(tmp_path: Path) -> None:
    for name, count in zip("abcdef", [12, 9, 20, 5, 16, 0], strict=True):
        pair(tmp_path / "cells", cells(1, count).astype(np.uint8), name)
        pair(tmp_path / "organs", THREE, name)
    assert len(pupila.open(tmp_path / "cells", instances="classes").classes) == 21
    assert pupila.open(tmp_path / "organs").classes == ["class 0", "class 1", "class 2"]
    merged = pupila.open(tmp_path / "organs", instances="merge")
    assert np.array_equal(merged.mask(0), THREE > 0)


def test_organs_of_one_region_each_stay_classes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in "abcdefghij":
        mask = cells(1, 13)
        mask[np.isin(mask, rng.choice(np.arange(1, 14), 5, replace=False))] = 0
        pair(tmp_path, mask.astype(np.uint8), name)
    assert len(pupila.open(tmp_path).classes) == 14


def test_where_numbers_may_be_either_a_question_names_the_flag(tmp_path: Path) -> None:
    pair(tmp_path, cells(1, 20).astype(np.uint8))
    with pytest.raises(PupilaError, match="--instances merge reads all as foreground"):
        pupila.open(tmp_path)


def test_objects_in_two_parts_are_no_classes(tmp_path: Path) -> None:
    for name, count in zip("abcdef", [8, 10, 9, 10, 11, 8], strict=True):  # a bar hides the middle of each
        halves = cells(1, count)
        pair(tmp_path, np.concatenate([halves, halves]).astype(np.uint8), name)
    with pytest.raises(PupilaError, match="--instances merge reads all as foreground"):
        pupila.open(tmp_path)


def test_numbers_alike_in_all_masks_may_be_either(tmp_path: Path) -> None:
    for name in "abcd":
        pair(tmp_path, cells(1, 12).astype(np.uint8), name)
    with pytest.raises(PupilaError, match="--instances merge reads all as foreground"):
        pupila.open(tmp_path)
    assert len(pupila.open(tmp_path, instances="classes").classes) == 13


@pytest.mark.parametrize(("values", "question"), [
    ([0, 7, 24_000, 24_001, 26_000, 26_001], True),  # as Cityscapes numbers objects within a class
    ([0, 100, 300, 1000, 2000, 3000], False),
    ([0, 1500, 1501, 2700, 2701, 2702], False),
])  # fmt: skip
def test_objects_numbered_within_thousands_are_a_question(
    tmp_path: Path, values: list[int], question: bool
) -> None:
    for name in "abc":
        mask = np.zeros((HEIGHT, WIDTH), np.uint16)
        for place, value in enumerate(values):
            mask[4 * place : 4 * place + 4] = value
        pair(tmp_path, mask, name)
    if question:
        with pytest.raises(PupilaError, match=r"(?s)such as 24000, 24001.*--instances merge"):
            pupila.open(tmp_path)
    else:
        assert len(pupila.open(tmp_path).classes) == len(values)


def test_objects_without_a_background_are_a_question(tmp_path: Path) -> None:
    rows, columns = np.mgrid[: 3 * HEIGHT, : 3 * WIDTH]
    for side, name in enumerate("abcd", 6):
        pair(tmp_path, (rows // side * 40 + columns // side + 1).astype(np.uint16), name)
    with pytest.raises(PupilaError, match="leave no background"):
        pupila.open(tmp_path)


@pytest.mark.parametrize("value", [0, 1, 255])
def test_masks_of_one_value_are_named(tmp_path: Path, value: int) -> None:
    for name in "abc":
        pair(tmp_path, np.full((HEIGHT, WIDTH), value, np.uint8), name)
    assert any(f"one value, {value}: they tell nothing apart" in note for note in pupila.open(tmp_path).notes)


@pytest.mark.parametrize("both", [False, True])
def test_foreground_of_two_sources_is_1_and_255(tmp_path: Path, both: bool) -> None:
    for number, name in enumerate("abcdef"):
        mask = TWO * (255 if number % 2 else 1)
        if both and number == 0:
            mask[:4] = 255  # pixels without a label beside objects
        pair(tmp_path, mask, name)
    data = pupila.open(tmp_path)
    assert data.classes == ["background", "foreground"]
    assert np.array_equal(data.mask(1), TWO * (255 if both else 1))
    assert any("3 masks hold 0 and 1, 3 hold 0 and 255" in note for note in data.notes) != both
    saved = pupila.open(Path(data.save(str(tmp_path / "saved"))).parent)
    assert np.array_equal(saved.mask(1), data.mask(1))


@pytest.mark.parametrize(("levels", "refused"), [((127, 255), True), ((100, 200), True), ((70, 200), False)])
def test_indices_beside_the_same_spread_over_grey_levels_are_refused(
    tmp_path: Path, levels: tuple[int, int], refused: bool
) -> None:
    for number, name in enumerate("abcd"):
        pair(tmp_path, np.array([0, *(levels if number % 2 else (1, 2))], np.uint8)[THREE], name)
    if refused:
        with pytest.raises(PupilaError, match="two kinds"):
            pupila.open(tmp_path)
    else:
        assert len(pupila.open(tmp_path).classes) == 5


def test_codes_of_16_bits_stay_as_they_are(tmp_path: Path) -> None:
    data = pupila.open(pair(tmp_path / "codes", np.array([100, 300, 1000], np.uint16)[THREE]))
    assert data.classes == ["class 100", "class 300", "class 1000"]
    assert np.array_equal(data.mask(0), THREE)
    pair(tmp_path / "named", TWO.astype(np.uint16) * 65_535)
    (tmp_path / "named/classes.json").write_text('{"0": "land", "255": "water"}')
    assert np.array_equal(pupila.open(tmp_path / "named").mask(0), TWO)


def test_numbers_from_one_have_no_class_below(tmp_path: Path) -> None:
    data = pupila.open(pair(tmp_path, THREE + 1))
    assert data.classes == ["class 1", "class 2", "class 3"]
    assert np.array_equal(data.mask(0), THREE)


def test_levels_too_many_for_classes_are_refused(tmp_path: Path) -> None:
    values = np.kron(np.arange(70, dtype=np.uint8).reshape(7, 10) * 3, np.ones((4, 4), np.uint8))
    for name in "abc":
        pair(tmp_path, np.array(Image.fromarray(values).resize((4 * WIDTH, 4 * HEIGHT), 0)), name)
    with pytest.raises(PupilaError, match="too many values"):
        pupila.open(tmp_path, instances="classes")


LISTS: dict[str, tuple[str, str, Any, list[str]]] = {
    "cvat": ("labelmap.txt", "# label:color_rgb:parts:actions\nground:10,20,30::\nroad:200,0,0::\nwater:0,0,250::\n",
             RGB[THREE], ["ground", "road", "water"]),
    "camvid-colours": ("label_colors.txt", "10 20 30\tground\n200 0 0\troad\n0 0 250\twater\n", RGB[THREE],
                       ["ground", "road", "water"]),
    "codes": ("codes.txt", "ground\nroad\nwater\n", THREE, ["ground", "road", "water"]),
    "labelme": ("labels.txt", "__ignore__\n_background_\ncat\ndog\n", THREE, ["_background_", "cat", "dog"]),
    "numbered": ("labels.txt", "0: ground\n1: road\n2: water\n", THREE, ["ground", "road", "water"]),
    "without-background": ("classes.txt", "road\nwater", THREE, ["background", "road", "water"]),
    "from-one": ("class_names.txt", "ground\nroad\nwater\n", THREE + 1, ["ground", "road", "water"]),
    "nnunet": ("dataset.json", json.dumps({"labels": {"background": 0, "liver": 1, "tumour": 2}}), THREE,
               ["background", "liver", "tumour"]),
    "nnunet-1": ("dataset.json", json.dumps({"labels": {"0": "background", "1": "liver", "2": "tumour"}}), THREE,
                 ["background", "liver", "tumour"]),
    "binary": ("classes.txt", "land\nlake\n", 255 * TWO, ["land", "lake"]),
}  # fmt: skip


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("folder", ["", "masks"])
def test_lists_of_other_tools_name_the_classes(tmp_path: Path, kind: str, folder: str) -> None:
    name, text, mask, classes = LISTS[kind]
    pair(tmp_path, mask)
    (tmp_path / folder / name).write_text(text)
    data = pupila.open(tmp_path)
    assert data.classes == classes
    assert np.array_equal(data.mask(0), TWO if kind == "binary" else THREE)
    assert f"The classes are named by {Path(folder) / name}." in data.notes
    assert data.skipped.is_empty()


@pytest.mark.parametrize("text", ["a\nb\n", "a:1,2,3::\nb:4,5,6::\n", "0: a\n1: b\n"])
def test_a_list_that_does_not_fit_is_passed_over_with_a_note(tmp_path: Path, text: str) -> None:
    pair(tmp_path, np.array([0, 4, 5], np.uint8)[THREE])
    (tmp_path / "labels.txt").write_text(text)
    data = pupila.open(tmp_path)
    assert data.classes[0] == "class 0"
    assert any("labels.txt names a, b, which does not fit" in note for note in data.notes)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_masks_as_the_camera_stored_them_are_turned_with_the_photo(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.jpg").write_bytes(encoded(photo(1, WIDTH, HEIGHT), "JPEG", exif=exif))
    (tmp_path / "masks").mkdir()
    Image.fromarray(THREE).save(tmp_path / "masks/a.png")
    data = pupila.open(tmp_path)
    turned = read_stored_mask(encoded(THREE, "PNG", exif=exif)).values
    proven = orientation > 4
    assert np.array_equal(data.mask(0), turned if proven else THREE)
    assert len(data.notes) == (orientation > 1)
    assert not data.notes or ("turned with it" in data.notes[0]) == proven


def test_a_page_for_each_class_is_read_and_other_pages_are_never_dropped(tmp_path: Path) -> None:
    pages = [Image.fromarray(np.equal(THREE, index).astype(np.uint8) * 255) for index in (1, 2)]
    for name in "ab":
        pair(tmp_path, pages[0], name, suffix=".tif", save_all=True, append_images=pages[1:])
    data = pupila.open(tmp_path)
    assert data.classes == ["background", "page 1", "page 2"]
    assert np.array_equal(data.mask(0), THREE)
    pair(tmp_path, TWO, "c", suffix=".tif")
    data = pupila.open(tmp_path)
    assert data.images["target"].null_count() == 2
    assert "it has 2 pages, and a mask is one" in data.skipped["reason"][0]


def test_a_label_map_of_objects_reads_what_it_wrote() -> None:
    label_map = LabelMap(("background", "foreground"), (0, 1, IGNORE), (0, 1, IGNORE), merged=True)
    again = LabelMap.from_json(label_map.as_json())
    assert again == label_map
    assert again.read(np.array([[0, 1, 77, 255]], np.uint8))[0].tolist() == [[0, 1, 1, IGNORE]]


def test_a_thin_class_is_no_smear() -> None:
    mask = np.zeros((40, 40), np.uint8)
    mask[20:30, 5:20], mask[5, 2:38], mask[10, 2:38] = 200, 100, 100
    values, counts = np.unique(mask, return_counts=True)
    stored = ValueCounts(dict(zip(values.tolist(), counts.tolist(), strict=True)), *count_places(mask))
    assert infer_label_map(stored, colour=False).names == ("class 0", "class 100", "class 200")
