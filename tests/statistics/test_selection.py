"""The corrected score of a winner: by hand, against a plain loop, and its bias where the true score is known."""

from dataclasses import replace

import numpy as np
import pytest

from pupila.statistics.intervals import Array, wilson_interval
from pupila.statistics.selection import Candidate, Fold, SelectionScore, correct_selection
from tests.statistics.selecting import Models, accuracy, accuracy_candidates, draw_models


def corrected(right: Array, groups: Array, repeats: int = 400, seed: int = 0) -> SelectionScore:
    return correct_selection(accuracy_candidates(right), accuracy, groups, seed, repeats)


def loop(right: Array, groups: Array, repeats: int, seed: int) -> Array:
    """The definition, resample by resample: (M, E, N) right or wrong to out-of-bag scores."""
    rng, names = np.random.default_rng(seed), np.unique(groups)
    scores = []
    for _ in range(repeats):
        drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)))
        times = drawn[np.searchsorted(names, groups)]
        left = times == 0
        if not left.any():
            continue
        inside = (right * times).sum(axis=-1) / times.sum()
        model, epoch = np.unravel_index(inside.argmax(), inside.shape)
        scores.append(right[model, epoch, left].mean())
    return np.array(scores)


@pytest.mark.parametrize("size", [1, 3])
def test_the_vectorised_correction_is_the_definition(size: int) -> None:
    kind = Models(models=5, images=36, epochs=3, group_size=size, spread=0.05)
    right, _, groups = draw_models(kind, np.random.default_rng(1))
    ours, scores = corrected(right, groups, 300, seed=7), loop(right, groups, 300, seed=7)
    assert ours.corrected.value == pytest.approx(scores.mean(), abs=1e-12)
    assert (ours.corrected.low, ours.corrected.high) == pytest.approx(
        tuple(np.quantile(scores, [0.025, 0.975]))
    )
    assert ours.raw == right.mean(axis=-1).max()
    assert ours.winner == right.mean(axis=-1).max(axis=1).argmax()
    assert (ours.configurations, ours.models, ours.epochs) == (5, 5, 15)
    assert (ours.images, ours.groups) == (36, 36 // size)
    assert ours.optimism == pytest.approx(ours.raw - scores.mean())


def test_two_images_have_the_hand_computed_score() -> None:
    # Each model is right on one of two images. A resample draws one of them twice, or each once (then nothing is
    # left out). Drawn twice, its model is chosen and is wrong on the other image.
    right = np.array([[[True, False]], [[False, True]]])
    ours = corrected(right, np.arange(2))
    assert (ours.raw, ours.corrected.value) == (0.5, 0.0)
    assert ours.corrected.low is None  # too few groups


def test_one_group_is_not_corrected_and_few_have_no_interval() -> None:
    right, _, _ = draw_models(Models(3, 20), np.random.default_rng(0))
    alone = corrected(right, np.zeros(20, dtype=int))
    assert alone.corrected.value is None and alone.optimism is None and alone.raw > 0
    assert corrected(right, np.arange(20) % 9).corrected.low is None
    assert corrected(right, np.arange(20) % 10).corrected.low is not None


def test_where_every_image_is_right_the_interval_is_wilsons() -> None:
    ours = corrected(np.ones((4, 2, 30), dtype=bool), np.arange(30)).corrected
    assert (ours.value, ours.low, ours.high) == (1.0, *wilson_interval(30, 30))


def test_the_seeds_of_a_configuration_are_averaged() -> None:
    rng = np.random.default_rng(3)
    right = rng.random((4, 2, 40)) < np.array([0.95, 0.4, 0.75, 0.75])[:, None, None]
    lone = accuracy_candidates(right)
    pairs = [Candidate(candidate.folds, [8, 8, 3, 3][number]) for number, candidate in enumerate(lone)]
    ours = correct_selection(pairs, accuracy, np.arange(40))
    best = right.mean(axis=-1).max(axis=1)
    assert ours.winner == 3 and ours.raw == pytest.approx(best[2:].mean())
    assert (ours.configurations, ours.models) == (2, 4)
    assert correct_selection(lone, accuracy, np.arange(40)).winner == 0


def test_folds_choose_their_epochs_apart_and_are_scored_together() -> None:
    # fold 0 is best in epoch 1, fold 1 in epoch 0: together 3 of 4 and 3 of 3 images
    first = np.array([[1, 0, 0, 0], [1, 1, 1, 0]])
    second = np.array([[1, 1, 1], [0, 0, 0]])
    folds = []
    for right, places in ((first, [6, 4, 2, 0]), (second, [1, 3, 5])):
        (candidate,) = accuracy_candidates(right[None])
        folds.append(Fold(np.array(places), candidate.folds[0].totals, 2, 2))
    ours = correct_selection([Candidate(folds, 0)], accuracy, np.arange(7))
    assert ours.raw == pytest.approx(6 / 7) and ours.epochs == 2


def test_scores_that_are_not_measurable_are_never_chosen() -> None:
    right, _, groups = draw_models(Models(2, 30), np.random.default_rng(0))

    def partly(totals: Array) -> Array:
        return np.where(totals[..., 0] < 0.3 * totals[..., 1], np.nan, accuracy(totals))

    right[0] = False
    ours = correct_selection(accuracy_candidates(right), partly, groups)
    assert ours.winner == 1 and ours.corrected.value is not None


def test_the_parts_in_memory_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    right, _, groups = draw_models(Models(3, 40, epochs=5), np.random.default_rng(2))
    whole = corrected(right, groups)
    monkeypatch.setattr("pupila.statistics.selection._NUMBERS_AT_ONCE", 70)
    assert corrected(right, groups) == whole
    assert corrected(right, groups, seed=1) != whole


def simulate(kind: Models, draws: int, repeats: int) -> tuple[Array, Array, Array]:
    """Bias of the raw and of the corrected score, in points, and whether the interval covers the true score."""
    rng = np.random.default_rng(23)
    rows = []
    for _ in range(draws):
        right, accuracies, groups = draw_models(kind, rng)
        model, epoch = np.unravel_index(right.mean(axis=-1).argmax(), accuracies.shape)
        score, true = corrected(right, groups, repeats), float(accuracies[model, epoch])
        estimate = score.corrected
        assert estimate.value is not None and estimate.low is not None and estimate.high is not None
        rows.append(
            [100 * (score.raw - true), 100 * (estimate.value - true), estimate.low <= true <= estimate.high]
        )
    raw, bias, covered = np.array(rows).T
    return raw, bias, covered


def test_a_short_simulation_has_the_promised_bias() -> None:
    raw, bias, covered = simulate(Models(12, 78, epochs=3, spread=0.02), draws=50, repeats=120)
    assert raw.mean() > 3  # the winner's curse
    assert -2 < bias.mean() < 0.5 and covered.mean() > 0.9


USUAL = Models(1, 1, spread=0.02)
KINDS = {
    "equal": replace(USUAL, spread=0.0), "unequal": USUAL, "far": replace(USUAL, spread=0.05),
    "groups": replace(USUAL, group_size=3), "epochs": replace(USUAL, epochs=15), "alike": replace(USUAL, shared=0.7),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("images", [78, 300])
@pytest.mark.parametrize("models", [1, 12, 40])
def test_the_mean_bias_is_small_for_any_number_of_models(models: int, images: int, kind: str) -> None:
    draws = {1: 3000, 12: 600, 40: 300}[models]  # so that the mean bias is known to 0.15 points
    raw, bias, covered = simulate(replace(KINDS[kind], models=models, images=images), draws, repeats=200)
    print(f"raw {raw.mean():+.2f}, corrected {bias.mean():+.2f}, covered {covered.mean():.3f}")
    assert -2 < bias.mean() < 0.5
    assert covered.mean() > 0.9
