"""Answering prompts: encoded once, answered for each prompt, at the size of the upright image."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pupila.artifacts.bundle.folder import read_bundle
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.bundle.prompter import Encoded, Prompter
from pupila.core.errors import PupilaError
from pupila.tasks.prompt import Prompt
from tests.colours import write_colours, write_pointing
from tests.pictures import Pixels, encoded


def scene() -> Pixels:
    """32 x 64 pixels: green, with a red rectangle of 24 x 16 at (8, 8) and a blue one of 8 x 8 at (48, 16)."""
    picture = np.full((32, 64, 3), (0, 255, 0), np.uint8)
    picture[8:24, 8:32] = (255, 0, 0)
    picture[16:24, 48:56] = (0, 0, 255)
    return picture


def wanted(value: tuple[int, int, int]) -> Pixels:
    return np.asarray((scene() == value).all(axis=2))


@pytest.fixture(scope="module")
def prompter(tmp_path_factory: pytest.TempPathFactory) -> Prompter:
    return Prompter(read_bundle(write_pointing(tmp_path_factory.mktemp("pointing") / "bundle").folder))


@pytest.mark.parametrize(
    ("prompt", "colour"),
    [
        (Prompt(points=((20.5, 15.5),)), (255, 0, 0)),
        (Prompt(points=((52.5, 20.5),), negatives=((20.5, 15.5),)), (0, 0, 255)),
        (Prompt(box=(7.0, 7.0, 33.0, 25.0)), (255, 0, 0)),
    ],
)
def test_what_is_pointed_at_is_answered(
    prompter: Prompter, prompt: Prompt, colour: tuple[int, int, int]
) -> None:
    image = prompter.encode(prompter.prepare(encoded(scene())))
    answer = prompter.answer(image, prompt)
    truth = wanted(colour)
    assert answer.mask.shape == (32, 64) and set(np.unique(answer.mask)) == {0, 1}
    shared = (answer.mask.astype(bool) & truth).sum() / (answer.mask.astype(bool) | truth).sum()
    assert shared > 0.85  # the width was halved and doubled again
    assert answer.confidence > 0.9 and not answer.abstained


def test_of_a_single_point_the_best_of_three_counts_and_else_the_one_mask(prompter: Prompter) -> None:
    image = prompter.encode(prompter.prepare(encoded(scene())))
    assert prompter.answer(image, Prompt(points=((20.0, 15.0),))).quality == pytest.approx(0.8)
    assert prompter.answer(image, Prompt(points=((20.0, 15.0), (30.0, 20.0)))).quality == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("prompt", "told"),
    [
        (Prompt(), "No prompt"),
        (Prompt(negatives=((1.0, 1.0),)), "No prompt"),
        (Prompt(points=((64.0, 1.0),)), r"(?s)outside the image.*64,1.*below 64"),
        (Prompt(box=(5.0, 5.0, 5.0, 9.0)), r"(?s)holds nothing.*5,5,5,9"),
        (Prompt(box=(90.0, 5.0, 95.0, 9.0)), "holds nothing"),
        (Prompt(points=((float("nan"), 1.0),)), "outside the image"),
    ],
)
def test_a_prompt_that_means_nothing_is_refused(prompter: Prompter, prompt: Prompt, told: str) -> None:
    image = prompter.encode(prompter.prepare(encoded(scene())))
    with pytest.raises(PupilaError, match=told):
        prompter.answer(image, prompt)


def test_bundles_of_other_tasks_are_told_apart(prompter: Prompter, tmp_path: Path) -> None:
    with pytest.raises(PupilaError, match=r"(?s)answers to prompts.*--point"):
        Predictor(prompter.bundle)
    with pytest.raises(PupilaError, match=r"(?s)answers no prompts.*pupila-sam"):
        Prompter(write_colours(tmp_path / "bundle"))


def test_what_is_kept_of_an_image_is_its_maps_alone(prompter: Prompter) -> None:
    image = prompter.encode(prompter.prepare(encoded(scene())))
    assert image.image.inputs.base is None and image.image.inputs.size == 0  # nothing holds the pixels
    assert image.nbytes == 3 * 32 * 32 * 4
    valid = np.ones((32, 64), bool)
    assert Encoded(image.maps, replace(image.image, valid=valid)).nbytes == image.nbytes + 32 * 64


def test_on_all_cores_the_same_is_encoded(prompter: Prompter) -> None:
    image = prompter.prepare(encoded(scene()))
    (one,), (other,) = prompter.encode(image).maps, prompter.encode(image, alone=True).maps
    assert (one == other).all()


def test_only_pixels_with_data_count(prompter: Prompter) -> None:
    whole = prompter.prepare(encoded(scene()))
    prompt = Prompt(points=((20.5, 15.5),))
    everywhere = prompter.answer(prompter.encode(whole), prompt)
    assert everywhere.share == pytest.approx(int(everywhere.mask.sum()) / (32 * 64))
    valid = np.zeros((32, 64), bool)
    valid[12:20, 12:28] = True  # inside the red rectangle, where all is sure
    part = prompter.answer(prompter.encode(replace(whole, valid=valid)), prompt)
    assert (part.share, int(part.mask.sum())) == (1.0, 8 * 16)
    assert part.confidence == everywhere.confidence  # of the decoder's cells
    nowhere = prompter.answer(prompter.encode(replace(whole, valid=~valid & valid)), prompt)
    assert (nowhere.share, int(nowhere.mask.sum())) == (0.0, 0)
