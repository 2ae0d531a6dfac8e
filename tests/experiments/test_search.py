"""Searches: every suggestion follows from seed, number and journal; kills and interrupts change nothing."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import optuna
import pytest

from pupila.artifacts.sweep.definition import Axis as AxisRecord
from pupila.core.errors import PupilaError
from pupila.experiments.configurations import CellScore, Scored
from pupila.experiments.parse_space import parse_space
from pupila.experiments.search import describe_search, round_end, search
from pupila.experiments.space import Space, read_axis
from pupila.experiments.study import (
    JOURNAL_FILE,
    STUDY,
    Journal,
    Sampling,
    Trial,
    open_journal,
    stored_round_size,
)
from tests.experiments.searching import Runner, conditional_space, outcomes, smooth_score

TRIALS = 15
SERIAL, SIDE_BY_SIDE, RANDOM = Sampling("tpe", 7), Sampling("tpe", 7, 3), Sampling("random", 7)


def run_search(folder: Path, sampling: Sampling, runner: Runner, trials: int = TRIALS) -> list[Trial]:
    with open_journal(str(folder), conditional_space(), sampling) as journal:
        search(journal, trials, runner)
        return journal.trials()


@cache
def undisturbed(sampling: Sampling) -> tuple[list[Trial], list[str]]:
    with TemporaryDirectory() as folder:
        trials = run_search(Path(folder), sampling, Runner())
        return trials, (Path(folder) / JOURNAL_FILE).read_text().splitlines(keepends=True)


def test_trials_lie_in_the_space_and_have_the_scores_of_their_cells() -> None:
    trials, _ = undisturbed(SERIAL)
    assert [trial.number for trial in trials] == list(range(TRIALS))
    assert all(trial.finished for trial in trials)
    for trial in trials:
        configuration = trial.configuration
        assert set(configuration) == {"batch_size", "optimizer", "dropout"} | (
            {"lr"} if configuration["optimizer"] == "sgd" else set()
        )
        assert 1e-4 <= configuration.get("lr", 0.01) <= 0.1
        assert configuration["dropout"] in (0, 0.1, 0.2, 0.3, 0.4, 0.5)
        assert trial.score == smooth_score(configuration).score
    assert any(trial.score is None for trial in trials)  # a failed one is reported as failed
    assert any(trial.score == 0.1 for trial in trials)  # a collapsed one counts


@pytest.mark.parametrize("sampling", [SERIAL, SIDE_BY_SIDE, RANDOM], ids=["serial", "side by side", "random"])
@pytest.mark.parametrize("share", [0.1, 0.4, 0.65, 0.8, 0.95])
def test_a_kill_between_any_two_lines_of_the_journal_changes_no_suggestion(
    tmp_path: Path, sampling: Sampling, share: float
) -> None:
    trials, lines = undisturbed(sampling)
    count = round(share * len(lines))
    torn = lines[count][: len(lines[count]) // 2]
    (tmp_path / JOURNAL_FILE).write_text("".join(lines[:count]) + torn)
    (tmp_path / f"{JOURNAL_FILE}.lock").touch()  # Optuna's, of the killed process: it would wait for it
    assert outcomes(run_search(tmp_path, sampling, Runner())) == outcomes(trials)


@pytest.mark.parametrize("batch", [0, 1, 2])
def test_an_interrupt_leaves_its_trials_to_the_next_call(tmp_path: Path, batch: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_search(tmp_path, SIDE_BY_SIDE, Runner(kill_at=batch))
    with open_journal(str(tmp_path), conditional_space(), SIDE_BY_SIDE) as journal:
        waiting = [trial for trial in journal.trials() if not trial.finished]
        assert len(waiting) == (10 if batch == 0 else min(3, TRIALS - 10 - 3 * (batch - 1)))
    assert outcomes(run_search(tmp_path, SIDE_BY_SIDE, Runner())) == outcomes(undisturbed(SIDE_BY_SIDE)[0])


def test_more_trials_continue_where_a_search_ended(tmp_path: Path) -> None:
    run_search(tmp_path, SERIAL, Runner(), trials=12)
    runner = Runner()
    assert outcomes(run_search(tmp_path, SERIAL, runner)) == outcomes(undisturbed(SERIAL)[0])
    assert [entry.trial for entry in runner.entries] == list(
        range(TRIALS)
    )  # stored cells are read, by their owner


def test_random_suggestions_are_one_round_and_those_of_tpe_are_rounds_of_the_jobs() -> None:
    with journal_of(SIDE_BY_SIDE) as journal:
        assert [round_end(journal, n) for n in (0, 9, 10, 12, 13)] == [10, 10, 13, 13, 16]
    with journal_of(RANDOM) as journal:
        assert round_end(journal, 0) > TRIALS
    # the first ten of tpe are random ones: how many run side by side does not change them
    first = [[trial.configuration for trial in undisturbed(s)[0][:10]] for s in (SERIAL, SIDE_BY_SIDE)]
    assert first[0] == first[1]


@contextmanager
def journal_of(sampling: Sampling, space: Space | None = None) -> Iterator[Journal]:
    with (
        TemporaryDirectory() as folder,
        open_journal(folder, space or conditional_space(), sampling) as journal,
    ):
        yield journal


def test_other_seeds_suggest_otherwise() -> None:
    with journal_of(Sampling("random", 1)) as first, journal_of(Sampling("random", 2)) as second:
        assert first.suggest().configuration != second.suggest().configuration


def test_suggestions_close_in_on_the_best(tmp_path: Path) -> None:
    with open_journal(
        str(tmp_path), parse_space(ranges={"lr": "0.0001..0.1:log"}), Sampling("tpe", 0)
    ) as journal:
        runner = Runner(lambda settings: CellScore("completed", -abs(settings["lr"] - 0.003)))
        scored = search(journal, 30, runner)
    distances = [abs(result.configuration.settings["lr"] - 0.003) for result in scored]
    assert sum(distances[20:]) < sum(distances[:10]) / 2


def test_optuna_reads_the_journal_as_its_own(tmp_path: Path) -> None:
    run_search(tmp_path, SERIAL, Runner(), trials=4)
    backend = optuna.storages.journal.JournalFileBackend(str(tmp_path / JOURNAL_FILE))
    study = optuna.load_study(study_name=STUDY, storage=optuna.storages.JournalStorage(backend))
    assert [trial.params.get("batch_size") for trial in study.trials] == [
        trial.configuration["batch_size"] for trial in undisturbed(SERIAL)[0][:4]
    ]
    assert study.best_value == max(trial.score or -1 for trial in undisturbed(SERIAL)[0][:4])


def test_a_small_space_is_tried_to_its_end_and_no_further() -> None:
    space = parse_space({"optimizer": ["adam", "sgd"], "options.pad_type": ["same", ""]})
    runner = Runner(lambda settings: CellScore("completed", float(settings["optimizer"] == "sgd")))
    with journal_of(Sampling("random", 3), space) as journal:
        scored = search(journal, 200, runner)
    assert len(runner.results) == 4  # equal cells ran once
    assert len(scored) < 200
    sentences = describe_search(scored, 200, space.size)
    assert (
        sentences[1]
        == f"{len(scored) - 4} of them repeated an earlier configuration, whose stored result counted."
    )
    assert sentences[2] == "The search ended before trial 200: all 4 configurations of the space were tried."


def test_each_configuration_is_scored_by_the_mean_over_its_seeds() -> None:
    space = parse_space({"seed": [1, 2, 3], "lr": [0.1]})
    runner = Runner(lambda settings: CellScore("completed", float(settings["seed"] ** 2)))
    with journal_of(Sampling("random", 3), space.without("seed")) as journal:
        (result,) = search(journal, 1, runner, space.seeds)
        assert result.score == pytest.approx((1 + 4 + 9) / 3)
        assert journal.trials()[0].score == result.score
    assert [entry.settings for entry in runner.entries] == [{"lr": 0.1, "seed": seed} for seed in (1, 2, 3)]


@pytest.mark.parametrize(
    ("states", "state"),
    [
        (["completed", "collapsed"], "collapsed"),
        (["completed", "failed"], "failed"),
        (["pending", "collapsed"], "pending"),
    ],
    ids=["collapsed", "failed", "pending"],
)
def test_a_configuration_is_as_sound_as_its_worst_cell(states: list[str], state: str) -> None:
    scores = {"completed": 0.8, "collapsed": 0.2}
    runner = Runner(
        lambda settings: CellScore(states[settings["seed"]], scores.get(states[settings["seed"]]))
    )
    with journal_of(Sampling("random", 3), parse_space({"lr": [0.1]})) as journal:
        (result,) = search(journal, 1, runner, (0, 1))
        assert (result.state, result.score) == (state, 0.5 if state == "collapsed" else None)
        assert journal.trials()[0].finished == (state != "pending")


def test_a_search_whose_budget_is_used_up_ends_with_a_word_and_is_resumed_later(tmp_path: Path) -> None:
    runner = Runner(lambda settings: CellScore("pending"))
    with open_journal(str(tmp_path), conditional_space(), SERIAL) as journal:
        scored = search(journal, TRIALS, runner)
    assert len(scored) == 10
    assert describe_search(scored, TRIALS, None)[-1].startswith(
        "10 are not trained yet, as the budget is used up: tri"
    )
    assert outcomes(run_search(tmp_path, SERIAL, Runner())) == outcomes(undisturbed(SERIAL)[0])


def test_collapsed_and_failed_trials_are_named() -> None:
    with journal_of(SERIAL) as journal:
        scored = search(journal, TRIALS, Runner())
    sentences = describe_search(scored, TRIALS, None)
    for state, word in (("collapsed", "collapsed"), ("failed", "failed, as the sampler knows")):
        numbers = [f"trial {result.configuration.trial}" for result in scored if result.state == state]
        assert any(word in sentence and numbers[0] in sentence for sentence in sentences)


def test_two_processes_never_search_in_one_folder(tmp_path: Path) -> None:
    with (
        open_journal(str(tmp_path), conditional_space(), SERIAL),
        pytest.raises(PupilaError, match="Another process searches in"),
        open_journal(str(tmp_path), conditional_space(), SERIAL),
    ):
        pass
    with open_journal(str(tmp_path), conditional_space(), SERIAL):  # free again
        pass


def test_another_search_is_not_resumed_with(tmp_path: Path) -> None:
    run_search(tmp_path, SERIAL, Runner(), trials=1)
    with pytest.raises(PupilaError, match="another search: found other seed, axes"):
        enter(open_journal(str(tmp_path), parse_space({"lr": [0.1]}), Sampling("tpe", 8)))
    assert stored_round_size(str(tmp_path)) == 1
    assert stored_round_size(str(tmp_path / "none")) is None


def enter(context: object) -> None:
    with context:  # type: ignore[attr-defined]
        pass


def test_a_journal_that_is_damaged_within_is_refused(tmp_path: Path) -> None:
    lines = undisturbed(SERIAL)[1]
    (tmp_path / JOURNAL_FILE).write_text("".join([*lines[:3], '{"op_code": 4, "wor\n', *lines[3:]]))
    with pytest.raises(PupilaError, match=r"journal\.log is damaged: found line 4 is no JSON"):
        enter(open_journal(str(tmp_path), conditional_space(), SERIAL))


KILLED = """
import os, signal, sys
from tests.experiments.searching import Runner, conditional_space, smooth_score
from tests.experiments.test_search import SERIAL, TRIALS
from pupila.experiments.search import search
from pupila.experiments.study import open_journal
def score(settings):
    calls.append(settings)
    if len(calls) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    return smooth_score(settings)
