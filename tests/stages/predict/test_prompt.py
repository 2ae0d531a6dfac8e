"""`pupila predict --point`: what has the colour of the place that is pointed at, so every answer is known by hand."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from pupila.cli.run import run
from pupila.imaging.images.decode import decode
from pupila.imaging.masks.codec import decode_png
from pupila.imaging.regions import from_rle
from pupila.tasks.task import PostProcessing
from tests.colours import write_colours, write_pointing
from tests.imaging.geotiff.test_scene import write
from tests.pictures import Pixels, encoded

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def scene() -> Pixels:
    """32 x 32, as the bundle sees it: green, a red rectangle of 8 x 16 at (8, 4), and two blue squares of 4 x 4."""
    picture = np.full((32, 32, 3), GREEN, np.uint8)
    picture[4:20, 8:16] = RED
    picture[24:28, 4:8] = BLUE
    picture[24:28, 20:24] = BLUE
    return picture


def where(colour: tuple[int, int, int]) -> Pixels:
    return np.asarray((scene() == colour).all(axis=2))


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    return write_pointing(tmp_path / "bundle").folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two pictures, one of them too small for a point at (10, 10), and a file that is none."""
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.png").write_bytes(encoded(scene()))
    (folder / "b.png").write_bytes(encoded(scene()[:8, :8]))
    (folder / "c.png").write_bytes(b"<html>")
    return folder


def test_the_same_prompt_goes_to_every_image_and_a_bad_one_stops_nothing(
    bundle: str, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["predict", bundle, str(photos), "--point", "10,10"]) == 0
    row = capsys.readouterr()
    first, second, third = row.out.splitlines()
    assert first == f"{photos}/a.png: 12.5 % of the image in 1 region, predicted IoU 0.80"
    assert second.startswith(f"{photos}/b.png: Points outside the image: found 10,10; expected x from 0")
    assert third == f"{photos}/c.png: a web page, perhaps a saved error page"
    assert "2 images could not be predicted." in row.err


