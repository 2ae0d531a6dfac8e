"""Masks beside images: every common encoding is read into the intended classes."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pupila
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.errors import PupilaError
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.decode import ImageFault, ImageLimits
from pupila.imaging.masks.codec import read_stored_mask
from pupila.imaging.masks.label_map import LabelMap
from tests.pictures import encoded, photo, write_photo

HEIGHT, WIDTH = 24, 32
# Left half class 0, of the right half the upper part class 1 and the lower class 2.
THREE = np.zeros((HEIGHT, WIDTH), np.uint8)
THREE[:12, 16:], THREE[12:, 16:] = 1, 2
TWO = (THREE == 1).astype(np.uint8)
RGB = np.array([(10, 20, 30), (200, 0, 0), (0, 0, 250)], np.uint8)  # of the classes 0, 1, 2


def pair(folder: Path, mask: Any, name: str = "a", masks: str = "masks", **options: Any) -> Path:
    """An image and its mask; returns the folder."""
    write_photo(folder / f"images/{name}.jpg", len(name) + ord(name[0]), WIDTH, HEIGHT)
    path = folder / masks / f"{name}{options.pop('suffix', '.png')}"
    path.parent.mkdir(parents=True, exist_ok=True)
    (mask if isinstance(mask, Image.Image) else Image.fromarray(mask)).save(path, **options)
    return folder


def palette(mask: Any, colours: Any = RGB) -> Image.Image:
    picture = Image.fromarray(mask, "L")
    picture.putpalette(np.asarray(colours, np.uint8).tobytes())
    return picture


def targets(data: Dataset) -> list[tuple[Any, ...]]:
    return data.images.select("image", "target", "given_split").rows()


@pytest.mark.parametrize(
    ("images", "masks"),
    [("images", "masks"), ("Image", "Mask"), ("IMGS", "labels"), ("JPEGImages", "SegmentationClass"),
     ("train/images", "train/masks"), ("images/train", "masks/train")],
)  # fmt: skip
def test_folders_of_any_usual_name_and_place_are_paired(tmp_path: Path, images: str, masks: str) -> None:
    write_photo(tmp_path / images / "a.JPG", 1, WIDTH, HEIGHT, format="JPEG")
    (tmp_path / masks).mkdir(parents=True)
    Image.fromarray(TWO).save(tmp_path / masks / "A_mask.png")
    data = pupila.open(tmp_path)
    split = "train" if "train" in images else None
    assert targets(data) == [(f"{images}/a.JPG", f"{masks}/A_mask.png", split)]
    assert np.array_equal(data.mask(0), TWO)
    assert data.task is not None
    assert data.task.name == "segment"


def test_tiles_with_folders_of_their_own_are_paired_within(tmp_path: Path) -> None:
    for tile, mask in (("Tile 1", TWO), ("Tile 2", 1 - TWO)):
        pair(tmp_path / tile, mask)
    data = pupila.open(tmp_path)
    assert [target for _, target, _ in targets(data)] == ["Tile 1/masks/a.png", "Tile 2/masks/a.png"]
    assert np.array_equal(data.mask(1), 1 - TWO)


def test_an_image_whose_name_ends_like_a_mask_keeps_its_mask(tmp_path: Path) -> None:
    pair(tmp_path, TWO, "leaf_mask")
    assert targets(pupila.open(tmp_path)) == [("images/leaf_mask.jpg", "masks/leaf_mask.png", None)]


def test_unpaired_images_and_masks_are_reported(tmp_path: Path) -> None:
    pair(tmp_path, TWO)
    write_photo(tmp_path / "images/b.jpg", 5)
    Image.fromarray(TWO).save(tmp_path / "masks/c.png")
    Image.fromarray(TWO).save(tmp_path / "masks/a.bmp")
    data = pupila.open(tmp_path)
    assert sorted(data.skipped.select("subject", "code").rows()) == [
        ("images/b.jpg", "image-without-mask"),
        ("masks/a.png", "multiple-masks"),
        ("masks/c.png", "mask-without-image"),
    ]
    assert data.images["target"].null_count() == 1
    with pytest.raises(PupilaError, match="has a mask of the same name"):
        (tmp_path / "masks/a.png").unlink()
        (tmp_path / "masks/a.bmp").unlink()
        pupila.open(tmp_path)


SOFT = np.array(Image.fromarray(255 * TWO).resize((2 * WIDTH, 2 * HEIGHT), Image.Resampling.BICUBIC))


@pytest.mark.parametrize(
    ("mask", "options"),
    [
        (TWO, {}),
        (255 * TWO, {}),
        (TWO.astype(bool), {}),  # one bit
        (100 * TWO, {}),
        (palette(TWO), {}),
        (np.stack([255 * TWO] * 3, axis=-1), {}),  # grey as RGB
        (255 * TWO, {"suffix": ".jpg", "quality": 60}),
        (np.stack([255 * TWO] * 3, axis=-1), {"suffix": ".jpg", "quality": 60}),
        (TWO.astype(np.uint16), {}),
        (TWO.astype(np.uint16) * 65535, {}),
        (TWO, {"suffix": ".tif"}),
    ],
    ids=["index", "255", "bit", "100", "palette", "rgb", "jpeg", "rgb-jpeg", "16bit", "16bit-full", "tiff"],
)
def test_two_classes_are_read_however_they_are_stored(tmp_path: Path, mask: Any, options: Any) -> None:
    data = pupila.open(pair(tmp_path, mask, **options))
    assert np.array_equal(data.mask(0), TWO)
    assert data.classes == ["background", "foreground"]
    assert data.images["pixels"].to_list() == [[HEIGHT * WIDTH - 192, 192]]
    assert data.shares.tolist() == [[0.75, 0.25]]


CLEAR = Image.fromarray(255 * TWO)  # an alpha that holds the shape


@pytest.mark.parametrize("colour", ["white", "black", "red"])
def test_a_shape_in_the_alpha_channel_only_is_read(tmp_path: Path, colour: str) -> None:
    for name, alpha in (("a", CLEAR), ("b", Image.new("L", (WIDTH, HEIGHT), 0))):
        mask = Image.new("RGB", (WIDTH, HEIGHT), colour)
        mask.putalpha(alpha)
        pair(tmp_path, mask, name)
    grey = Image.new("L", (WIDTH, HEIGHT), colour)
    pair(tmp_path, Image.merge("LA", (grey, CLEAR)), "c")
    data = pupila.open(tmp_path)
    assert all(np.array_equal(data.mask(row), expected) for row, expected in enumerate((TWO, 0 * TWO, TWO)))


def test_a_background_that_is_clear_and_of_another_colour_stays_background(tmp_path: Path) -> None:
    alpha = (255 * (THREE > 0)).astype(np.uint8)
    shown = np.where(alpha[..., None] > 0, RGB[THREE], 0).astype(np.uint8)
    data = pupila.open(pair(tmp_path, np.dstack([shown, alpha])))
    assert data.classes == ["#000000", "#0000fa", "#c80000"]
    assert np.array_equal(data.mask(0), np.array([0, 2, 1], np.uint8)[THREE])


def test_anti_aliased_edges_go_to_the_nearer_extreme_and_are_counted(tmp_path: Path) -> None:
    data = pupila.open(pair(tmp_path, SOFT))
    assert data.label_map is not None
    assert data.label_map.nearest
    between = int(((SOFT > 0) & (SOFT < 255)).sum())
    assert data.images["mask_unknown"].to_list() == [between]
    assert between > 20
    assert sum(data.images["pixels"][0]) == SOFT.size
    assert data.images["pixels"][0][1] == int((SOFT > 127).sum())


def test_more_classes_and_an_index_without_a_label(tmp_path: Path) -> None:
    mask = THREE.copy()
    mask[:4, :8] = 255
    data = pupila.open(pair(tmp_path, mask))
    assert data.classes == ["class 0", "class 1", "class 2"]
    assert np.array_equal(data.mask(0), mask)
    assert data.images["pixels"].to_list() == [[384 - 32, 192, 192]]
    assert data.shares[0].sum() == 1


def test_colours_and_palettes_side_by_side_are_read_as_colours(tmp_path: Path) -> None:
    pair(tmp_path, RGB[THREE], "a")
    pair(tmp_path, palette(THREE), "b")
    data = pupila.open(tmp_path)
    assert data.classes == ["#0000fa", "#0a141e", "#c80000"]
    assert np.array_equal(data.mask(0), data.mask(1))
    assert np.array_equal(data.mask(0), np.array([1, 2, 0], np.uint8)[THREE])


def test_palettes_in_another_order_from_file_to_file_are_colours(tmp_path: Path) -> None:
    order = np.array([2, 0, 1], np.uint8)  # index of each class in the second file
    pair(tmp_path, palette(THREE), "a")
    pair(tmp_path, palette(order[THREE], RGB[np.argsort(order)]), "b")
    pair(tmp_path, np.zeros((HEIGHT, WIDTH), np.uint8), "c")  # black: a tool made it grey
    data = pupila.open(tmp_path)
    assert data.classes == ["#000000", "#0000fa", "#0a141e", "#c80000"]
    assert np.array_equal(data.mask(0), np.array([2, 3, 1], np.uint8)[THREE])
    assert np.array_equal(data.mask(1), data.mask(0))


@pytest.mark.parametrize(
    "other", [RGB + 5, np.zeros((3, 3)), np.eye(3) * 255], ids=["other", "none", "third"]
)
def test_palettes_of_other_colours_leave_the_indices_as_they_are(tmp_path: Path, other: Any) -> None:
    pair(tmp_path, palette(THREE), "a")
    pair(tmp_path, palette(THREE, other), "b")
    data = pupila.open(tmp_path)
    assert data.classes == ["class 0", "class 1", "class 2"]
    assert np.array_equal(data.mask(0), THREE)
    assert np.array_equal(data.mask(1), THREE)


INDICES = {"0": "ground", "1": "road", "2": "water"}


@pytest.mark.parametrize("class_file", [None, INDICES], ids=["no-class-file", "class-file"])
@pytest.mark.parametrize("kind", ["grey", "grey-as-rgb", "palette"])
def test_one_coloured_mask_among_levels_is_left_out_alone(tmp_path: Path, kind: str, class_file: Any) -> None:
    kinds: dict[str, Any] = {
        "grey": THREE,
        "grey-as-rgb": np.stack([THREE] * 3, axis=-1),
        "palette": palette(THREE),
    }
    for name in "abc":
        pair(tmp_path, kinds[kind], name)
    pair(tmp_path, RGB[THREE], "d")
    if class_file:
        write_class_file(tmp_path, class_file)
    data = pupila.open(tmp_path)
    if kind == "palette" and not class_file:  # these are colours as well
        assert data.classes == ["#0000fa", "#0a141e", "#c80000"]
        assert data.skipped.is_empty()
        return
    assert data.classes == (["ground", "road", "water"] if class_file else ["class 0", "class 1", "class 2"])
    assert data.images["target"].to_list() == ["masks/a.png", "masks/b.png", "masks/c.png", None]
    assert all(np.array_equal(data.mask(row), THREE) for row in range(3))
    assert data.skipped.rows() == [
        ("images/d.jpg", "unreadable-mask", "masks/d.png: it is coloured, but most masks contain grey levels")
    ]
    assert {fault.code for fault in pupila.doctor(data)} >= {"unreadable-mask"}


def test_coloured_masks_of_which_most_are_black_are_read_as_colours(tmp_path: Path) -> None:
    black = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pair(tmp_path, np.array([(0, 0, 0), (200, 0, 0), (0, 0, 250)], np.uint8)[THREE], "a")
    for name, mask in (("b", black), ("c", black[..., 0]), ("d", 255 - black)):
        pair(tmp_path, mask, name)
    data = pupila.open(tmp_path)
    assert data.classes == ["#000000", "#0000fa", "#c80000", "#ffffff"]
    assert data.skipped.is_empty()


CLASSES: dict[str, Any] = {
    "index-name": {"0": "ground", "1": "road", "2": "water"},
    "name-index": {"ground": 0, "road": 1, "water": 2},
    "list": ["ground", "road", "water"],
    "records": [{"id": 0, "name": "ground"}, {"id": 1, "name": "road"}, {"id": 2, "name": "water"}],
    "csv": "name,value\nground,0\nroad,1\nwater,2\n",
    "csv-roboflow": "Pixel Value, Class\n0, ground\n1, road\n2, water\n",
}
COLOURED: dict[str, Any] = {
    "name-rgb": {"ground": [10, 20, 30], "road": [200, 0, 0], "water": [0, 0, 250]},
    "name-hex": {"ground": "#0a141e", "road": "#C80000", "water": "#0000FA"},
    "hex-name": {"#0a141e": "ground", "#c80000": "road", "#0000fa": "water"},
    "rgb-name": {"(10, 20, 30)": "ground", "(200, 0, 0)": "road", "(0, 0, 250)": "water"},
    "supervisely": {"classes": [{"title": "ground", "color": "#0A141E"}, {"title": "road", "color": "#C80000"},
                                {"title": "water", "color": "#0000FA"}]},
    "csv-rgb": "name,r,g,b\nground,10,20,30\nroad,200,0,0\nwater,0,0,250\n",
}  # fmt: skip


def write_class_file(folder: Path, content: Any) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / ("classes.csv" if isinstance(content, str) else "classes.json")).write_text(text)


@pytest.mark.parametrize("shape", [*CLASSES, *COLOURED])
def test_class_files_of_every_usual_shape(tmp_path: Path, shape: str) -> None:
    coloured = shape in COLOURED
    pair(tmp_path, RGB[THREE] if coloured else THREE)
    write_class_file(tmp_path, COLOURED[shape] if coloured else CLASSES[shape])
    data = pupila.open(tmp_path)
    assert data.classes == ["ground", "road", "water"]
    assert np.array_equal(data.mask(0), THREE)
    assert data.skipped.is_empty()


@pytest.mark.parametrize("separator", list(";\t|"))
@pytest.mark.parametrize("encoding", ["latin-1", "utf-8-sig"])
def test_a_class_file_as_a_spreadsheet_writes_it(tmp_path: Path, separator: str, encoding: str) -> None:
    pair(tmp_path, THREE)
    text = "name,value\r\ngründ,0\r\nroad,1\r\nwater,2\r\n".replace(",", separator)
    (tmp_path / "classes.csv").write_bytes(text.encode(encoding))
    assert pupila.open(tmp_path).classes == ["gründ", "road", "water"]


def test_a_class_called_unlabeled_is_none(tmp_path: Path) -> None:
    pair(tmp_path, THREE)
    write_class_file(tmp_path, {"0": "ground", "1": "Unlabeled", "2": "water"})
    data = pupila.open(tmp_path)
    assert data.classes == ["ground", "water"]
    assert np.array_equal(data.mask(0), np.array([0, IGNORE, 1], np.uint8)[THREE])
    assert data.shares.tolist() == [[2 / 3, 1 / 3]]


def test_values_that_the_class_file_does_not_name_have_no_label_and_are_counted(tmp_path: Path) -> None:
    pair(tmp_path, THREE)
    write_class_file(tmp_path, {"0": "ground", "1": "road"})
    data = pupila.open(tmp_path)
    assert np.array_equal(data.mask(0) == IGNORE, THREE == 2)
    assert data.images["mask_unknown"].to_list() == [192]


def test_a_class_file_of_two_levels_apart_leaves_the_others_without_a_label(tmp_path: Path) -> None:
    mask = np.repeat(np.arange(6, dtype=np.uint8), HEIGHT // 6)[:, None].repeat(WIDTH, axis=1)
    pair(tmp_path, mask)
    write_class_file(tmp_path, {"1": "water", "3": "road"})
    data = pupila.open(tmp_path)
    expected = np.array([IGNORE, 0, IGNORE, 1, IGNORE, IGNORE], np.uint8)
    assert np.array_equal(data.mask(0), expected[mask])
    assert data.images["mask_unknown"].to_list() == [mask.size * 4 // 6]


def test_damaged_colours_are_the_nearest_named_one_and_frequent_strangers_are_none(tmp_path: Path) -> None:
    mask = RGB[THREE]
    mask[0, 0] = (12, 20, 33)  # damage
    mask[18:, 16:] = (0, 250, 0)  # a colour of its own
    pair(tmp_path, mask)
    write_class_file(tmp_path, COLOURED["name-rgb"])
    data = pupila.open(tmp_path)
    expected = THREE.copy()
    expected[18:, 16:] = IGNORE
    assert np.array_equal(data.mask(0), expected)
    assert data.images["mask_unknown"].to_list() == [1 + 96]
    assert "Colours without a class are ignored: #00fa00." in str(data)


def test_colours_saved_as_jpeg_are_still_the_named_ones(tmp_path: Path) -> None:
    pair(tmp_path, RGB[THREE], suffix=".jpg", quality=92, subsampling=0)
    write_class_file(tmp_path, COLOURED["name-rgb"])
    assert np.array_equal(pupila.open(tmp_path).mask(0), THREE)


@pytest.mark.parametrize(
    "content",
    [["one"], 7, {"road": [1, 2]}, {"road": [1, 2, 300], "water": [0, 0, 0]}, "a,b\n1,2\n", {"a": 0, "b": 70_000}],
    ids=["one", "number", "two-channels", "range", "csv", "too-high"],
)  # fmt: skip
def test_an_invalid_class_file_is_refused(tmp_path: Path, content: Any) -> None:
    pair(tmp_path, TWO)
    write_class_file(tmp_path, content)
    with pytest.raises(PupilaError, match="Can't read the classes"):
        pupila.open(tmp_path)


def test_grey_levels_in_the_class_file_of_coloured_masks_are_refused(tmp_path: Path) -> None:
    pair(tmp_path, RGB[THREE])
    write_class_file(tmp_path, CLASSES["index-name"])
    with pytest.raises(PupilaError, match=r"coloured, but the class file lists grey levels.*#"):
        pupila.open(tmp_path)


BOTH: dict[str, Any] = {
    "id": [{"id": 0, "name": "ground", "color": "#0a141e"}, {"id": 1, "name": "road", "color": "#c80000"},
           {"id": 2, "name": "water", "color": [0, 0, 250]}],
    "csv": "name,r,g,b,value\nground,10,20,30,0\nroad,200,0,0,1\nwater,0,0,250,2\n",
}  # fmt: skip


@pytest.mark.parametrize("content", sorted(BOTH))
@pytest.mark.parametrize("stored", ["levels", "levels-as-rgb", "colours", "palette"])
def test_a_class_file_of_colours_and_levels_is_read_by_what_the_masks_hold(
    tmp_path: Path, content: str, stored: str
) -> None:
    masks: dict[str, Any] = {"levels": THREE, "levels-as-rgb": np.stack([THREE] * 3, axis=-1), "colours": RGB[THREE],
                             "palette": palette(THREE)}  # fmt: skip
    pair(tmp_path, masks[stored])
    write_class_file(tmp_path, BOTH[content])
    data = pupila.open(tmp_path)
    assert data.classes == ["ground", "road", "water"]
    assert np.array_equal(data.mask(0), THREE)
    assert data.images["mask_unknown"].to_list() == [0]


@pytest.mark.parametrize("content", [
    {"land": "#000000", "water": "#0000ff"},
    [{"id": 7001, "name": "land", "color": "#000000"}, {"id": 7002, "name": "water", "color": "#0000ff"}],
])  # fmt: skip
def test_colours_alone_in_the_class_file_of_grey_levels_are_refused(tmp_path: Path, content: Any) -> None:
    pair(tmp_path, TWO)
    write_class_file(tmp_path, content)
    with pytest.raises(
        PupilaError, match="contain grey levels, but the class file lists colours: found 0, 1;"
    ):
        pupila.open(tmp_path)


def test_photos_in_the_place_of_masks_are_refused(tmp_path: Path) -> None:
    pair(tmp_path, np.random.default_rng(0).integers(0, 256, (HEIGHT * 5, WIDTH * 5, 3), dtype=np.uint8))
    with pytest.raises(PupilaError, match="The masks contain no classes"):
        pupila.open(tmp_path)


def test_masks_are_upright_as_their_images_are(tmp_path: Path) -> None:
    rotated = Image.Exif()
    rotated[0x0112] = 6  # turn clockwise to see it upright
    raw, mask = photo(1, WIDTH, HEIGHT), THREE
    for place in ("images", "masks"):
        (tmp_path / place).mkdir()
    (tmp_path / "images/a.jpg").write_bytes(encoded(raw, "JPEG", exif=rotated))
    Image.fromarray(mask).save(tmp_path / "masks/a.png", exif=rotated)
    (tmp_path / "images/b.jpg").write_bytes(encoded(raw[::-1], "JPEG", exif=rotated))
    Image.fromarray(np.rot90(mask, -1)).save(tmp_path / "masks/b.png")
    (tmp_path / "images/c.jpg").write_bytes(encoded(raw[:, ::-1], "JPEG", exif=rotated))
    Image.fromarray(mask).save(tmp_path / "masks/c.png")
    data = pupila.open(tmp_path)
    assert np.array_equal(data.mask(0), np.rot90(THREE, -1))
    assert np.array_equal(data.mask(1), np.rot90(THREE, -1))
    assert np.array_equal(data.mask(2), np.rot90(THREE, -1))  # as the camera stored it: turned with the photo
    assert data.skipped.is_empty()
    assert data.notes == [
        "1 mask lies as the camera stored its photo, and is turned with it by the EXIF orientation."
    ]


def test_a_mask_of_another_size_is_scaled_and_of_another_shape_left_out(tmp_path: Path) -> None:
    pair(tmp_path, np.kron(TWO, np.ones((3, 3), np.uint8)), "a")
    pair(tmp_path, TWO[:, ::2], "b")
    data = pupila.open(tmp_path)
    assert np.array_equal(data.mask(0), TWO)
    assert data.images["target"].to_list() == ["masks/a.png", None]
    (tmp_path / "masks/a.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    with pytest.raises(PupilaError, match=r"No usable mask.*a\.png"):
        pupila.open(tmp_path)


def test_a_changed_mask_changes_the_hash_and_a_manifest_keeps_it(tmp_path: Path) -> None:
    pair(tmp_path / "data", THREE, "a")
    pair(tmp_path / "data", TWO[:, ::2], "b")  # of another shape: no target
    write_class_file(tmp_path / "data", {"0": "ground", "1": "Unlabeled", "2": "water"})
    data = pupila.open(tmp_path / "data")
    data.save(str(tmp_path / "elsewhere"))
    again = pupila.open(tmp_path / "elsewhere")
    assert again.hash == data.hash
    assert again.label_map == data.label_map
    assert np.array_equal(again.mask(0), data.mask(0))
    Image.fromarray(THREE[::-1].copy()).save(tmp_path / "data/masks/a.png")
    assert pupila.open(tmp_path / "data").hash != data.hash


def test_a_mask_that_changed_since_the_opening_is_refused(tmp_path: Path) -> None:
    data = pupila.open(pair(tmp_path, THREE))
    Image.fromarray(THREE[::-1].copy()).save(tmp_path / "masks/a.png")
    with pytest.raises(PupilaError, match=r"can no longer be read: found the file has changed since then;"):
        data.mask(0)


def test_the_limits_of_the_opening_hold_for_every_later_reading(tmp_path: Path) -> None:
    small = ImageLimits(max_pixels=WIDTH * HEIGHT)
    data = pupila.open(pair(tmp_path, THREE), max_pixels=small.max_pixels)
    assert data.limits == small
    assert np.array_equal(data.mask(0), THREE)
    below = replace(data, limits=ImageLimits(max_pixels=small.max_pixels - 1))
    for read in (below.mask, below.pixels):
        with pytest.raises(
            PupilaError, match=f"{WIDTH} x {HEIGHT} pixels; the limit is {small.max_pixels - 1}"
        ):
            read(0)


def test_masks_beside_their_images_as_roboflow_exports_them(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        (tmp_path / split).mkdir()
        for name in "ab":
            write_photo(tmp_path / split / f"{name}.rf.1.jpg", ord(name), WIDTH, HEIGHT)
            Image.fromarray(THREE).save(tmp_path / split / f"{name}.rf.1_mask.png")
        (tmp_path / split / "_classes.csv").write_text(str(CLASSES["csv-roboflow"]))
    write_photo(tmp_path / "valid/c.jpg", 3, WIDTH, HEIGHT)
    data = pupila.open(tmp_path)
    assert len(data) == 5
    assert data.images["given_split"].to_list() == ["train"] * 2 + ["validation"] * 3
    assert data.classes == ["ground", "road", "water"]
    assert np.array_equal(data.mask(0), THREE)
    assert data.skipped.select("subject", "code").rows() == [("valid/c.jpg", "image-without-mask")]


def test_a_few_images_called_mask_make_no_masks(tmp_path: Path) -> None:
    for name in ("dog/a.jpg", "dog/a_mask.jpg", "cat/b.jpg"):
        write_photo(tmp_path / name, len(name))
    assert pupila.open(tmp_path).classes == ["cat", "dog"]


def test_a_table_of_images_and_masks(tmp_path: Path) -> None:
    for number, name in enumerate("abc"):
        write_photo(tmp_path / f"photos/{name}.png", number, WIDTH, HEIGHT)
    (tmp_path / "masks").mkdir()
    Image.fromarray(255 * TWO).save(tmp_path / "masks/a.png")
    Image.fromarray(255 * (1 - TWO)).save(tmp_path / "masks/b.png")
    lines = ["Image,Mask,group,split,label", "a.png,a.png,g1,train,wet", "photos/b.png,masks\\b.png,g2,val,dry",
             "c.png,lost.png,,test,dry"]  # fmt: skip
    (tmp_path / "table.csv").write_text("\n".join(lines))
    write_class_file(tmp_path, {"0": "ground", "255": "water"})
    for where in (tmp_path, tmp_path / "table.csv"):
        data = pupila.open(where)
        assert targets(data) == [
            ("photos/a.png", "masks/a.png", "train"),
            ("photos/b.png", "masks/b.png", "validation"),
            ("photos/c.png", None, "test"),
        ]
        assert data.classes == ["ground", "water"]
        assert data.images["label"].to_list() == ["wet", "dry", "dry"]
        assert data.images["group"].to_list() == ["g1", "g2", None]
        assert np.array_equal(data.mask(1), 1 - TWO)
        assert ("photos/c.png", "image-without-mask", "lost.png: no such file") in data.skipped.rows()


def test_a_column_mask_of_words_is_no_column_of_masks(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.jpg", 1)
    (tmp_path / "faces.csv").write_text("image,label,mask\na.jpg,ann,worn\n")
    data = pupila.open(tmp_path)
    assert data.classes == ["ann"]
    assert data.images["mask"].to_list() == ["worn"]


def test_a_label_map_reads_what_it_wrote() -> None:
    label_map = LabelMap(("a", "b"), (0xFF0000, 7), (0, IGNORE), colour=True, nearest=True)
    assert LabelMap.from_json(label_map.as_json()) == label_map


def test_a_float_mask_is_read_by_its_levels() -> None:
    assert read_stored_mask(encoded(TWO.astype(np.float32), "TIFF")).values.tolist() == TWO.tolist()
    almost = TWO.astype(np.float32) + np.float32(0.001)
    assert read_stored_mask(encoded(almost, "TIFF")).values.tolist() == TWO.tolist()
    with pytest.raises(
        ImageFault, match=r"fractions, such as 0\.5.* 0 to 255"
    ):  # 0.5 may be a class or a shade
        read_stored_mask(encoded(TWO.astype(np.float32) / 2, "TIFF"))


@pytest.mark.parametrize(
    ("name", "images", "shares"),
    [
        ("flood_area", 283, {"background": 58.7, "flood water": 41.3}),
        ("dsb2018_nuclei", 664, {"background": 85.4, "nucleus": 14.6}),
        # of the labelled pixels: SOURCE.md counts the 1.0 % without a label in
        ("dubai_aerial", 72, {"water": 22.9 / 0.99, "land (unpaved)": 46.3 / 0.99, "road": 8.4 / 0.99,
                              "building": 10.9 / 0.99, "vegetation": 10.5 / 0.99}),
    ],
)  # fmt: skip
def test_real_masks_have_the_shares_that_their_source_tells(
    real_data: Callable[[str], Path], name: str, images: int, shares: dict[str, float]
) -> None:
    data = pupila.open(real_data(name))
    assert len(data) == images
    assert data.images["target"].null_count() == 0
    pixels = np.array(data.images["pixels"].to_list()).sum(axis=0)
    assert data.classes == list(shares)
    assert 100 * pixels / pixels.sum() == pytest.approx(list(shares.values()), abs=0.2)
    assert data.images["mask_unknown"].sum() == 0


def test_the_raw_flood_set_opens_and_its_faults_are_listed(real_data: Callable[[str], Path]) -> None:
    data = pupila.open(real_data("flood_area_raw"))
    assert len(data) == 89
    skipped = data.skipped["code"].to_list()
    assert skipped.count("mask-aspect-mismatch") == 7
    assert data.images["target"].null_count() == 7
    assert data.label_map is not None
    assert data.label_map.nearest
    pixels = sum(text[0] + text[1] for text in data.images["pixels"])
    assert 0.002 < data.images["mask_unknown"].sum() / pixels < 0.02  # anti-aliased edges
