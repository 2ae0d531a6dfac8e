"""`pupila predict` with masks: a pixel's class is its largest channel, so every answer is known by hand."""

import csv
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from PIL import Image

import pupila
from pupila.artifacts.bundle.folder import read_bundle
from pupila.artifacts.bundle.predictor import Predictor
from pupila.cli.run import run
from pupila.core.errors import PupilaError
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.decode import ImageLimits, decode
from pupila.imaging.masks.codec import decode_png
from pupila.imaging.regions import fill_polygons, from_rle
from pupila.stages.predict.rows import Output
from pupila.stages.predict.segment import SEGMENT
from pupila.tasks.segment import MaskPrediction
from pupila.tasks.task import PostProcessing
from tests.colours import write_colours, write_painted
from tests.imaging.geotiff.test_scene import write
from tests.pictures import encoded

Array = NDArray[Any]
RED, GREEN, BLUE = (200, 0, 0), (0, 200, 0), (0, 0, 200)


def scene() -> Array:
    """20 x 30 of red; a green ring of 6 x 6 with a hole of 2 x 2, two green pixels, and a blue strip of 3 rows."""
    rgb = np.full((20, 30, 3), RED, np.uint8)
    rgb[4:10, 5:11] = GREEN
    rgb[6:8, 7:9] = RED
    rgb[2, 20:22] = GREEN
    rgb[17:] = BLUE
    return rgb


def expected_mask() -> Array:
    mask: Array = scene().argmax(axis=2).astype(np.uint8)
    return mask


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    return write_painted(tmp_path / "bundle").folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "deeper").mkdir(parents=True)
    (folder / "a.png").write_bytes(encoded(scene()))
    (folder / "b.jpg").write_bytes(b"<html>")
    (folder / "deeper/a.png").write_bytes(encoded(scene()[::-1]))
    return folder


def predict_row(folder: str, uri: Path, output: Output | None = None, **limits: int) -> Any:
    predictor = Predictor(read_bundle(folder), ImageLimits(**limits))
    (row,) = SEGMENT.predict_rows(predictor, [str(uri)], output or Output())
    return json.loads(row.json_line())


def test_masks_overlays_outlines_and_a_table_are_written(
    bundle: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(["predict", bundle, str(photos), "--out", str(out), "--polygons"]) == 0
    row = capsys.readouterr()
    assert row.out.splitlines() == [
        f"{photos}/a.png: red 79.3 % in 2 regions, green 5.7 % in 2 regions, blue 15.0 % in 1 region",
        f"{photos}/b.jpg: a web page, perhaps a saved error page",
        f"{photos}/deeper/a.png: red 79.3 % in 2 regions, green 5.7 % in 2 regions, blue 15.0 % in 1 region",
        f"2 predictions written to {out}/predictions.csv",
    ]
    assert "1 image could not be predicted." in row.err
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*.*")) == [
        "annotations.json", "classes.json", "masks/a-2.png", "masks/a.png", "overlays/a-2.jpg", "overlays/a.jpg",
        "predictions.csv",
    ]  # fmt: skip
    assert json.loads((out / "classes.json").read_text()) == {
        "0": {"name": "red", "color": "#0072ff"}, "1": {"name": "green", "color": "#e69f00"},
        "2": {"name": "blue", "color": "#cc46be"}, "255": {"name": "unlabeled", "color": "#808080"},
    }  # fmt: skip
    assert (decode_png((out / "masks/a.png").read_bytes()) == expected_mask()).all()
    assert (decode_png((out / "masks/a-2.png").read_bytes()) == expected_mask()[::-1]).all()
    assert decode((out / "overlays/a.jpg").read_bytes()).shape == (20, 30, 3)
    first, second, _ = csv.DictReader((out / "predictions.csv").read_text().splitlines())
    assert first["mask"] == "masks/a.png"  # as seen from the table
    assert [first[f"{key}:green"] for key in ("share", "regions", "pixels", "mean", "largest")] == [
        "0.056667", "2", "34", "17.0", "32",
    ]  # fmt: skip
    assert second["error"].startswith("a web page")