@pytest.mark.parametrize(
    ("options", "colour", "predicted_iou", "regions"),
    [
        (["--point", "9.5,5.5"], RED, 0.8, 1),  # a single point: the best of three
        (["--point", "9,5", "--point", "13,17"], RED, 0.9, 1),
        (["--box", "7,3,17,21"], RED, 0.9, 1),
        (["--point", "5,25", "--negative", "10,10"], BLUE, 0.9, 2),
    ],
    ids=["a point", "two points", "a box", "a negative"],
)
def test_a_prompt_gives_a_row_with_its_mask(
    bundle: str, photos: Path, options: list[str], colour: tuple[int, int, int], predicted_iou: float, regions: int,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert run(["predict", bundle, str(photos / "a.png"), "--json", *options]) == 0
    (row,) = map(json.loads, capsys.readouterr().out.splitlines())
    mask = from_rle(row.pop("mask"))
    assert (mask == where(colour)).all()
    assert row.pop("confidence") > 0.99
    assert row == {
        "image": f"{photos}/a.png", "width": 32, "height": 32, "predicted_iou": predicted_iou, "abstained": False,
        "share": int(mask.sum()) / 1024, "pixels": int(mask.sum()), "regions": regions,
    }  # fmt: skip


def test_masks_overlays_outlines_and_a_table_are_written(bundle: str, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ["--point", "5,25", "--point", "5,26", "--out", str(out), "--polygons"]
    assert run(["predict", bundle, str(photos), *options]) == 0
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*.*")) == [
        "annotations.json", "classes.json", "masks/a.png", "overlays/a.jpg", "predictions.csv",
    ]  # fmt: skip
    assert (decode_png((out / "masks/a.png").read_bytes()) == where(BLUE)).all()
    laid = decode((out / "overlays/a.jpg").read_bytes())
    assert laid.shape == (32, 32, 3)
    first, second, third = csv.DictReader((out / "predictions.csv").read_text().splitlines())
    assert {name: first[name] for name in ("mask", "predicted_iou", "share", "pixels", "regions", "error")} == {
        "mask": "masks/a.png", "predicted_iou": "0.9", "share": "0.03125", "pixels": "32", "regions": "2", "error": "",
    }  # fmt: skip
    assert second["error"].startswith("Points outside the image") and second["mask"] == ""
    assert third["error"].startswith("a web page")
    row = json.loads((out / "annotations.json").read_text())
    assert row["categories"] == [{"id": 1, "name": "foreground"}]
    assert sorted(result["bbox"] for result in row["annotations"]) == [[4, 24, 4, 4], [20, 24, 4, 4]]


def test_a_table_alone_names_no_mask(bundle: str, photos: Path, tmp_path: Path) -> None:
    table = tmp_path / "predictions.csv"
    assert run(["predict", bundle, str(photos / "a.png"), "--box", "7,3,17,21", "--csv", str(table)]) == 0
    (row,) = csv.DictReader(table.read_text().splitlines())
    assert (row["mask"], row["pixels"]) == ("", "128")


def test_for_machines_a_bad_prompt_has_a_code_of_its_own(
    bundle: str, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["predict", bundle, str(photos / "b.png"), "--json", "--box", "8,0,30,30"]) == 2
    (row,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert row["error"]["code"] == "bad-prompt"
    assert "The box lies outside the image: found 8,0,30,30" in row["error"]["reason"]


def test_a_low_predicted_iou_abstains(
    tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_pointing(tmp_path / "confident", post_processing=PostProcessing(abstain_below=0.85)).folder
    assert run(["predict", folder, str(photos / "a.png"), "--point", "9,5"]) == 0
    assert capsys.readouterr().out.endswith("predicted IoU 0.80, abstained\n")


def test_the_bands_of_a_scene_are_chosen_and_what_has_no_data_is_left_out(
    bundle: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bands = np.zeros((5, 32, 32), np.uint16)
    bands[[4, 2, 0]] = scene().transpose(2, 0, 1) * np.uint16(10)
    bands[:, :, :12] = 7  # no data in 12 columns, among them half of the red rectangle
    source = write(tmp_path / "b.tif", bands, nodata=7)
    options = ["--bands=[5,3,1]", "--low=0", "--high=2550", "--point", "14,10"]
    out = tmp_path / "out"
    assert run(["predict", bundle, source, *options, "--out", str(out), "--json"]) == 0
    (row,) = map(json.loads, capsys.readouterr().out.splitlines())
    expected = where(RED)
    expected[:, :12] = False
    assert (decode_png(Path(row["mask"]).read_bytes()) == expected).all()
    assert row["share"] == pytest.approx(4 * 16 / (20 * 32))
    assert decode(Path(row["overlay"]).read_bytes()).shape == (32, 32, 3)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "The prompt is incomplete: found no point and no box; expected a foreground point"),
        (["--negative", "1,1"], "The prompt is incomplete: found 1 background point only"),
        (["--point", "1"], "Invalid --point: found 1; expected 2 comma-separated numbers"),
        (["--point", "1,x"], "Invalid --point: found 1,x"),
        (["--negative", "1,nan", "--point", "1,1"], "Invalid --negative: found 1,nan"),
        (["--box", "1,2,3"], "Invalid --box: found 1,2,3; expected 4 comma-separated numbers"),
        (["--box", "1,2,3,inf"], "Invalid --box"),
        (["--box", "3,2,3,5"], "The box has no area: found 3,2,3,5; expected x0,y0,x1,y1 with x0 < x1"),
    ],
)
def test_a_prompt_that_means_nothing_in_any_image_is_refused_before_the_first(
    bundle: str, photos: Path, options: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["predict", bundle, str(photos), *options]) == 2
    row = capsys.readouterr()
    assert (row.out, says in row.err) == ("", True), row.err


@pytest.mark.parametrize("options", [["--point", "1,1"], ["--negative", "1,1"], ["--box", "1,1,2,2"]])
def test_other_bundles_take_no_prompt(
    tmp_path: Path, photos: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_colours(tmp_path / "classes").folder
    assert run(["predict", folder, str(photos), *options]) == 2
    says = f"{options[0]} needs a promptable model; {folder} was trained for classification.\n  Try: omit {options[0]}"
    assert says in capsys.readouterr().err
