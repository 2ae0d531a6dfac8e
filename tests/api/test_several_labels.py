"""Several labels per image on real data, through every stage: opened, split, trained, evaluated and predicted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pupila
from pupila.api.train_options import TrainOptions
from pupila.cli.run import run
from tests.real_labels import write_real_labels

CLASSES = {
    "dsb2018_nuclei": ["dense", "large nuclei", "many nuclei"],
    "dubai_aerial": ["building", "land (unpaved)", "road", "vegetation", "water"],
}
TINY: TrainOptions = {"model": "lenet", "weights": "none", "image_size": 32, "epochs": 1, "device": "cpu"}


def _train_and_evaluate(folder: Path, out: Path, settings: TrainOptions) -> Any:
    """Split the folder, train on it, and evaluate the bundle on the test split."""
    data = pupila.open(folder)
    pupila.split(data, test=0.3)
    trained = pupila.train(data, out=out, tell=lambda line: None, **settings)
    return pupila.evaluate(trained.bundle, data)


@pytest.mark.parametrize("name", [pytest.param("dsb2018_nuclei", marks=pytest.mark.slow), "dubai_aerial"])
def test_real_images_with_several_labels_pass_every_stage(
    name: str, real_data: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_real_labels(real_data(name), tmp_path / name, count=40)
    data = pupila.open(folder)
    assert (data.task and data.task.name, data.classes) == ("multilabel", CLASSES[name])
    evaluated = _train_and_evaluate(folder, tmp_path / "run", TINY)
    assert Path(evaluated.report).stat().st_size > 50_000
    model = evaluated.evaluation.models[0]
    assert all(0 <= estimate.value <= 1 for estimate in model.metrics.values() if estimate.value is not None)
    for (
        figures
    ) in model.classes.values():  # not measurable without positives or without negatives, never 0 or 1
        assert (figures.average_precision.value is None) == (figures.positives in (0, figures.known))
    table = tmp_path / "predictions.csv"
    bundle = str(tmp_path / "run/bundle")
    assert run(["predict", bundle, str(folder / "images"), "--csv", str(table)]) == 0
    assert "40 predictions" in capsys.readouterr().out
    again = pupila.evaluate(table, data).evaluation.models[0]
    assert _values(again) == pytest.approx(_values(model), abs=1e-4)  # probabilities are rounded in a table


def _values(model: Any) -> dict[str, float]:
    return {name: estimate.value for name, estimate in model.metrics.items() if estimate.value is not None}


@pytest.mark.slow
def test_a_pretrained_network_recognizes_what_nuclei_are_like(
    real_data: Callable[[str], Path], real_weights: Callable[[str], Path], tmp_path: Path
) -> None:
    weights = str(real_weights("mobilenetv2_100.safetensors"))
    folder = write_real_labels(real_data("dsb2018_nuclei"), tmp_path / "nuclei")
    settings: TrainOptions = {
        "model": "mobilenetv2_100", "weights": weights, "image_size": 128, "epochs": 10, "augmented_views": 2,
        "device": "cpu",
    }  # fmt: skip
    model = _train_and_evaluate(folder, tmp_path / "run", settings).evaluation.models[0]
    mean = model.metrics["mean_average_precision"]
    prevalence = [figures.positives / figures.known for figures in model.classes.values()]
    assert mean.value > 0.8 > sum(prevalence) / len(prevalence) + 0.2
    assert mean.low < mean.value < mean.high
    assert not any(threshold.shared for threshold in model.thresholds.values())  # all three are frequent
