"""How an image becomes the input of a classifier: squash or crop by a probe, and the same in training and serving."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import pupila
from pupila.artifacts.bundle.architecture import Weights
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.errors import PupilaError
from pupila.imaging.images.decode import Array
from pupila.imaging.images.preprocess import Preprocessing, fit_image
from pupila.learning.models.classify import build_classifier
from pupila.learning.models.network import Network
from pupila.stages.train import inputs
from pupila.stages.train.planning.classify import CLASSIFY_PLANNER
from pupila.stages.train.planning.inputs import prepare_inputs
from pupila.stages.train.task_settings.classify import ClassifyTrainSettings
from pupila.stages.train.trials.trial import Trials
from pupila.tasks.classify import ClassPrediction
from tests.pictures import write_classes

OWN = Preprocessing(height=8, width=8, fit="crop", crop_share=0.875)


def make_network(pretrained: bool = True) -> Network:
    torch.manual_seed(0)
    created = build_classifier(ClassifyTrainSettings(model="lenet"), 2, image_size=32)
    source = "file: x.safetensors" if pretrained else "none"
    return replace(created, preprocessing=OWN, weights=Weights(source=source))


def draw(folder: Path, place: str, size: tuple[int, int]) -> tuple[Dataset, list[Array]]:
    """20 noisy images of two classes, one of which has a bright rectangle at the border or, small, in the centre."""
    rng, images = np.random.default_rng(0), []
    for name in ("with", "without"):
        (folder / name).mkdir(parents=True)
        for number in range(20):
            pixels = rng.integers(0, 60, (size[1], size[0], 3), dtype=np.uint8)
            if name == "with":
                left = 0 if place == "border" else size[0] // 2 - 2
                pixels[size[1] // 2 - 2 : size[1] // 2 + 2, left : left + 4] = 250
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    data = pupila.open(folder)
    images = [data.pixels(row) for row in range(len(data))]
    return data, images


def make_trials(data: Dataset) -> Any:
    assigned = [SimpleNamespace(split="train", fold=None, component=row) for row in range(len(data))]
    return Trials(data, SimpleNamespace(images=assigned), lambda plan: make_network())  # type: ignore[arg-type]


@pytest.mark.parametrize(("place", "fit"), [("border", "squash"), ("centre", "crop")])
def test_an_object_at_the_border_is_not_cropped_off_and_a_small_one_in_the_centre_is_enlarged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, fit: str
) -> None:
    data, images = draw(tmp_path, place, (96, 16))

    def encode(settings: Any, network: Any, trials: Any, rows: list[int], kinds: list[Any]) -> list[Array]:
        """The pixels themselves."""
        return [
            np.stack([fit_image(images[row], spec).reshape(-1) / 255 for row in rows]) for spec, *_ in kinds
        ]

    monkeypatch.setattr(inputs, "_encode", encode)
    choose = CLASSIFY_PLANNER.choose_fit
    assert choose is not None
    picked, reason = choose(ClassifyTrainSettings(), make_network(), make_trials(data))
    assert picked == fit
    assert reason.startswith("R2 of a linear probe on 40 training images: ")


def test_nothing_is_tried_where_a_rule_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "_encode", None)  # a call would fail
    choose = CLASSIFY_PLANNER.choose_fit
    assert choose is not None
    trials = make_trials(draw(tmp_path / "square", "centre", (20, 18))[0])
    settings, network = ClassifyTrainSettings(), make_network()
    assert choose(settings, network, trials) == (
        "squash", "the whole image, as an object may be at the border; most images are almost square",
    )  # fmt: skip
    assert choose(settings, network, None)[0] == "squash"
    assert choose(settings, make_network(pretrained=False), trials)[0] == "squash"
    assert choose(ClassifyTrainSettings(epochs=0), network, None) == ("crop", "that of the weights")
    few = make_trials(pupila.open(write_classes(tmp_path / "few", {"a": 3, "b": 3})))
    assert "too few groups" in choose(settings, network, few)[1]


def draw_bars(folder: Path, places: dict[str, str]) -> tuple[Dataset, list[Array]]:
    """Noisy images of two classes with a bright bar at the left, at the right, at the top or at the bottom."""
    rng = np.random.default_rng(0)
    at: dict[str, Any] = {
        "left": np.s_[:, :4],
        "right": np.s_[:, -4:],
        "top": np.s_[:4],
        "bottom": np.s_[-4:],
    }
    for name, place in places.items():
        (folder / name).mkdir(parents=True)
        for number in range(20):
            pixels = rng.integers(0, 60, (16, 16, 3), dtype=np.uint8)
            pixels[at[place]] = 200
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    data = pupila.open(folder)
    return data, [data.pixels(row) for row in range(len(data))]


@pytest.mark.parametrize(("places", "expected"), [(("left", "right"), "none"), (("top", "bottom"), "A1")])
def test_views_that_change_what_an_image_shows_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, places: tuple[str, str], expected: str
) -> None:
    data, images = draw_bars(tmp_path, dict(zip(("a", "b"), places, strict=True)))

    def encode(settings: Any, network: Any, trials: Any, rows: list[int], kinds: list[Any]) -> list[Array]:
        """The pixels themselves; every view is mirrored in half of the images."""
        flip = [lambda row: row % 2 == 0, lambda row: row % 3 == 0, lambda row: row % 5 < 3]
        return [
            np.stack([images[r][:, ::-1 if v is not None and flip[v](r) else 1].reshape(-1) / 255 for r in rows])
            for _, preset, v in kinds
        ]  # fmt: skip

    monkeypatch.setattr(inputs, "_encode", encode)
    choose = CLASSIFY_PLANNER.choose_augment
    assert choose is not None
    settings = ClassifyTrainSettings(augmented_views=4)
    picked, reason = choose(settings, make_network(), make_trials(data), "A1")
    assert picked == expected
    assert ("they change what the images show" in reason) == (expected == "none")


def test_views_are_not_compared_where_there_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "_encode", None)  # a call would fail
    choose = CLASSIFY_PLANNER.choose_augment
    assert choose is not None
    trials = make_trials(draw(tmp_path / "square", "centre", (20, 18))[0])
    for settings in (ClassifyTrainSettings(augmented_views=1), ClassifyTrainSettings()):
        assert choose(settings, make_network(), trials, "A1") == ("A1", "default")
    views = ClassifyTrainSettings(augmented_views=4)
    assert choose(views, make_network(pretrained=False), trials, "A1") == ("A1", "default")
    few = make_trials(pupila.open(write_classes(tmp_path / "few", {"a": 3, "b": 3})))
    assert choose(views, make_network(), few, "A1") == ("A1", "default")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, OWN),
        ({"fit": "squash"}, OWN.model_copy(update={"fit": "squash", "crop_share": 1.0})),
        ({"fit": "pad"}, OWN.model_copy(update={"fit": "pad", "crop_share": 1.0, "padding": "mean"})),
        ({"fit": "crop"}, OWN),
        ({"fit": "crop", "crop_share": 1.0}, OWN.model_copy(update={"crop_share": 1.0})),
        ({"interpolation": "lanczos"}, OWN.model_copy(update={"interpolation": "lanczos"})),
    ],
)
def test_what_is_set_replaces_what_the_weights_were_made_for(
    given: dict[str, Any], expected: Preprocessing
) -> None:
    assert prepare_inputs(ClassifyTrainSettings(**given), OWN) == expected


def test_a_share_without_a_crop_is_refused(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "data", {"a": 8, "b": 8})
    with pytest.raises(PupilaError, match="Conflicting settings"):
        pupila.train(folder, out=tmp_path / "run", model="lenet", crop_share=0.9)


@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_serving_prepares_images_as_training_did(tmp_path: Path, fit: Any) -> None:
    folder = write_classes(tmp_path / "data", {"a": 10, "b": 10})
    run = pupila.train(folder, out=tmp_path / "run", model="lenet", weights="none", image_size=32, epochs=1,
                       precision="float32", fit=fit, interpolation="bicubic")  # fmt: skip
    spec, plan = run.bundle.info.preprocessing, run.plan.model_dump()
    assert (spec.fit, spec.interpolation, plan["fit"]) == (fit, "bicubic", fit)
    frame = run.out_of_fold
    served = [p for _, p in Predictor(run.bundle).stream(str(folder / name) for name in frame["image"])]
    assert np.stack([p.logits for p in served if isinstance(p, ClassPrediction)]) == pytest.approx(
        frame.select("logit:a", "logit:b").to_numpy(), abs=1e-3
    )
