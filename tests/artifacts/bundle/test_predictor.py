"""Answers by hand: a picture of one colour has logits that anyone can compute."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pupila.artifacts.bundle.predictor import BATCH, Predictor
from pupila.imaging.images.decode import ImageFault, ImageLimits
from pupila.tasks.classify import Answer, softmax
from pupila.tasks.task import Decision
from tests.colours import plain, write_colours
from tests.pictures import encoded


@pytest.fixture
def predictor(tmp_path: Path) -> Predictor:
    return Predictor(write_colours(tmp_path / "bundle"))


def answered(predictor: Predictor, red: int, green: int, blue: int) -> Answer:
    found = predictor.answers([predictor.prepare(encoded(plain(red, green, blue)))])[0]
    assert isinstance(found, Answer)
    return found


def test_the_answer_of_a_red_picture_is_computed_by_hand(predictor: Predictor) -> None:
    answer = answered(predictor, 255, 0, 0)  # logits 1, 0, 0
    assert answer.prediction == "red"
    assert answer.confidence == pytest.approx(math.e / (math.e + 2), abs=1e-5)
    assert answer.probabilities["blue"] == pytest.approx(1 / (math.e + 2), abs=1e-5)
    assert answer.logits == pytest.approx([1, 0, 0], abs=1e-6)
    assert not answer.abstained


def test_temperature_cools_the_confidence_and_not_the_answer(tmp_path: Path) -> None:
    predictor = Predictor(write_colours(tmp_path / "bundle", temperature=0.5))
    assert answered(predictor, 255, 0, 0).confidence == pytest.approx(math.e**2 / (math.e**2 + 2), abs=1e-5)


@pytest.mark.parametrize(("threshold", "prediction"), [(0.7, "green"), (0.74, "red")])
def test_a_tuned_threshold_decides_between_two_classes(
    tmp_path: Path, threshold: float, prediction: str
) -> None:
    decision = Decision(positive="green", threshold=threshold, objective="f1")
    two = write_colours(tmp_path / "bundle", classes=["red", "green"], decision=decision)
    answer = answered(Predictor(two), 0, 255, 0)  # logits 0, 1: green has 0.731
    assert answer.prediction == prediction
    assert answer.confidence == pytest.approx(0.731 if prediction == "green" else 0.269, abs=1e-3)


def test_an_unsure_answer_is_marked(tmp_path: Path) -> None:
    predictor = Predictor(write_colours(tmp_path / "bundle", decision=Decision(abstain_below=0.5)))
    assert answered(predictor, 128, 128, 128).abstained
    assert not answered(predictor, 255, 0, 0).abstained


def colours(folder: Path, count: int) -> list[str]:
    """Red, green and blue pictures in turn, and a web page in the place of every seventh."""
    shades = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    for number in range(count):
        content = b"<html>" if number % 7 == 6 else encoded(plain(*shades[number % 3]))
        (folder / f"{number:04d}.png").write_bytes(content)
    return [str(folder / f"{number:04d}.png") for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, BATCH - 1, BATCH, 3 * BATCH + 5])
def test_a_stream_answers_in_order_and_a_bad_image_stops_nothing(
    tmp_path: Path, predictor: Predictor, count: int
) -> None:
    uris = colours(tmp_path, count)
    found = list(predictor.stream(uris))
    assert [uri for uri, _ in found] == uris
    for number, (_, answer) in enumerate(found):
        if number % 7 == 6:
            assert isinstance(answer, ImageFault) and answer.code == "not-an-image"
        else:
            assert isinstance(answer, Answer)
            assert answer.prediction == ("red", "green", "blue")[number % 3]


def test_a_batch_of_bad_images_alone_is_answered(tmp_path: Path, predictor: Predictor) -> None:
    (tmp_path / "gone").mkdir()
    found = list(predictor.stream([str(tmp_path / "none.png"), str(tmp_path / "gone")]))
    assert [answer.code for _, answer in found if isinstance(answer, ImageFault)] == ["unreadable"] * 2


def test_a_stream_holds_a_few_batches_however_long_it_is(tmp_path: Path, predictor: Predictor) -> None:
    (uri,) = colours(tmp_path, 1)
    asked = 0

    def endless() -> Iterator[str]:
        nonlocal asked
        while True:
            asked += 1
            yield uri

    stream = predictor.stream(endless())
    for _ in range(5 * BATCH):
        next(stream)
    assert asked <= 9 * BATCH


def test_the_limits_are_those_of_the_caller(tmp_path: Path) -> None:
    predictor = Predictor(write_colours(tmp_path / "bundle"), limits=ImageLimits(max_pixels=100))
    with pytest.raises(ImageFault, match="16 x 16 pixels"):
        predictor.prepare(encoded(plain(1, 2, 3)))


def test_softmax_does_not_overflow() -> None:
    assert softmax(np.array([[1e4, 0.0]], dtype=np.float32)) == pytest.approx(np.array([[1.0, 0.0]]))
