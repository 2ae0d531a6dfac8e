"""Successive halving: rungs by hand, the best are promoted, ties and failures are reported."""

import math

import pytest

from pupila.core.errors import PupilaError
from pupila.experiments.configurations import CellScore, Configuration, run_configurations
from pupila.experiments.halving import (
    HalvingOptions,
    choose,
    describe_halving,
    describe_rungs,
    halve,
    plan_rungs,
    shorten,
)
from pupila.experiments.parse_space import parse_space
from pupila.experiments.search import search
from pupila.experiments.study import Sampling, open_journal
from tests.experiments.searching import Runner

EPOCHS = {"epochs": 9}


@pytest.mark.parametrize(
    ("configurations", "epochs", "factor", "expected"),
    [
        # Li et al. 2018, table 1: the bracket s = 4 of R = 81 and eta = 3
        (81, 81, 3, [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)]),
        (9, 9, 3, [(9, 1), (3, 3), (1, 9)]),
        (27, 9, 3, [(27, 1), (9, 3), (3, 9)]),  # epochs end before configurations
        (4, 100, 3, [(4, 34), (1, 100)]),  # configurations end before epochs
        (2, 100, 3, [(2, 100)]),  # too few to halve
        (8, 20, 2, [(8, 3), (4, 5), (2, 10), (1, 20)]),  # 2.5 epochs are 3
    ],
    ids=["paper", "square", "few epochs", "few configurations", "none", "rounded"],
)
def test_rungs_divide_configurations_and_multiply_epochs(
    configurations: int, epochs: int, factor: int, expected: list[tuple[int, int]]
) -> None:
    rungs = plan_rungs(HalvingOptions(factor), configurations, epochs)
    assert [(r.configurations, shorten({"epochs": epochs}, r.share)["epochs"]) for r in rungs] == expected


def test_the_first_rung_has_the_least_epochs_that_a_user_allows() -> None:
    rungs = plan_rungs(HalvingOptions(3, min_epochs=4), 81, 40)
    assert [shorten({"epochs": 40}, rung.share)["epochs"] for rung in rungs] == [5, 14, 40]
    assert describe_rungs(rungs, {"epochs": 40}) == (
        "Successive halving of 81 configurations: 81 with 5 epochs, 27 with 14 epochs, 9 with 40 epochs."
    )


def test_every_phase_is_shortened_and_has_an_epoch_left() -> None:
    assert shorten({"epochs": 3, "finetune_epochs": 24}, 1 / 9) == {"epochs": 1, "finetune_epochs": 3}
    assert shorten({"epochs": 3, "finetune_epochs": 24}, 1.0) == {"epochs": 3, "finetune_epochs": 24}


@pytest.mark.parametrize(
    ("factor", "least", "text"), [(1, 1, "--halving 1"), (3, 0, "--min-epochs 0"), (3, 10, "1 to 9")]
)
def test_what_halves_nothing_is_refused(factor: int, least: int, text: str) -> None:
    with pytest.raises(PupilaError, match=text):
        plan_rungs(HalvingOptions(factor, least), 9, 9)


def test_the_best_of_each_rung_are_promoted_to_more_epochs() -> None:
    # the score is the width times the epochs over nine: 8, 7 and 6 are promoted, then 8 alone
    runner = Runner(lambda settings: CellScore("completed", settings["head_width"] * settings["epochs"] / 9))
    widths = [3, 8, 1, 6, 4, 7, 2, 5, 0.5]
    rungs = plan_rungs(HalvingOptions(3), 9, 9)
    configurations = [Configuration({"head_width": width}, number) for number, width in enumerate(widths)]
    first = run_configurations(
        configurations, runner, rung=0, extra=lambda _: shorten(EPOCHS, rungs[0].share)
    )
    halved = halve(first, rungs, runner, lambda _: EPOCHS)
    assert [result.rung for result in halved.configurations] == [0, 2, 0, 1, 0, 1, 0, 0, 0]
    assert halved.configurations[1].score == 8.0
    assert [result.configuration.trial for result in halved.rungs[1]] == [1, 3, 5]
    assert [(e.rung, e.trial, e.settings["epochs"]) for e in runner.entries[9:]] == [
        (1, 1, 3), (1, 3, 3), (1, 5, 3), (2, 1, 9),
    ]  # fmt: skip
    assert describe_halving(halved, rungs) == []


def test_ties_and_failures_are_reported() -> None:
    # of 0.5, 0.5, failed, 0.9 two are promoted: 0.9, and of the equal ones the first; then 0.9 alone
    scores: list[float | None] = [0.5, 0.5, None, 0.9]
    runner = Runner(
        lambda settings: CellScore("completed" if settings["value"] else "failed", settings["value"])
    )
    rungs = plan_rungs(HalvingOptions(2), 4, 4)
    first = run_configurations([Configuration({"value": score}) for score in scores], runner)
    halved = halve(first, rungs, runner, lambda _: {"epochs": 4})
    assert [result.rung for result in halved.configurations] == [1, 0, 0, 2]
    assert describe_halving(halved, rungs) == [
        "1 configuration failed in rung 0 and ended there.",
        "Rung 0 had equal scores of 0.500 on both sides of the cut: the first of these configurations was promoted.",
    ]


def test_where_all_fail_nobody_is_promoted() -> None:
    runner = Runner(lambda settings: CellScore("failed"))
    first = run_configurations([Configuration({"seed": n}) for n in range(4)], runner)
    halved = halve(first, plan_rungs(HalvingOptions(2), 4, 4), runner, lambda _: {"epochs": 4})
    assert ([r.rung for r in halved.configurations], len(halved.rungs)) == ([0, 0, 0, 0], 1)
    assert choose(halved.configurations, [0, 1], 1) == []


def test_a_rung_waits_for_those_that_the_budget_did_not_reach() -> None:
    runner = Runner(lambda settings: CellScore("pending"))
    first = run_configurations([Configuration({"seed": n}) for n in range(4)], runner)
    assert len(halve(first, plan_rungs(HalvingOptions(2), 4, 4), runner, lambda _: {"epochs": 4}).rungs) == 1


def test_a_search_learns_from_the_scores_of_the_first_rung(tmp_path: object) -> None:
    def score(settings: dict[str, float]) -> CellScore:
        return CellScore("completed", settings["epochs"] - abs(math.log10(settings["lr"]) + 2))

    space, runner = parse_space(ranges={"lr": "0.0001..0.1:log"}), Runner(score)  # type: ignore[arg-type]
    rungs = plan_rungs(HalvingOptions(3), 9, 9)
    with open_journal(str(tmp_path), space, Sampling("tpe", 1)) as journal:
        first = search(journal, 9, runner, rung=0, extra=lambda _: shorten(EPOCHS, rungs[0].share))
        assert all(result.rung == 0 and (result.score or 9) <= 1 for result in first)
        halved = halve(first, rungs, runner, lambda _: EPOCHS)
        assert [trial.score for trial in journal.trials()] == [result.score for result in first]
    assert sorted(result.rung or 0 for result in halved.configurations) == [0] * 6 + [1, 1, 2]
    best = max(halved.configurations, key=lambda result: result.score or 0)
    assert best.configuration.trial == max(first, key=lambda result: result.score or 0).configuration.trial
