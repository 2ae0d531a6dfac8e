"""Masks from prompts: one encoding per image, one decoding per prompt, at the size of the upright image."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pupila.artifacts.bundle.folder import read_bundle
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.bundle.prompter import EncodedImage, Prompter
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


def expected_mask(value: tuple[int, int, int]) -> Pixels:
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
def test_a_prompt_returns_the_mask_of_its_region(
    prompter: Prompter, prompt: Prompt, colour: tuple[int, int, int]
) -> None:
    image = prompter.encode(prompter.preprocess(encoded(scene())))
    prediction = prompter.predict(image, prompt)
    target = expected_mask(colour)
    assert prediction.mask.shape == (32, 64) and set(np.unique(prediction.mask)) == {0, 1}
    shared = (prediction.mask.astype(bool) & target).sum() / (prediction.mask.astype(bool) | target).sum()
    assert shared > 0.85  # the width was halved and doubled again
    assert prediction.confidence > 0.9 and not prediction.abstained


def test_of_a_single_point_the_best_of_three_counts_and_else_the_one_mask(prompter: Prompter) -> None:
    image = prompter.encode(prompter.preprocess(encoded(scene())))
    assert prompter.predict(image, Prompt(points=((20.0, 15.0),))).predicted_iou == pytest.approx(0.8)
    assert prompter.predict(
        image, Prompt(points=((20.0, 15.0), (30.0, 20.0)))
    ).predicted_iou == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        (Prompt(), "The prompt is incomplete"),
        (Prompt(negatives=((1.0, 1.0),)), "The prompt is incomplete"),
        (Prompt(points=((64.0, 1.0),)), r"(?s)outside the image.*64,1.*below 64"),
        (Prompt(box=(5.0, 5.0, 5.0, 9.0)), "has no area: found 5,5,5,9"),
        (Prompt(box=(90.0, 5.0, 95.0, 9.0)), "lies outside the image"),
        (Prompt(points=((float("nan"), 1.0),)), "outside the image"),
    ],
)
def test_an_invalid_prompt_is_refused(prompter: Prompter, prompt: Prompt, message: str) -> None:
    image = prompter.encode(prompter.preprocess(encoded(scene())))
    with pytest.raises(PupilaError, match=message):
        prompter.predict(image, prompt)


def test_bundles_of_other_tasks_are_refused(prompter: Prompter, tmp_path: Path) -> None:
    with pytest.raises(PupilaError, match=r"(?s)needs prompts.*--point"):
        Predictor(prompter.bundle)
    with pytest.raises(PupilaError, match=r"(?s)takes no prompts.*pupila-sam"):
        Prompter(write_colours(tmp_path / "bundle"))


def test_only_the_feature_maps_of_an_image_stay_in_memory(prompter: Prompter) -> None:
    image = prompter.encode(prompter.preprocess(encoded(scene())))
    assert image.image.inputs.base is None and image.image.inputs.size == 0  # nothing holds the pixels
    assert image.nbytes == 3 * 32 * 32 * 4
    valid = np.ones((32, 64), bool)
    assert EncodedImage(image.maps, replace(image.image, valid=valid)).nbytes == image.nbytes + 32 * 64


def test_encoding_on_all_cores_gives_the_same_features(prompter: Prompter) -> None:
    image = prompter.preprocess(encoded(scene()))
    (array,), (other,) = prompter.encode(image).maps, prompter.encode(image, all_cores=True).maps
    assert (array == other).all()


def test_only_pixels_with_data_count(prompter: Prompter) -> None:
    whole = prompter.preprocess(encoded(scene()))
    prompt = Prompt(points=((20.5, 15.5),))
    everywhere = prompter.predict(prompter.encode(whole), prompt)
    assert everywhere.share == pytest.approx(int(everywhere.mask.sum()) / (32 * 64))
    valid = np.zeros((32, 64), bool)
    valid[12:20, 12:28] = True  # inside the red rectangle, where every pixel is certain
    part = prompter.predict(prompter.encode(replace(whole, valid=valid)), prompt)
    assert (part.share, int(part.mask.sum())) == (1.0, 8 * 16)
    assert part.confidence == everywhere.confidence  # of the decoder's cells
    nowhere = prompter.predict(prompter.encode(replace(whole, valid=~valid & valid)), prompt)
    assert (nowhere.share, int(nowhere.mask.sum())) == (0.0, 0)
