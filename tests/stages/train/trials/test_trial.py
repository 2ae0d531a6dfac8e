"""Short trials: the same results for the same plan, stored and repeated; a costly candidate has to win by more."""

import colorsys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pupila
from pupila.api.split import plan_split
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.run.outcomes import Outcomes
from pupila.stages.train import phases
from pupila.stages.train.config import TrainConfig
from pupila.stages.train.preparation import build_network, find_training, prepare_training
from pupila.stages.train.trials import trial
from pupila.stages.train.trials.scores import score_images
from pupila.stages.train.trials.trial import Candidate, TrialResult, Trials, choose, describe

pytestmark = pytest.mark.trials

CANDIDATES = [Candidate("still", {"lr": 1e-12}), Candidate("learning", {"lr": 3e-3})]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Three classes by their hue."""
    folder, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    for number, name in enumerate(("red", "green", "blue")):
        for i in range(16):
            colour = np.array(colorsys.hsv_to_rgb(number / 3 + rng.uniform(-0.1, 0.1), 0.9, 0.9)) * 200
            pixels = np.clip(colour + rng.integers(0, 55, (40, 40, 3)), 0, 255).astype(np.uint8)
            (folder / name).mkdir(exist_ok=True)
            Image.fromarray(pixels).save(folder / name / f"{i}.png")
    return pupila.open(folder)


@pytest.fixture(autouse=True)
def _cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PUPILA_CACHE", str(tmp_path / "cache"))


def prepare(data: Dataset, **split: Any) -> tuple[Any, Trials]:
    config = TrainConfig.parse(
        {"model": "lenet", "image_size": 32, "epochs": 6, "batch_size": 4, "augment": "none"}, "train"
    )
    splits, recipe = plan_split(data, **split), find_training(data, "lenet")
    plan, _ = prepare_training(config, data, splits)
    return plan, Trials(data, splits, lambda some: build_network(some, data, recipe))


def test_the_candidate_that_learns_wins_and_the_decision_is_repeated(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, trials = prepare(data)
    first = trials.run(plan, CANDIDATES)
    assert [result.settings for result in first] == [{"lr": 1e-12}, {"lr": 3e-3}]
    assert len(first[0].scores) == len(trials.split.validation) > 0
    assert first[1].score > first[0].score
    assert choose(first) == first[1]
    assert "learning" in describe(first)
    with monkeypatch.context() as patch:
        patch.setattr(trial, "train_split", None)  # nothing is trained again
        assert trials.run(plan, CANDIDATES) == first
    monkeypatch.setenv("PUPILA_CACHE", str(data.root) + "-other")
    again = trials.run(plan, CANDIDATES)
    assert [result.scores for result in again] == [result.scores for result in first]


def test_an_interrupted_trial_resumes_after_the_last_candidate_that_ended(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, trials = prepare(data)
    trained: list[Any] = []

    def interrupt(trainer: Any, plan: Any, checkpointer: Any) -> Any:
        if len(trained) == 1:
            trained.append("interrupted")
            raise KeyboardInterrupt
        trained.append(plan.lr)
        return phases.train_split(trainer, plan, checkpointer)

    monkeypatch.setattr(trial, "train_split", interrupt)
    with pytest.raises(KeyboardInterrupt):
        trials.run(plan, CANDIDATES)
    assert len(trials.run(plan, CANDIDATES)) == 2
    assert trained == [1e-12, "interrupted", 3e-3]


def test_test_images_are_never_tried(data: Dataset) -> None:
    _, trials = prepare(data)
    used = {*trials.split.train, *trials.split.validation}
    assert used == {row for row, a in enumerate(trials.splits.images) if a.split != "test"}
    _, trials = prepare(data, folds=3)
    folds = [trials.splits.images[row].fold for row in trials.split.validation]
    assert set(folds) == {0}
    assert {trials.splits.images[row].fold for row in trials.split.train} == {1, 2}


def result(*scores: float) -> TrialResult:
    return TrialResult(name="x", settings={}, scores=list(scores), seconds=1)


def test_a_costly_candidate_has_to_win_by_more_than_noise() -> None:
    cheap = result(1, 1, 0, 0, 1, 0, 1, 1)
    # One more right: mean difference 1/8, its standard error 1/8 as well, so it is no more than one of them.
    once = result(1, 1, 1, 0, 1, 0, 1, 1)
    twice = result(1, 1, 1, 1, 1, 0, 1, 1)  # 0.25 against 0.164
    assert choose([cheap, once]) is cheap
    assert choose([cheap, twice]) is twice
    assert choose([cheap, once, twice]) is twice
    assert choose([twice, cheap, once]) is twice
    assert choose([cheap, once], margin=0.5) is once
    assert choose([result(0.0), result(1.0)]).score == 0  # one image says nothing


def test_scores_of_images_by_hand() -> None:
    rows = np.arange(2)
    classes = Outcomes(rows, np.array([0, 1]), np.array([[1, 0], [0, 0]]))
    assert score_images("classify", classes, ["a", "b"]) == [1, 0]
    labels = Outcomes(rows, np.array([[1, 0, -1], [-1, -1, -1]]), np.array([[[2.0, 1, 9], [0, 0, 0]]]))
    # Probabilities 0.881 of a present class and 0.731 of an absent one: 1 - (0.119^2 + 0.731^2) / 2
    assert score_images("multilabel", labels, ["a", "b", "c"]) == pytest.approx([0.7257, 1], abs=1e-4)
    # Class 0: shared 3 of 4 and 3; class 1 of the first image: nothing shared of 0 and 1; the second has class 0 alone.
    masks = Outcomes(rows, np.array([[4, 0], [4, 0]]), np.array([[[[3, 3], [0, 1]], [[4, 4], [0, 0]]]]))
    assert score_images("segment", masks, ["sky", "sea"]) == [0, 1]  # without the background
    counts = np.array([[[[3, 3], [0, 1], [2, 2]]] * 2])
    three = Outcomes(rows, np.array([[4, 0, 2], [4, 0, 2]]), counts)
    assert score_images("segment", three, ["sky", "sea", "sand"]) == pytest.approx([(6 / 7 + 0 + 1) / 3] * 2)
    assert score_images("segment", three, ["background", "sea", "sand"]) == [0.5, 0.5]
    prompts = Outcomes(rows, np.array([1, 1]), np.array([[[0.5, 0.7], [0.0, 1.0]]]))
    assert score_images("prompt", prompts, ["a", "b"]) == pytest.approx([0.6, 0.5])