def test_masks_are_grey_or_have_a_palette(bundle: str, photos: Path, tmp_path: Path) -> None:
    for options, mode in ([], "L"), (["--palette"], "P"):
        out = tmp_path / mode
        assert run(["predict", bundle, str(photos / "a.png"), "--out", str(out), *options]) == 0
        with Image.open(out / "masks/a.png") as mask:
            assert (mask.mode, mask.size) == (mode, (30, 20))
            assert (np.asarray(mask) == expected_mask()).all()
    with pytest.raises(PupilaError, match="--palette needs --out FOLDER"):
        pupila.predict_files(bundle, photos, write=pupila.PredictionFiles(palette=True))


def test_outlines_are_cocos_and_give_the_masks_again(bundle: str, photos: Path, tmp_path: Path) -> None:
    assert run(["predict", bundle, str(photos), "--out", str(tmp_path / "out"), "--polygons"]) == 0
    row = json.loads((tmp_path / "out/annotations.json").read_text())
    assert [image["file_name"] for image in row["images"]] == [f"{photos}/a.png", f"{photos}/deeper/a.png"]
    assert row["categories"] == [{"id": n, "name": name} for n, name in enumerate(["red", "green", "blue"])]
    assert [a["id"] for a in row["annotations"]] == list(range(1, 11))
    drawn = np.full((20, 30), IGNORE, np.uint8)
    for annotation in row["annotations"]:
        if annotation["image_id"] != 1:
            continue
        outline = annotation["segmentation"]
        if isinstance(outline, dict):
            region = from_rle(outline)
        else:
            region = fill_polygons([(np.reshape(ring, (-1, 2)), []) for ring in outline], 20, 30)
        assert region.sum() == annotation["area"]
        rows, columns = np.nonzero(region)
        left, top, width, height = annotation["bbox"]
        assert (columns.min(), rows.min()) == (left, top)
        assert (columns.max() + 1 - left, rows.max() + 1 - top) == (width, height)
        drawn[region] = annotation["category_id"]
    assert (drawn == expected_mask()).all()


def test_json_lines_need_no_folder(bundle: str, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["predict", bundle, str(photos / "a.png"), "--json"]) == 0
    (row,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (row["width"], row["height"], row["abstained"]) == (30, 20, False)
    assert row["classes"]["blue"] == {"share": 0.15, "regions": 1, "pixels": 90, "mean": 90.0, "largest": 90}
    assert row["confidence"] == pytest.approx(np.exp(2000 / 255) / (np.exp(2000 / 255) + 2), abs=1e-4)


@pytest.mark.parametrize("view", ["tile", "resize"])
def test_a_geotiff_gets_the_prediction_of_the_same_plain_image(tmp_path: Path, view: str) -> None:
    folder = write_painted(tmp_path / "bundle", view=view).folder
    (tmp_path / "a.png").write_bytes(encoded(scene()))
    write(tmp_path / "b.tif", scene().transpose(2, 0, 1))
    plain, placed = predict_row(folder, tmp_path / "a.png"), predict_row(folder, tmp_path / "b.tif")
    assert placed["classes"] == plain["classes"]
    assert placed["confidence"] == pytest.approx(plain["confidence"], abs=1e-5)


def test_a_geotiff_gives_a_geotiff_and_geojson(bundle: str, tmp_path: Path) -> None:
    bands = scene().transpose(2, 0, 1).copy()
    bands[:, :, :4] = 7  # no data in four columns of 20
    source = write(tmp_path / "b.tif", bands, nodata=7)
    row = predict_row(bundle, Path(source), Output(str(tmp_path / "out"), polygons=True))
    assert row["mask"] == f"{tmp_path}/out/masks/b.tif"
    with rasterio.open(row["mask"]) as file:
        expected = expected_mask()
        expected[:, :4] = IGNORE
        assert (file.read(1) == expected).all()
        assert file.crs.to_epsg() == 32633
    assert row["classes"]["blue"]["share"] == pytest.approx(3 / 20)
    predictor = Predictor(read_bundle(bundle))  # the way of serve and evaluate
    (prediction,) = predictor.predict_batch([predictor.preprocess(Path(source).read_bytes())])
    assert isinstance(prediction, MaskPrediction)
    assert (prediction.mask == expected).all()
    assert prediction.shares == pytest.approx(
        {name: of["share"] for name, of in row["classes"].items()}, abs=1e-6
    )
    assert prediction.confidence == pytest.approx(row["confidence"], abs=1e-5)
    features = json.loads(Path(row["polygons"]).read_text())["features"]
    assert sorted(f["properties"]["class"] for f in features) == ["blue", "green", "green", "red", "red"]
    assert not (tmp_path / "out/annotations.json").read_text().count("category_id")


def test_the_bands_of_a_scene_are_chosen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bands = np.zeros((5, 20, 30), np.uint16)
    bands[[4, 2, 0]] = scene().transpose(2, 0, 1) * np.uint16(10)
    source = write(tmp_path / "b.tif", bands)
    folder = write_painted(tmp_path / "bundle").folder
    chosen = ["--bands=[5,3,1]", "--low=0", "--high=2550"]
    assert run(["predict", folder, source, "--json", *chosen]) == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["classes"]["green"]["pixels"], row["classes"]["blue"]["pixels"]) == (34, 90)
    assert run(["predict", folder, source, "--bands=[6,3,1]"]) == 2
    assert "band 6 does not exist: the file has 5" in capsys.readouterr().out


