"""What was chosen of bands when the data were opened is what the bundle predicts with."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

import pupila
from pupila.artifacts.bundle.golden import preprocess_bytes
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.run.folder import Run
from pupila.cli.run import run as pupila_command
from pupila.imaging.images.preprocess import normalise
from pupila.learning.loader.images import ResizedImages
from pupila.tasks.classify import ClassPrediction
from pupila.tasks.segment import SEGMENT
from tests.bands import RGB, write_banded
from tests.imaging.geotiff.test_scene import deep, write
from tests.stages.evaluate.reports import segmented
from tests.stages.train.test_segment import SETTINGS


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_banded(tmp_path_factory.mktemp("data"), 20)


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("runs") / "run"
    return pupila.train(data, out=folder, **{**SETTINGS, "epochs": 1}, bands=list(RGB))


def test_the_bundle_keeps_the_choice_of_the_data(run: Run, data: Path) -> None:
    cached = run.bundle.info.preprocessing.bands
    assert cached is not None and cached == pupila.open(data).bands
    assert cached.bands == RGB and cached.low is not None
    assert run.plan.data_hash == pupila.open(data).hash


def test_bytes_are_prepared_as_they_were_for_training(run: Run, data: Path) -> None:
    opened, spec = pupila.open(data), run.bundle.info.preprocessing
    views = ResizedImages(opened, spec, [4])([4])[0]
    predicted = preprocess_bytes(Path(opened.path(4)).read_bytes(), SEGMENT, spec)
    assert np.array_equal(normalise(views, spec)[None], predicted.inputs)
    assert (predicted.height, predicted.width) == (72, 96)
    bright = deep(72, 96) * 5  # stretched by its own percentiles it would look like any other
    assert (
        Predictor(run.bundle)
        .preprocess(Path(write(data.parent / "b.tif", bright)).read_bytes())
        .inputs.mean()
        > 1.5
    )


@pytest.mark.parametrize("options", [[], ["--bands", "[4,3,2]"]])
def test_a_prediction_lies_where_the_scene_lies(
    run: Run, data: Path, tmp_path: Path, options: list[str]
) -> None:
    source = data / "images/003.tif"
    assert pupila_command(["predict", run.folder, str(source), "--out", str(tmp_path / "out"), *options]) == 0
    opened = pupila.open(data)
    prediction: Any = Predictor(run.bundle).predict_batch(
        [Predictor(run.bundle).preprocess(source.read_bytes())]
    )[0]
    with rasterio.open(tmp_path / "out/masks/003.tif") as created, rasterio.open(source) as scene:
        assert (created.crs, created.transform, created.shape) == (scene.crs, scene.transform, scene.shape)
        assert (created.read(1) == prediction.mask).all()
        assert created.tags()["CLASS_1"] == opened.classes[1]


def test_other_bands_than_the_bundle_s_are_refused(
    run: Run, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pupila_command(["predict", run.folder, str(data / "images"), "--bands", "[1,2,3]"]) == 2
    assert "found bands=[1, 2, 3]; expected bands=[4, 3, 2]" in capsys.readouterr().err


def test_reports_show_the_data_as_they_were_read(run: Run, data: Path, tmp_path: Path) -> None:
    finished = pupila.evaluate(run.folder, data, split="validation", out=tmp_path)
    assert Path(finished.report).stat().st_size > 10_000
    prompted = pupila.evaluate(f"{run.folder}/bundle", data, split="validation", out=tmp_path / "again")
    ours, theirs = (segmented(item.evaluation).models[0].pooled["iou"].value for item in (finished, prompted))
    assert ours == pytest.approx(theirs, abs=0.01)


def test_classes_learn_from_bands_as_well(tmp_path: Path) -> None:
    for number in range(24):
        folder = tmp_path / "data" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        bands = np.random.default_rng(number).integers(300, 3_000, (5, 40, 40)).astype(np.uint16)
        bands[4] += np.uint16(4_000 * (number % 2))
        write(folder / f"{number:02d}.tif", bands)
    overrides: dict[str, Any] = {
        "model": "test_efficientnet",
        "weights": "none",
        "image_size": 32,
        "epochs": 1,
    }
    finished = pupila.train(tmp_path / "data", out=tmp_path / "run", bands=(5, 3, 1), **overrides)
    cached = finished.bundle.info.preprocessing.bands
    assert cached is not None and cached.bands == (5, 3, 1)
    uri = str(tmp_path / "data/a/00.tif")
    ((_, prediction),) = Predictor(finished.bundle).stream([uri])
    assert isinstance(prediction, ClassPrediction)
    assert prediction.prediction in ("a", "b")
