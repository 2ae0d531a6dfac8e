"""The end of a real sweep of tiny networks: the winner's bundle, and the one evaluation on the sealed test split."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pupila
from pupila.artifacts.dataset.test_access import read_test_accesses
from pupila.artifacts.run.log import LogLine
from pupila.artifacts.run.outcomes import OUTCOMES_FILE
from pupila.core import files
from pupila.experiments.result import SweepResult, read_result
from tests.pictures import encoded, photo

pytestmark = pytest.mark.slow  # exports a model: four trainings in all
SETTINGS: dict[str, Any] = {
    "model": "lenet", "weights": "none", "image_size": 32, "epochs": 6, "batch_size": 8, "augment": "none",
    "precision": "float32", "warmup_epochs": 0,
}  # fmt: skip


def silent(line: LogLine) -> None:
    """Nothing."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop") / "pets"
    for number in range(28):  # dark ones and bright ones, which a tiny network tells apart
        name, low = ("cat", 0) if number % 2 else ("dog", 128)
        path = folder / name / f"{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded((photo(number) // 2 + low).astype(np.uint8)))
    pupila.split(folder, val=0.3, test=0.2)
    return folder


@pytest.fixture(scope="module")
def result(data: Path, tmp_path_factory: pytest.TempPathFactory) -> SweepResult:
    return run(data, tmp_path_factory.mktemp("sweeps") / "pets", lr=[3e-3, 1e-3])


def run(data: Path, out: Path, lr: list[float], **settings: Any) -> SweepResult:
    return pupila.sweep(data, out=out, tell=silent, grid={"lr": lr}, **SETTINGS, **settings)


def count_accesses(data: Path) -> int:
    return len(read_test_accesses(pupila.open(data).home))


def test_only_the_winner_has_a_bundle_and_it_predicts(result: SweepResult, data: Path) -> None:
    winner = result.winner
    assert winner is not None and winner.bundle is not None
    bundles = sorted(
        path.parent.parent.name for path in Path(result.folder, "cells").glob("*/bundle/bundle.json")
    )
    assert bundles == [winner.cell.id]
    assert winner.bundle.hash == winner.cell.run.bundle.hash
    assert winner.bundle.info.validation is not None and winner.cell.result is not None
    assert winner.bundle.info.validation.metrics == winner.cell.result.metrics
    picture = next(data.rglob("*.png"))
    assert pupila.predict(winner.bundle, picture) is not None
    for name in ("sweep.parquet", "sweep.csv", "report.json", "report.html"):
        assert files.exists(f"{result.folder}/{name}")
    assert read_result(result.folder).details == result.details


def test_the_winner_is_corrected_over_all_epochs_of_all_cells(result: SweepResult) -> None:
    winner = result.details.winner
    assert winner is not None and winner.selection is not None
    assert all(files.exists(f"{cell.folder}/{OUTCOMES_FILE}") for cell in result.sweep.cells)
    assert (winner.selection.epochs, winner.selection.models, winner.uncorrected) == (12, 2, 0)


def test_the_test_split_is_opened_once_and_by_the_winner_alone(result: SweepResult, data: Path) -> None:
    assert count_accesses(data) == 0
    assert result.details.winner is not None and result.details.winner.test is None
    again = [run(data, Path(result.folder), [3e-3, 1e-3], resume=True, test=True) for _ in range(2)]
    assert count_accesses(data) == 1
    assert result.winner is not None and result.winner.bundle is not None
    assert read_test_accesses(pupila.open(data).home)[0].model == result.winner.bundle.hash
    scores = [each.details.winner.test for each in again if each.details.winner is not None]
    assert scores[0] is not None and scores[0] == scores[1]
    assert scores[0].accesses == 1 and "macro_f1" in scores[0].metrics and files.exists(scores[0].report)
    assert any("The winner on the sealed test split (n = " in sentence for sentence in again[1].sentences)
    assert again[1].details.table_hash == result.details.table_hash
    later = run(data, Path(result.folder), [3e-3, 1e-3], resume=True)  # the score stays on the page
    assert later.details.winner is not None and later.details.winner.test == scores[0]


def test_an_interrupted_sweep_leaves_its_table_and_no_bundle(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pupila.experiments.runner.Runner.close", _interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(data, tmp_path / "other", [3e-3])
    left = read_result(str(tmp_path / "other"))
    assert left.table["state"].to_list() == ["completed"]
    assert left.sentences[0].startswith("So far, ")
    assert "The test split stays sealed until all cells have ended." in left.sentences
    assert left.winner is not None and left.winner.bundle is None


def _interrupt(runner: object) -> None:
    raise KeyboardInterrupt