def test_an_oversized_image_is_predicted_in_tiles_or_refused(tmp_path: Path) -> None:
    source = Path(write(tmp_path / "b.tif", scene().transpose(2, 0, 1), crs=None, transform=None))
    tiled = write_painted(tmp_path / "tiled").folder
    assert predict_row(tiled, source, max_pixels=100)["classes"] == predict_row(tiled, source)["classes"]
    whole = write_painted(tmp_path / "whole", view="resize").folder
    refused = predict_row(whole, source, max_pixels=100)["error"]
    assert (refused["code"], "--view tile" in refused["reason"]) == ("oversized", True)


def test_a_scene_that_fits_is_post_processed_as_pictures_are(tmp_path: Path) -> None:
    post_processing = PostProcessing(smallest_region=3 / 64, largest_hole=4 / 64)  # of a tile of 8 pixels
    folder = write_painted(tmp_path / "bundle", post_processing=post_processing).folder
    (tmp_path / "a.png").write_bytes(encoded(scene()))
    write(tmp_path / "b.tif", scene().transpose(2, 0, 1))
    plain, placed = predict_row(folder, tmp_path / "a.png"), predict_row(folder, tmp_path / "b.tif")
    assert placed["classes"] == plain["classes"]
    assert plain["classes"]["green"]["pixels"] == 36


def test_of_two_classes_the_first_is_background(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_painted(tmp_path / "bundle", classes=["ground", "water"]).folder
    for name, colour in (("a", RED), ("b", GREEN)):
        (tmp_path / f"{name}.png").write_bytes(encoded(np.full((9, 9, 3), colour, np.uint8)))
    out = str(tmp_path / "out")
    assert run(["predict", folder, str(tmp_path / "*.png"), "--out", out, "--polygons"]) == 0
    assert capsys.readouterr().out.splitlines()[:2] == [
        f"{tmp_path}/a.png: background only", f"{tmp_path}/b.png: water 100.0 % in 1 region"
    ]  # fmt: skip
    (result,) = json.loads(Path(out, "annotations.json").read_text())["annotations"]
    assert (result["category_id"], result["image_id"]) == (1, 2)


def test_without_rasterio_a_geotiff_is_refused_and_the_rest_answered(
    bundle: str, photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(photos / "c.tif", scene().transpose(2, 0, 1))
    monkeypatch.setitem(sys.modules, "rasterio", None)
    assert run(["predict", bundle, str(photos / "a.png"), str(photos / "c.tif")]) == 0
    first, second = capsys.readouterr().out.splitlines()[:2]
    assert "red" in first
    assert second.endswith("Try: pip install 'pupila[geo]'")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--polygons"], "--polygons needs --out FOLDER."),
        (
            ["--out", "x"],
            "--out needs a bundle that predicts masks; {folder} was trained for classification.\n  Try: --csv",
        ),
        (
            ["--low=3"],
            "--low needs a bundle that predicts masks; {folder} was trained for classification.\n  Try: omit --low",
        ),
    ],
)
def test_what_can_not_be_honoured_is_refused(
    tmp_path: Path, photos: Path, options: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_colours(tmp_path / "classes").folder
    assert run(["predict", folder, str(photos), *options]) == 2
    assert says.format(folder=folder) in capsys.readouterr().err
