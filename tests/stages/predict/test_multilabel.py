"""`pupila predict` with several labels: which are predicted at which threshold, as text, as JSON and as a table."""

import json
from pathlib import Path

import polars as pl
import pytest

from pupila.artifacts.bundle.folder import read_bundle
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.predictions.multilabel import LabelsRow
from pupila.cli.run import run
from pupila.tasks.multilabel import class_thresholds, predict_labels
from pupila.tasks.task import PostProcessing
from tests.colours import BLUE_DOWN, BLUE_UP, CLASSES, DOWN, UP, info, plain, write_labelled
from tests.pictures import encoded

PICTURES = {
    "black": (0, 0, 0), "blue": (0, 0, 255), "green": (0, 255, 0), "red": (255, 0, 0), "yellow": (255, 255, 0),
}  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a bundle, and pictures of which one is no picture."""
    folder = tmp_path_factory.mktemp("labelled")
    write_labelled(folder / "bundle")
    (folder / "photos").mkdir()
    for name, colour in PICTURES.items():
        (folder / f"photos/{name}.png").write_bytes(encoded(plain(*colour)))
    (folder / "photos/broken.jpg").write_bytes(b"")
    return folder


def predict(home: Path, *options: str) -> int:
    return run(["predict", str(home / "bundle"), str(home / "photos"), *options])


def test_the_labels_of_an_image_are_a_line_of_text(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert predict(home) == 0
    printed = capsys.readouterr()
    assert [line.removeprefix(f"{home}/photos/") for line in printed.out.splitlines()] == [
        "black.png: none of the classes",
        "blue.png: blue (50.0 %), abstained",
        "broken.jpg: the file has no bytes",
        "green.png: green (73.1 %)",
        "red.png: red (73.1 %)",
        "yellow.png: red (73.1 %), green (73.1 %)",
    ]
    assert "1 image could not be predicted." in printed.err


def test_json_has_every_probability_and_the_labels_in_the_order_of_the_classes(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict(home, "--json") == 0
    lines = capsys.readouterr().out.splitlines()
    black, blue, broken, _, _, yellow = map(json.loads, lines)
    assert black["labels"] == []
    assert black["probabilities"] == {"red": DOWN, "green": DOWN, "blue": BLUE_DOWN}
    assert (black["confidence"], black["abstained"]) == (UP, False)  # 1 - 0.268941
    assert (blue["labels"], blue["confidence"], blue["abstained"]) == (["blue"], BLUE_UP, True)
    assert yellow["labels"] == ["red", "green"]
    assert yellow["probabilities"] == {"red": UP, "green": UP, "blue": BLUE_DOWN}
    assert broken["error"]["code"] == "empty-file" and "labels" not in broken
    record = LabelsRow.model_validate_json(lines[-1])  # what reads a log of predictions
    assert record.json_line() == lines[-1]


def test_a_table_has_the_labels_as_a_list_and_a_column_per_class(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "labels.csv"
    assert predict(home, "--csv", str(table)) == 0
    printed = capsys.readouterr().out
    assert "5 predictions written to" in printed
    assert "Images of each predicted class: green 2, red 2, none of the classes 1, blue 1." in printed
    frame = pl.read_csv(table)
    assert frame.columns == [
        "image", "labels", "confidence", "abstained", "error", "p:red", "p:green", "p:blue",
    ]  # fmt: skip
    cells = frame["labels"].to_list()
    assert cells == ["[]", '["blue"]', None, '["green"]', '["red"]', '["red", "green"]']
    assert frame["p:blue"].to_list() == [BLUE_DOWN, BLUE_UP, None, BLUE_DOWN, BLUE_DOWN, BLUE_DOWN]
    assert frame["error"].drop_nulls().to_list() == ["the file has no bytes"]


def test_options_of_masks_and_prompts_are_refused(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert predict(home, "--out", "masks") == 2
    assert "was trained for multi-label classification" in capsys.readouterr().err
    assert predict(home, "--point", "1,1") == 2
    assert "needs a promptable model" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("thresholds", "labels"),
    [
        ((), ["red", "green"]),  # 0.5, which both reach
        ((UP + 1e-6, 0.7, 0.1), ["green", "blue"]),
        ((1.0, 1.0, 1.0), []),
        ((0.0, 0.0, 0.0), CLASSES),
    ],
)
def test_a_class_is_predicted_from_its_own_threshold_on(
    home: Path, thresholds: tuple[float, ...], labels: list[str]
) -> None:
    predictor = Predictor(read_bundle(home / "bundle"))
    logits = predictor.logits(predictor.preprocess(encoded(plain(255, 255, 0))).inputs)
    changed = predictor.info.post_processing.model_copy(update={"thresholds": thresholds})
    spec = predictor.info.model_copy(update={"post_processing": changed})
    (prediction,) = predict_labels(logits, spec)
    assert list(prediction.labels) == labels
    assert prediction.thresholds == dict(zip(CLASSES, thresholds or (0.5, 0.5, 0.5), strict=True))
    certainty = [p if name in labels else 1 - p for name, p in prediction.probabilities.items()]
    assert prediction.confidence == min(certainty)


def test_a_bundle_without_thresholds_predicts_from_one_half() -> None:
    spec = info(task="multilabel", post_processing=PostProcessing())
    assert class_thresholds(spec) == {"red": 0.5, "green": 0.5, "blue": 0.5}