calls = []
with open_journal(sys.argv[1], conditional_space(), SERIAL) as journal:
    search(journal, TRIALS, Runner(score))
"""


@pytest.mark.slow
def test_sigkill_after_sigkill_ends_in_the_same_journal(tmp_path: Path) -> None:
    for call in (3, 11, 13):  # of the cells that are trained in this process
        killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), str(call)], check=False)
        assert killed.returncode == -9
        with (tmp_path / JOURNAL_FILE).open("a") as journal:  # and a torn line
            journal.write('{"op_code": 6, "worker_id"')
    assert outcomes(run_search(tmp_path, SERIAL, Runner())) == outcomes(undisturbed(SERIAL)[0])


def test_the_journal_says_which_search_it_is() -> None:
    _, lines = undisturbed(SERIAL)
    attributes = [json.loads(line).get("user_attr", {}) for line in lines]
    (stored,) = [attribute["search"] for attribute in attributes if attribute]
    assert (stored["sampler"], stored["seed"], stored["round_size"]) == ("tpe", 7, 1)
    assert stored["axes"][2] == {
        "name": "lr", "values": [], "range": {"low": 0.0001, "high": 0.1, "log": True},
        "condition": {"optimizer": ["sgd"]},
    }  # fmt: skip
    assert tuple(read_axis(AxisRecord(**axis)) for axis in stored["axes"]) == conditional_space().axes


def test_a_result_names_its_trial() -> None:
    with journal_of(SERIAL) as journal:
        results: list[Scored] = search(journal, 2, Runner())
    assert [result.configuration.trial for result in results] == [0, 1]
