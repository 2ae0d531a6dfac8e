"""Grids, searches and halvings from settings to rows; and a real search on drawn images, interrupted and resumed."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pupila.artifacts.sweep.definition import Axis
from pupila.artifacts.sweep.folder import read_sweep
from pupila.core.errors import PupilaError
from pupila.demo.packages import write_shop
from pupila.experiments.configurations import CellScore
from pupila.experiments.parameters import parse_varied
from pupila.experiments.settings import SweepSettings
from pupila.experiments.stored import complete_settings
from pupila.experiments.strategy import Strategy, check_strategy
from pupila.experiments.study import Sampling, open_journal
from pupila.experiments.sweep import sweep
from tests.experiments.drawn import write_drawn
from tests.experiments.searching import Runner


def epoch_score(settings: Mapping[str, Any]) -> CellScore:
    """The better, the more epochs and the higher the dropout."""
    return CellScore("completed", settings.get("epochs", 8) / 100 + settings["dropout"])


class Messages:
    """What a strategy says and expects."""

    def __init__(self) -> None:
        self.sentences: list[str] = []
        self.rows = 0

    def add(self, line: object) -> None:
        self.sentences.append(str(line))

    def expect(self, rows: int) -> None:
        self.rows = rows


def train(folder: Path, runner: Runner, **settings: Any) -> Messages:
    parsed, messages = SweepSettings.parse(settings, "sweep"), Messages()
    space = parse_varied(parsed, {})
    check_strategy(space, parsed)
    phases = {"epochs": 8}
    Strategy(space, parsed, str(folder), runner, lambda _: phases, messages.add, messages.expect).train()
    assert messages.rows == len(runner.entries)
    return messages


def test_a_grid_is_one_batch_of_all_combinations(tmp_path: Path) -> None:
    runner = Runner(epoch_score)
    assert train(tmp_path, runner, grid={"dropout": [0.1, 0.2], "seed": [1, 2]}).sentences == []
    assert [dict(entry.settings) for entry in runner.entries] == [
        {"dropout": 0.1, "seed": 1}, {"dropout": 0.1, "seed": 2},
        {"dropout": 0.2, "seed": 1}, {"dropout": 0.2, "seed": 2},
    ]  # fmt: skip
    assert (runner.batches, list(tmp_path.iterdir())) == (1, [])


def test_a_grid_is_halved(tmp_path: Path) -> None:
    runner = Runner(epoch_score)
    messages = train(tmp_path, runner, grid={"dropout": [0.1, 0.2, 0.3, 0.4], "seed": [1, 2]}, halving=2)
    rows = [(e.rung, e.settings["dropout"], e.settings["epochs"], e.settings["seed"]) for e in runner.entries]
    assert rows[:8] == [(0, dropout, 2, seed) for dropout in (0.1, 0.2, 0.3, 0.4) for seed in (1, 2)]
    assert rows[8:] == [
        (1, 0.3, 4, 1),
        (1, 0.3, 4, 2),
        (1, 0.4, 4, 1),
        (1, 0.4, 4, 2),
        (2, 0.4, 8, 1),
        (2, 0.4, 8, 2),
    ]
    assert messages.sentences == [
        "Successive halving of 4 configurations: 4 with 2 epochs, 2 with 4 epochs, 1 with 8 epochs."
    ]


def test_a_search_is_halved_and_learns_from_the_first_rung(tmp_path: Path) -> None:
    runner = Runner(epoch_score)
    settings = {
        "range": {"dropout": "0..0.5"},
        "search": "random",
        "trials": 4,
        "halving": 2,
        "search_seed": 3,
    }
    messages = train(tmp_path, runner, **settings)
    assert [entry.rung for entry in runner.entries] == [0, 0, 0, 0, 1, 1, 2]
    assert messages.sentences[-1] == "4 trials."
    space = parse_varied(SweepSettings.parse(settings), {})
    with open_journal(str(tmp_path), space, Sampling("random", 3)) as journal:
        assert [trial.score for trial in journal.trials()] == [
            epoch_score(entry.settings).score for entry in runner.entries[:4]
        ]


def test_jobs_make_rounds_which_stay_as_they_were(tmp_path: Path) -> None:
    settings = {"range": {"dropout": "0..0.5"}, "search": "tpe", "trials": 16}
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, Runner(epoch_score, kill_at=1), **settings, jobs=3)
    resumed, undisturbed = Runner(epoch_score), Runner(epoch_score)
    train(tmp_path, resumed, **settings, jobs=1)
    train(tmp_path / "other", undisturbed, **settings, jobs=3)
    assert resumed.entries == undisturbed.entries
    assert (resumed.batches, undisturbed.batches) == (3, 3)  # 10 random ones, then rounds of three


def test_a_space_that_a_grid_covers_is_reported(tmp_path: Path) -> None:
    messages = Messages()
    parsed = SweepSettings.parse({"grid": {"dropout": [0.1, 0.2]}, "search": "random", "trials": 5}, "sweep")
    Strategy(
        parse_varied(parsed, {}),
        parsed,
        str(tmp_path),
        Runner(epoch_score),
        lambda _: {},
        messages.add,
        messages.expect,
    ).train()
    assert messages.sentences[0].startswith("The space has 2 configurations: a grid trains each of them")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "Nothing varies in this sweep"),
        ({"range": {"lr": "0.1..0.2"}}, "A grid needs values, and not a range"),
        ({"grid": {"seed": [1, 2]}, "search": "tpe"}, "A search needs a setting that varies beside the seed"),
        ({"grid": {"epochs": [1, 2]}, "halving": 2}, "--halving, and epochs varies"),
        ({"grid": {"dropout": [0.1, 0.2]}, "halving": 3}, "Nothing to halve"),
        ({"grid": {"dropout": [0.1, 0.2]}, "halving": 2, "min_epochs": 9}, "--min-epochs 9"),
    ],
    ids=["nothing", "range", "seeds", "epochs", "few", "least"],
)  # fmt: skip
def test_what_gives_no_rows_is_refused(tmp_path: Path, settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PupilaError, match=sentence):
        train(tmp_path, Runner(epoch_score), **settings)


def test_a_search_resumes_with_more_trials_and_no_other_word(tmp_path: Path) -> None:
    given = {"search": "tpe", "trials": 9, "range": {"lr": "0.1..0.2"}}
    write_drawn(tmp_path / "sweep", [Axis(name="lr", range={"low": 0.1, "high": 0.2})], [], given=given)
    completed = complete_settings({"trials": 80}, str(tmp_path / "sweep"), resume=True)
    assert completed == {**given, "trials": 80}


KILLED = """
import json, sys
from tests.killing import die_at_write
import pupila.stages.train.cell
from pupila.experiments.sweep import sweep
data, out, settings, resume, writes = sys.argv[1:]
die_at_write(int(writes))
sweep(data, out=out, resume=bool(int(resume)), tell=lambda line: None, **json.loads(settings))
"""
SETTINGS: dict[str, Any] = {
    "grid": {"batch_size": [8, 16], "optimizer": ["adam", "sgd"]}, "range": {"lr": "0.0001..0.1:log"},
    "when": {"lr": {"optimizer": "sgd"}}, "search": "tpe", "trials": 12,
    "model": "lenet", "weights": "none", "image_size": 32, "epochs": 2, "device": "cpu", "precision": "float32",
}  # fmt: skip


@pytest.mark.slow
def test_a_real_search_that_is_interrupted_and_resumed_equals_an_undisturbed_one(tmp_path: Path) -> None:
    write_shop(tmp_path / "packages", 12, 5)
    data, silent = str(tmp_path / "packages"), Messages().add
    undisturbed = sweep(data, out=tmp_path / "one" / "a", tell=silent, **SETTINGS)
    cells = 0

    def interrupt(line: object) -> None:
        nonlocal cells
        cells += str(line).startswith("Cell")
        if cells in (3, 6):
            cells += 1
            raise KeyboardInterrupt

    for resume in (False, True):
        with pytest.raises(KeyboardInterrupt):
            sweep(data, out=tmp_path / "two" / "b", resume=resume, tell=interrupt, **SETTINGS)
    resumed = sweep(data, out=tmp_path / "two" / "b", resume=True, tell=silent, **SETTINGS)
    assert read_sweep(resumed.folder).table_hash == read_sweep(undisturbed.folder).table_hash
    assert [entry.trial for entry in read_sweep(resumed.folder).info.entries] == list(range(12))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_search_that_is_killed_at_any_write_resumes_to_the_same_table(tmp_path: Path) -> None:
    write_shop(tmp_path / "packages", 12, 5)
    data, settings = str(tmp_path / "packages"), {**SETTINGS, "trials": 11, "halving": 2}
    undisturbed = sweep(data, out=tmp_path / "one" / "a", tell=Messages().add, **settings)
    out = tmp_path / "two" / "b"
    kills = 0
    for writes in (60, 97, 150, 211):
        resume = str(int((out / "sweep.json").exists()))
        words = [sys.executable, "-c", KILLED, data, str(out), json.dumps(settings), resume, str(writes)]
        kills += subprocess.run(words, check=False).returncode == -9
    assert kills >= 3
    resumed = sweep(data, out=out, resume=True, tell=Messages().add, **settings)
    assert read_sweep(resumed.folder).table_hash == read_sweep(undisturbed.folder).table_hash
