"""The corrected score of a sweep's winner, from what each epoch of each run made of the validation images."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pupila.artifacts.run.folder import Run
from pupila.artifacts.run.outcomes import Outcomes, compact_indices, write_outcomes
from pupila.experiments.outcomes.correct import _affordable_resamples, correct_winner
from pupila.experiments.outcomes.scorers import OUTCOME_SCORERS
from pupila.statistics.intervals import Array
from pupila.statistics.metrics.classify import confusion, macro_f1
from pupila.statistics.metrics.multilabel import mean_average_precision
from pupila.statistics.metrics.segment import confusion_counts, selection_score
from pupila.statistics.selection import Candidate, Fold
from pupila.tasks import TASKS

EPOCHS, IMAGES = 4, 23


def classes() -> tuple[Outcomes, list[float], int]:
    """Outcomes of every epoch, the metric of each by the function that training uses, and the number of classes."""
    rng = np.random.default_rng(5)
    targets, predictions = rng.integers(0, 3, IMAGES), rng.integers(0, 3, (EPOCHS, IMAGES))
    scores = [float(macro_f1(confusion(targets, row, 3))) for row in predictions]
    return (
        Outcomes(np.arange(IMAGES), compact_indices(targets), compact_indices(predictions)), scores, 3,
    )  # fmt: skip


def labels() -> tuple[Outcomes, list[float], int]:
    rng = np.random.default_rng(5)
    targets = rng.integers(-1, 2, (IMAGES, 3)).astype(np.int8)
    logits = rng.standard_normal((EPOCHS, IMAGES, 3)).astype(np.float32).round(1)  # some are equal
    scores = [mean_average_precision(targets, row) for row in logits]
    assert None not in scores
    return Outcomes(np.arange(IMAGES), targets, logits), [float(score or 0) for score in scores], 3


def masks(classes: int) -> tuple[Outcomes, list[float], int]:
    rng = np.random.default_rng(5)
    most = classes if classes == 2 else classes - 1  # a class that no target has counts nowhere
    targets = rng.integers(0, most, (IMAGES, 4, 4)).astype(np.uint8)
    targets[0], targets[1] = 255, 0  # nothing labelled, nothing there
    rows, scores = [], []
    for _ in range(EPOCHS):
        predicted = rng.integers(0, classes, (IMAGES, 4, 4)).astype(np.uint8)
        predicted[1] = 0
        counts = np.stack([confusion_counts(*pair, classes) for pair in zip(targets, predicted, strict=True)])
        rows.append(np.stack([np.diagonal(counts, axis1=1, axis2=2), counts.sum(axis=1)], axis=-1))
        scores.append(selection_score(counts))
    return Outcomes(np.arange(IMAGES), counts.sum(axis=2), np.stack(rows)), scores, classes


def prompts() -> tuple[Outcomes, list[float], int]:
    rng = np.random.default_rng(5)
    values = rng.random((EPOCHS, IMAGES, 2)).astype(np.float32)
    rows = np.repeat(np.arange(IMAGES), 2)[:IMAGES]  # two targets in most images
    return Outcomes(rows, np.ones(IMAGES, np.uint8), values), values.mean(axis=(1, 2)).tolist(), 2


DRAWN = {
    "classify": classes, "multilabel": labels, "segment": lambda: masks(2), "segment-3": lambda: masks(4),
    "prompt": prompts,
}  # fmt: skip


def resampled(own: Outcomes, times: Array) -> Outcomes:
    """With each image as often as `times` says."""
    places = np.repeat(np.arange(IMAGES), times)
    return Outcomes(own.rows[places], own.targets[places], own.values[:, places])


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_a_scorer_has_the_metric_of_the_training_and_counts_by_weight(name: str) -> None:
    own, expected, count = DRAWN[name]()
    scorer = OUTCOME_SCORERS[name.partition("-")[0]]
    totals = scorer.totals(own, count)(np.ones((1, IMAGES)))
    assert totals.shape == (1, EPOCHS, scorer.sums(count))
    assert scorer.score(totals)[0] == pytest.approx(expected)
    times = np.random.default_rng(6).integers(0, 4, (3, IMAGES))
    weighted = scorer.score(scorer.totals(own, count)(times.astype(float)))
    for row, scores in zip(times, weighted, strict=True):
        copies = resampled(own, row)
        alone = scorer.score(scorer.totals(copies, count)(np.ones((1, row.sum()))))
        assert scores == pytest.approx(alone[0])
    assert np.isnan(scorer.score(scorer.totals(own, count)(np.zeros((1, IMAGES))))).all()


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_the_epochs_in_memory_change_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    own, _, count = DRAWN[name]()
    scorer, weights = OUTCOME_SCORERS[name.partition("-")[0]], np.random.default_rng(6).random((5, IMAGES))
    whole = scorer.totals(own, count)(weights)
    monkeypatch.setattr("pupila.experiments.outcomes.scorer._NUMBERS_AT_ONCE", 1)
    assert scorer.totals(own, count)(weights) == pytest.approx(whole, abs=1e-9)


def test_every_task_has_a_scorer() -> None:
    assert OUTCOME_SCORERS.keys() == TASKS.keys()


def write_run(folder: Path, parts: dict[str, Outcomes]) -> Run:
    folder.mkdir()
    write_outcomes(str(folder), parts)
    run = Run(str(folder))
    run.__dict__["plan"] = SimpleNamespace(task="classify", classes=["a", "b"])
    return run


def guesses(seed: int, rows: list[int], epochs: int, chance: float = 0.5) -> Outcomes:
    """Predictions of two classes that are right by chance."""
    rng = np.random.default_rng(seed)
    targets = np.array(rows) % 2
    wrong = rng.random((epochs, len(rows))) >= chance
    return Outcomes(np.array(rows), targets.astype(np.uint8), (targets ^ wrong).astype(np.uint8))


def test_the_best_of_many_guesses_is_corrected_to_a_guess(tmp_path: Path) -> None:
    rows = list(range(10, 110))  # of a data set with 200 rows
    runs = [
        write_run(tmp_path / f"{number}", {
            "head": guesses(number, rows, 6), "finetune": guesses(number + 99, rows, 3),
        }) for number in range(8)
    ]  # fmt: skip
    runs.append(write_run(tmp_path / "untrained", {}))
    winner = correct_winner(runs, [0, 0, 1, 1, 2, 3, 4, 5, 6], np.arange(200))
    assert winner is not None and winner.left_out == [8]
    score = winner.score
    assert (score.configurations, score.models, score.epochs, score.images) == (6, 8, 72, 100)
    assert score.raw > 0.58 and score.corrected.value == pytest.approx(0.5, abs=0.03)
    assert score.corrected.low is not None and score.corrected.low < 0.5
    grouped = correct_winner(runs, list(range(9)), np.arange(200) // 4)
    assert grouped is not None and grouped.score.groups == 26
    again = correct_winner(runs, [0, 0, 1, 1, 2, 3, 4, 5, 6], np.arange(200))
    assert again == winner


def test_with_folds_all_images_of_all_folds_count(tmp_path: Path) -> None:
    folds = {f"fold{fold}-head": guesses(fold, list(range(fold, 90, 3)), 2, 0.9) for fold in range(3)}
    winner = correct_winner([write_run(tmp_path / "run", folds)], [0], np.arange(90))
    assert winner is not None and winner.score.images == 90 and winner.score.epochs == 2
    best = [
        max(own.values, key=lambda row: macro_f1(confusion(own.targets, row, 2))) for own in folds.values()
    ]
    targets = np.concatenate([own.targets for own in folds.values()])
    assert winner.score.raw == pytest.approx(float(macro_f1(confusion(targets, np.concatenate(best), 2))))


def test_runs_without_outcomes_have_no_corrected_score(tmp_path: Path) -> None:
    assert correct_winner([write_run(tmp_path / "run", {})], [0], np.arange(9)) is None


def test_the_number_of_resamples_is_a_rule_of_sizes() -> None:
    def candidate(epochs: int, sums: int) -> Candidate:
        return Candidate([Fold(np.arange(3), lambda weights: weights, epochs, sums)], 0)

    assert _affordable_resamples([candidate(20, 6)] * 40, 300) == 2000
    assert _affordable_resamples([candidate(50, 40)] * 40, 1000) == 250
    assert _affordable_resamples([candidate(50, 400)] * 400, 1000) == 200


@pytest.mark.slow
@pytest.mark.parametrize("images", [78, 300])
@pytest.mark.parametrize("models", [1, 12, 40])
def test_the_mean_bias_of_macro_f1_is_small(models: int, images: int) -> None:
    """As of accuracy, which `tests/statistics` simulates: here a metric that is no mean over images."""
    from pupila.statistics.selection import correct_selection

    rng, scorer, biases = np.random.default_rng(7), OUTCOME_SCORERS["classify"], []
    for _ in range({1: 3000, 12: 500, 40: 250}[models]):
        chances = np.clip(0.85 + 0.03 * rng.standard_normal(models), 0.5, 0.99)
        targets = (rng.random(images) < 0.3).astype(np.uint8)
        right = rng.random((models, images)) < chances[:, None]
        outcomes = Outcomes(np.arange(images), targets, np.where(right, targets, 1 - targets)[None])
        candidates = [
            Candidate([Fold(np.arange(images), scorer.totals(
                Outcomes(outcomes.rows, targets, outcomes.values[:, number]), 2), 1, scorer.sums(2))], number)
            for number in range(models)
        ]  # fmt: skip
        score = correct_selection(candidates, scorer.score, np.arange(images), repeats=200)
        chance = chances[score.winner]
        expected = np.array([[0.7 * chance, 0.7 * (1 - chance)], [0.3 * (1 - chance), 0.3 * chance]])
        assert score.corrected.value is not None
        biases.append(100 * (score.corrected.value - float(macro_f1(expected))))
    print(f"corrected {np.mean(biases):+.2f}")
    assert -2 < np.mean(biases) < 0.5
