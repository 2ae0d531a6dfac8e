"""Converting: every layout reads back to the same masks."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

import pupila
from pupila.artifacts.dataset.manifest import Dataset
from pupila.cli.run import run
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.vocabulary import IGNORE
from pupila.stages.convert.convert import LAYOUTS_OF
from tests.pictures import write_classes, write_photo

HEIGHT, WIDTH = 40, 60


def scene(seed: int) -> Any:
    """(HEIGHT, WIDTH) uint8: drawn regions of four classes with holes, corners, specks, and unlabelled pixels."""
    rng = np.random.default_rng(seed)
    coarse = rng.choice(np.array([0, 1, 2, 3, IGNORE], np.uint8), (HEIGHT // 4, WIDTH // 4))
    mask = np.kron(coarse, np.ones((4, 4), np.uint8))
    specks = rng.random(mask.shape) < 0.05
    mask[specks] = rng.integers(0, 4, int(np.count_nonzero(specks)))
    return mask


def write_scenes(folder: Path, names: dict[str, str]) -> Path:
    """Three drawn scenes below two splits, one image without a mask, and a class file."""
    for number, (split, name) in enumerate([("train", "a"), ("val", "a"), ("train", "b")]):
        write_photo(folder / split / f"images/{name}.jpg", number, WIDTH, HEIGHT)
        (folder / split / "masks").mkdir(parents=True, exist_ok=True)
        Image.fromarray(scene(number)).save(folder / split / f"masks/{name}.png")
    write_photo(folder / "train/images/none.jpg", 9, WIDTH, HEIGHT)
    (folder / "classes.json").write_text(json.dumps(names))
    return folder


WITH_BACKGROUND = {"0": "background", "1": "road", "2": "water \u00f1", "3": "roof: red"}
NO_BACKGROUND = {"0": "land", "1": "road", "2": "background", "3": "roof"}


def assert_same(data: Dataset, again: Dataset) -> None:
    """Images of equal bytes have equal masks, splits and classes."""
    assert again.classes == data.classes
    rows = {digest: row for row, digest in enumerate(again.images["sha256"])}
    checked = 0
    for row, (digest, target) in enumerate(data.images.select("sha256", "target").iter_rows()):
        if target is None:
            assert digest not in rows
            continue
        assert np.array_equal(again.mask(rows[digest]), data.mask(row))
        assert again.images["given_split"][rows[digest]] == data.images["given_split"][row]
        checked += 1
    assert checked == len(again)


@pytest.mark.parametrize("names", [WITH_BACKGROUND, NO_BACKGROUND], ids=["background", "no-background"])
@pytest.mark.parametrize("layout", sorted(LAYOUTS_OF["mask"].writers))
def test_drawn_masks_survive_every_layout_exactly(tmp_path: Path, layout: str, names: Any) -> None:
    data = pupila.open(write_scenes(tmp_path / "data", names))
    result = pupila.convert(data, to=layout, out=tmp_path / "out")
    assert (result.images, result.skipped) == (3, 1)
    again = pupila.open(tmp_path / "out")
    assert again.skipped.is_empty()
    assert_same(data, again)
    again.save(str(tmp_path / "manifest"))
    reopened = pupila.open(tmp_path / "manifest")
    assert reopened.hash == again.hash
    assert_same(again, reopened)


@pytest.mark.parametrize("layout", sorted(LAYOUTS_OF["mask"].writers))
def test_data_without_splits_are_written_without_splits(tmp_path: Path, layout: str) -> None:
    write_scenes(tmp_path / "data", WITH_BACKGROUND)
    data = pupila.open(tmp_path / "data/val")
    pupila.convert(data, to=layout, out=tmp_path / "out")
    assert (tmp_path / "out/images/a.jpg").read_bytes() == (tmp_path / "data/val/images/a.jpg").read_bytes()
    again = pupila.open(tmp_path / "out")
    assert again.images["given_split"].to_list() == [None]
    assert np.array_equal(again.mask(0), data.mask(0))


def test_masks_are_grey_or_have_a_palette_and_read_back_alike(tmp_path: Path) -> None:
    data = pupila.open(write_scenes(tmp_path / "data", WITH_BACKGROUND))
    for palette, mode in ((False, "L"), (True, "P")):
        pupila.convert(data, to="masks", out=tmp_path / mode, palette=palette)
        (path,) = (tmp_path / mode / "masks/val").iterdir()
        with Image.open(path) as mask:
            assert mask.mode == mode
            assert np.array_equal(np.asarray(mask), scene(1))
        assert json.loads((tmp_path / mode / "classes.json").read_text()) == {
            "0": {"name": "background", "color": "#0072ff"}, "1": {"name": "road", "color": "#e69f00"},
            "2": {"name": "water \u00f1", "color": "#cc46be"}, "3": {"name": "roof: red", "color": "#009e73"},
            "255": {"name": "unlabeled", "color": "#808080"},
        }  # fmt: skip
        again = pupila.open(tmp_path / mode)
        assert_same(data, again)
    with pytest.raises(PupilaError, match="--palette needs --to masks: found yolo"):
        pupila.convert(data, to="yolo", out=tmp_path / "no", palette=True)


def test_a_mask_of_two_classes_holds_0_and_1(tmp_path: Path) -> None:
    write_photo(tmp_path / "data/images/a.jpg", 1, WIDTH, HEIGHT)
    (tmp_path / "data/masks").mkdir()
    drawn = np.zeros((HEIGHT, WIDTH), np.uint8)
    drawn[4:8] = 255
    Image.fromarray(drawn).save(tmp_path / "data/masks/a.png")
    pupila.convert(tmp_path / "data", to="masks", out=tmp_path / "out")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out/masks/a.png")), drawn // 255)
    assert np.array_equal(pupila.open(tmp_path / "out").mask(0), drawn // 255)


@pytest.mark.parametrize(
    ("splits", "expected", "notes"),
    [
        (("train", "val", "test"), {"train": "train", "val": "val", "test": "test"}, 0),
        (("train", "test"), {"train": "train", "test": "test", "val": "train"}, 1),  # never the test images
        (("val",), {"val": "val", "train": "val"}, 1),
        (("test",), {"test": "test", "train": "test", "val": "test"}, 2),
    ],
)
def test_train_and_val_always_stand_in_data_yaml(
    tmp_path: Path, splits: tuple[str, ...], expected: dict[str, str], notes: int
) -> None:
    for number, split in enumerate(splits):
        write_photo(tmp_path / f"data/{split}/images/{split}.jpg", number, WIDTH, HEIGHT)
        (tmp_path / f"data/{split}/masks").mkdir()
        Image.fromarray(scene(number)).save(tmp_path / f"data/{split}/masks/{split}.png")
    data = pupila.open(tmp_path / "data")
    result = pupila.convert(data, to="yolo", out=tmp_path / "out")
    document = yaml.safe_load((tmp_path / "out/data.yaml").read_text())
    written = {key: value for key, value in document.items() if key not in ("nc", "names")}
    assert written == {key: f"images/{split}" for key, split in expected.items()}
    assert len(result.notes) == notes
    assert all("because Ultralytics stops without it" in note for note in result.notes)
    if len(splits) > 1:  # images of one split alone are read without it
        assert_same(data, pupila.open(tmp_path / "out"))


def test_yolo_outlines_join_the_centres_of_border_pixels(tmp_path: Path) -> None:
    write_photo(tmp_path / "data/images/a.jpg", 1, 20, 10)
    (tmp_path / "data/masks").mkdir()
    mask = np.zeros((10, 20), np.uint8)
    mask[2:5, 4:9] = 1
    Image.fromarray(mask).save(tmp_path / "data/masks/a.png")
    pupila.convert(tmp_path / "data", to="yolo", out=tmp_path / "out")
    number, *shares = map(float, (tmp_path / "out/labels/a.txt").read_text().split())
    points = np.array(shares).reshape(-1, 2) * (20, 10)
    assert number == 0
    assert {tuple(point) for point in points.astype(int).tolist()} == {(4, 2), (8, 2), (8, 4), (4, 4)}
    assert np.allclose(points % 1, 0.499)  # cut off, and rounded, they are these pixels


def test_splits_json_takes_precedence_over_the_given_split(tmp_path: Path) -> None:
    for number in range(12):
        write_photo(tmp_path / f"data/images/{number}.jpg", number, WIDTH, HEIGHT)
        (tmp_path / "data/masks").mkdir(exist_ok=True)
        Image.fromarray(scene(number)).save(tmp_path / f"data/masks/{number}.png")
    (tmp_path / "data/classes.json").write_text(json.dumps(WITH_BACKGROUND))
    split_file = pupila.split(tmp_path / "data")
    pupila.convert(tmp_path / "data", to="yolo", out=tmp_path / "out")
    document = yaml.safe_load((tmp_path / "out/data.yaml").read_text())
    assert document["names"] == ["road", "water \u00f1", "roof: red", "unlabeled"]
    assert (document["train"], document["val"], document["test"]) == (
        "images/train",
        "images/val",
        "images/test",
    )
    again = pupila.open(tmp_path / "out")
    assert {
        Path(image).name: split for image, split in again.images.select("image", "given_split").iter_rows()
    } == {Path(assignment.image).name: assignment.split for assignment in split_file.images}


def test_coco_has_the_fields_that_other_tools_need(tmp_path: Path) -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[10:20, 5:15], mask[12:14, 7:9], mask[30:32, 40:50] = 1, 0, 1
    write_photo(tmp_path / "data/images/a.jpg", 1, WIDTH, HEIGHT)
    (tmp_path / "data/masks").mkdir()
    Image.fromarray(255 * mask).save(tmp_path / "data/masks/a.png")
    pupila.convert(tmp_path / "data", to="coco", out=tmp_path / "out")
    document = json.loads((tmp_path / "out/annotations/instances_all.json").read_text())
    assert document["images"] == [{"id": 1, "file_name": "a.jpg", "width": WIDTH, "height": HEIGHT}]
    assert document["categories"] == [{"id": 1, "name": "foreground", "supercategory": ""}]
    annotations = [
        (a["id"], a["image_id"], a["category_id"], a["bbox"], a["area"]) for a in document["annotations"]
    ]
    assert annotations == [(1, 1, 1, [5, 10, 10, 10], 100 - 4), (2, 1, 1, [40, 30, 10, 2], 20)]
    assert [type(a["segmentation"]) for a in document["annotations"]] == [
        dict,
        list,
    ]  # the hole needs run lengths


def test_images_with_the_same_name_are_prefixed_by_their_folders(tmp_path: Path) -> None:
    for tile in ("Tile 1", "Tile 2"):
        write_photo(tmp_path / "data" / tile / "images/a.jpg", len(tile) + int(tile[-1]), WIDTH, HEIGHT)
        (tmp_path / "data" / tile / "masks").mkdir()
        Image.fromarray(scene(int(tile[-1])) == 1).save(tmp_path / "data" / tile / "masks/a.png")
    data = pupila.open(tmp_path / "data")
    pupila.convert(data, to="coco", out=tmp_path / "out")
    again = pupila.open(tmp_path / "out")
    assert again.images["image"].to_list() == ["images/Tile 2_images_a.jpg", "images/a.jpg"]
    assert_same(data, again)


def test_converted_data_can_be_written_to_a_store(tmp_path: Path) -> None:
    data = pupila.open(write_scenes(tmp_path / "data", WITH_BACKGROUND))
    pupila.convert(data, to="yolo", out="memory://converted")
    assert files.exists("memory://converted/labels/train/b.txt")
    assert_same(data, pupila.open("memory://converted"))


def test_invalid_conversions_are_refused(tmp_path: Path) -> None:
    data = pupila.open(write_scenes(tmp_path / "data", WITH_BACKGROUND))
    with pytest.raises(PupilaError, match="found voc; expected masks, coco, yolo"):
        pupila.convert(data, to="voc", out=tmp_path / "out")
    with pytest.raises(PupilaError, match="is not empty"):
        pupila.convert(data, to="coco", out=tmp_path / "data")
    with pytest.raises(PupilaError, match="Only data with masks"):
        pupila.convert(
            write_classes(tmp_path / "pets", {"cat": 1, "dog": 1}), to="coco", out=tmp_path / "out"
        )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("layout", sorted(LAYOUTS_OF["mask"].writers))
def test_a_split_of_only_some_images_is_refused(tmp_path: Path, layout: str) -> None:
    write_scenes(tmp_path / "data", WITH_BACKGROUND)
    write_photo(tmp_path / "data/images/c.jpg", 5, WIDTH, HEIGHT)
    (tmp_path / "data/masks").mkdir()
    Image.fromarray(scene(5)).save(tmp_path / "data/masks/c.png")
    with pytest.raises(PupilaError, match=r"Only some.* split: found 1 image without one \(images/c\.jpg\)"):
        pupila.convert(tmp_path / "data", to=layout, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    pupila.split(tmp_path / "data", ignore_given=True, val=0.25, test=0.25)
    assert pupila.convert(tmp_path / "data", to=layout, out=tmp_path / "out").images == 4
    assert len(pupila.open(tmp_path / "out")) == 4


def test_the_command_prints_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_scenes(tmp_path / "data", WITH_BACKGROUND)
    out = str(tmp_path / "out")
    assert run(["convert", str(tmp_path / "data"), "--to", "masks", "--out", out]) == 0
    output = capsys.readouterr().out
    assert f"3 images written to {tmp_path}/out" in output
    assert "1 image without a usable mask or labels was skipped." in output


@pytest.mark.parametrize("layout", sorted(LAYOUTS_OF["mask"].writers))
def test_real_masks_survive_every_layout_exactly(
    real_data: Callable[[str], Path], tmp_path: Path, layout: str
) -> None:
    """Eight nuclei scenes (small regions, holes) and two of many classes with unlabelled pixels."""
    for name, pattern, count in (("dsb2018_nuclei", "*", 8), ("dubai_aerial", "tile1_*", 2)):
        source, folder = real_data(name), tmp_path / name
        (folder / "images").mkdir(parents=True)
        (folder / "masks").mkdir()
        (folder / "classes.json").write_bytes((source / "classes.json").read_bytes())
        for image in sorted((source / "images").glob(pattern))[:count]:
            (folder / "images" / image.name).write_bytes(image.read_bytes())
            mask = f"{image.stem}.png"
            (folder / "masks" / mask).write_bytes((source / "masks" / mask).read_bytes())
        data = pupila.open(folder)
        pupila.convert(data, to=layout, out=tmp_path / f"{name}-out")
        assert len(data) == count
        assert_same(data, pupila.open(tmp_path / f"{name}-out"))
