"""What was chosen of bands when the data were opened is what the bundle answers by."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

import pupila
from pupila.artifacts.bundle.folder import prepared, read_bundle
from pupila.artifacts.bundle.predictor import Predictor
from pupila.cli.run import run as pupila_command
from pupila.imaging.images.prepare import normalise
from pupila.learning.loader.pictures import Pictures
from pupila.stages.train.run import Run
from pupila.tasks.classify import Answer
from pupila.tasks.segment import SEGMENT
from tests.bands import RGB, write_banded
from tests.imaging.geotiff.test_scene import deep, write
from tests.stages.train.test_segment import WISH


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_banded(tmp_path_factory.mktemp("data"), 20)


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("runs") / "run"
    return pupila.train(data, out=folder, **{**WISH, "epochs": 1}, bands=list(RGB))


def test_the_bundle_keeps_the_choice_of_the_data(run: Run, data: Path) -> None:
    kept = run.bundle.info.preparation.bands
    assert kept is not None and kept == pupila.open(data).bands
    assert kept.bands == RGB and kept.low is not None
    assert run.plan.data_hash == pupila.open(data).hash


def test_bytes_are_prepared_as_they_were_for_training(run: Run, data: Path) -> None:
    opened, spec = pupila.open(data), read_bundle(run.folder).info.preparation
    seen = Pictures(opened, spec, [4])([4])[0]
    answering = prepared(Path(opened.path(4)).read_bytes(), SEGMENT, spec)
    assert np.array_equal(normalise(seen, spec)[None], answering.inputs)
    assert (answering.height, answering.width) == (72, 96)
    bright = deep(72, 96) * 5  # stretched by its own percentiles it would look like any other
    assert (
        Predictor(run.bundle).prepare(Path(write(data.parent / "b.tif", bright)).read_bytes()).inputs.mean()
        > 1.5
    )


@pytest.mark.parametrize("options", [[], ["--set", "bands=[4,3,2]"]])
def test_a_prediction_lies_where_the_scene_lies(
    run: Run, data: Path, tmp_path: Path, options: list[str]
) -> None:
    source = data / "images/003.tif"
    assert pupila_command(["predict", run.folder, str(source), "--out", str(tmp_path / "out"), *options]) == 0
    opened = pupila.open(data)
    answer: Any = Predictor(run.bundle).answers([Predictor(run.bundle).prepare(source.read_bytes())])[0]
    with rasterio.open(tmp_path / "out/masks/003.tif") as made, rasterio.open(source) as scene:
        assert (made.crs, made.transform, made.shape) == (scene.crs, scene.transform, scene.shape)
        assert (made.read(1) == answer.mask).all()
        assert made.tags()["CLASS_1"] == opened.classes[1]


def test_other_bands_than_the_bundle_s_are_refused(
    run: Run, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pupila_command(["predict", run.folder, str(data / "images"), "--set", "bands=[1,2,3]"]) == 2
    assert "found bands=[1, 2, 3]; wanted bands=[4, 3, 2]" in capsys.readouterr().err


def test_reports_show_the_data_as_they_were_read(run: Run, data: Path, tmp_path: Path) -> None:
    done = pupila.evaluate(run.folder, data, split="validation", out=tmp_path)
    assert Path(done.report).stat().st_size > 10_000
    asked = pupila.evaluate(f"{run.folder}/bundle", data, split="validation", out=tmp_path / "again")
    ours, theirs = (one.evaluation["models"][0]["pooled"]["IoU"]["value"] for one in (done, asked))
    assert ours == pytest.approx(theirs, abs=0.01)


def test_classes_learn_from_bands_as_well(tmp_path: Path) -> None:
    for number in range(24):
        folder = tmp_path / "data" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        bands = np.random.default_rng(number).integers(300, 3_000, (5, 40, 40)).astype(np.uint16)
        bands[4] += np.uint16(4_000 * (number % 2))
        write(folder / f"{number:02d}.tif", bands)
    wish: dict[str, Any] = {"model": "test_efficientnet", "weights": "none", "side": 32, "epochs": 1}
    done = pupila.train(tmp_path / "data", out=tmp_path / "run", bands=(5, 3, 1), **wish)
    kept = done.bundle.info.preparation.bands
    assert kept is not None and kept.bands == (5, 3, 1)
    uri = str(tmp_path / "data/a/00.tif")
    ((_, answer),) = Predictor(done.bundle).stream([uri])
    assert isinstance(answer, Answer)
    assert answer.prediction in ("a", "b")
