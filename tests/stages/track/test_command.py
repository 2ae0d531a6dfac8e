"""`pupila track`, and what `--help` loads."""

import json
import shlex
from pathlib import Path

import pytest

from pupila.artifacts.run.plan import RUNNING
from pupila.cli.run import run
from tests.stages.track.runs import make_lines, write_run


def test_the_command_prints_what_was_written_and_the_next_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "run", make_lines(1), RUNNING)
    assert run(shlex.split("track run --to tensorboard:tb")) == 0
    assert capsys.readouterr().out == (
        f"1 run in tensorboard:{tmp_path}/tb: 1 new.\n"
        "run has no end, and no process trains it: its 1 epoch was replayed.\n\n"
        f"Next: tensorboard --logdir {tmp_path}/tb\n"
    )
    assert run(shlex.split("track run run --to tensorboard:tb --json")) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [(row["name"], row["experiment"], row["change"], row["epochs"]) for row in printed["runs"]] == [
        ("run", "shop", "unchanged", 1)
    ] * 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("track missing --to tensorboard", "No run in missing: found no plan.json, and no sweep.json"),
        ("track . --to tensorbord", "Unknown tracker tensorbord. Did you mean tensorboard?"),
        ("track . --to mlflow:localhost:5000", "found no scheme in localhost:5000"),
    ],
)
def test_mistakes_are_one_sentence(
    arguments: str,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(shlex.split(arguments)) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
