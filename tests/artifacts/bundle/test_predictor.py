"""Predictions checked by hand: the logits of a single-colour image are known."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pupila.artifacts.bundle.predictor import BATCH, Predictor
from pupila.imaging.images.decode import ImageFault, ImageLimits
from pupila.tasks.classify import ClassPrediction, softmax
from pupila.tasks.task import PostProcessing
from tests.colours import plain, write_colours
from tests.pictures import encoded


@pytest.fixture
def predictor(tmp_path: Path) -> Predictor:
    return Predictor(write_colours(tmp_path / "bundle"))


def predict(predictor: Predictor, red: int, green: int, blue: int) -> ClassPrediction:
    images = predictor.predict_batch([predictor.preprocess(encoded(plain(red, green, blue)))])[0]
    assert isinstance(images, ClassPrediction)
    return images


def test_the_prediction_for_a_red_image_is_computed_by_hand(predictor: Predictor) -> None:
    prediction = predict(predictor, 255, 0, 0)  # logits 1, 0, 0
    assert prediction.prediction == "red"
    assert prediction.confidence == pytest.approx(math.e / (math.e + 2), abs=1e-5)
    assert prediction.probabilities["blue"] == pytest.approx(1 / (math.e + 2), abs=1e-5)
    assert prediction.logits == pytest.approx([1, 0, 0], abs=1e-6)
    assert not prediction.abstained


def test_temperature_cools_the_confidence_and_not_the_answer(tmp_path: Path) -> None:
    predictor = Predictor(write_colours(tmp_path / "bundle", temperature=0.5))
    assert predict(predictor, 255, 0, 0).confidence == pytest.approx(math.e**2 / (math.e**2 + 2), abs=1e-5)


@pytest.mark.parametrize(("threshold", "prediction"), [(0.7, "green"), (0.74, "red")])
def test_a_tuned_threshold_decides_between_two_classes(
    tmp_path: Path, threshold: float, prediction: str
) -> None:
    post_processing = PostProcessing(positive="green", threshold=threshold, objective="f1")
    two = write_colours(tmp_path / "bundle", classes=["red", "green"], post_processing=post_processing)
    result = predict(Predictor(two), 0, 255, 0)  # logits 0, 1: green has 0.731
    assert result.prediction == prediction
    assert result.confidence == pytest.approx(0.731 if prediction == "green" else 0.269, abs=1e-3)


def test_a_low_confidence_abstains(tmp_path: Path) -> None:
    predictor = Predictor(
        write_colours(tmp_path / "bundle", post_processing=PostProcessing(abstain_below=0.5))
    )
    assert predict(predictor, 128, 128, 128).abstained
    assert not predict(predictor, 255, 0, 0).abstained


def colours(folder: Path, count: int) -> list[str]:
    """Red, green and blue images in turn, with a web page instead of every seventh."""
    shades = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    for number in range(count):
        content = b"<html>" if number % 7 == 6 else encoded(plain(*shades[number % 3]))
        (folder / f"{number:04d}.png").write_bytes(content)
    return [str(folder / f"{number:04d}.png") for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, BATCH - 1, BATCH, 3 * BATCH + 5])
def test_a_stream_keeps_its_order_and_survives_a_bad_image(
    tmp_path: Path, predictor: Predictor, count: int
) -> None:
    uris = colours(tmp_path, count)
    predictions = list(predictor.stream(uris))
    assert [uri for uri, _ in predictions] == uris
    for number, (_, prediction) in enumerate(predictions):
        if number % 7 == 6:
            assert isinstance(prediction, ImageFault) and prediction.code == "not-an-image"
        else:
            assert isinstance(prediction, ClassPrediction)
            assert prediction.prediction == ("red", "green", "blue")[number % 3]


def test_a_batch_of_only_bad_images_returns_their_faults(tmp_path: Path, predictor: Predictor) -> None:
    (tmp_path / "gone").mkdir()
    predictions = list(predictor.stream([str(tmp_path / "none.png"), str(tmp_path / "gone")]))
    assert [prediction.code for _, prediction in predictions if isinstance(prediction, ImageFault)] == [
        "unreadable"
    ] * 2


def test_a_stream_holds_a_few_batches_in_memory_whatever_its_length(
    tmp_path: Path, predictor: Predictor
) -> None:
    (uri,) = colours(tmp_path, 1)
    requested = 0

    def endless() -> Iterator[str]:
        nonlocal requested
        while True:
            requested += 1
            yield uri

    stream = predictor.stream(endless())
    for _ in range(5 * BATCH):
        next(stream)
    assert requested <= 9 * BATCH


def test_the_limits_are_those_of_the_caller(tmp_path: Path) -> None:
    predictor = Predictor(write_colours(tmp_path / "bundle"), limits=ImageLimits(max_pixels=100))
    with pytest.raises(ImageFault, match="16 x 16 pixels"):
        predictor.preprocess(encoded(plain(1, 2, 3)))


def test_softmax_does_not_overflow() -> None:
    assert softmax(np.array([[1e4, 0.0]], dtype=np.float32)) == pytest.approx(np.array([[1.0, 0.0]]))
