"""A sweep's folder: states from files, a hash that no clock moves, and damage that is refused."""

from pathlib import Path
from typing import Any

import pytest

from pupila.artifacts.sweep.cell import CellError, CellResult, CellTiming
from pupila.artifacts.sweep.definition import Axis, SweepEntry, SweepFile
from pupila.artifacts.sweep.folder import Sweep, cell_folder, read_sweep, write_sweep
from pupila.artifacts.sweep.sealed import read_sealed, write_sealed
from pupila.core.errors import PupilaError
from pupila.statistics.estimate import Estimate

IDS = ("aa01", "ab02", "ab03")


def entry(cell: str, **settings: Any) -> SweepEntry:
    return SweepEntry(cell=cell, settings={"seed": 1, **settings}, seed=1, reason="" if cell else "no effect")


def result(cell: str, score: float = 0.9, seconds: float = 3.0, host: str = "here") -> CellResult:
    return CellResult(
        cell=cell, state="completed", metric="macro_f1", metrics={"macro_f1": Estimate(value=score, low=0.8, high=1)},
        images=40, groups=20, best_epoch=3, epochs=5, parameters=7,
        timing=CellTiming(seconds=seconds, host=host),
    )  # fmt: skip


def error(cell: str, attempts: int) -> CellError:
    return CellError(cell=cell, reason="Training diverged", attempts=attempts, timing=CellTiming(seconds=1.0))


@pytest.fixture
def folder(tmp_path: Path) -> str:
    entries = [entry(cell, lr=number) for number, cell in enumerate((*IDS, ""))]
    info = SweepFile(
        data_hash="d", splits_hash="s", task="classify", metric="macro_f1", axes=[Axis(name="lr", values=[0, 1, 2, 3])],
        base={"epochs": 2}, threads=1, entries=entries,
    )  # fmt: skip
    write_sweep(str(tmp_path), info)
    return str(tmp_path)


def write(folder: str, name: str, record: CellResult | CellError) -> None:
    write_sealed(f"{cell_folder(folder, record.cell)}/{name}", record)


def states(folder: str) -> list[str]:
    return [cell.state for cell in read_sweep(folder).cells]


def test_the_state_of_a_cell_is_which_file_there_is(folder: str) -> None:
    assert states(folder) == ["waiting", "waiting", "waiting", "impossible"]
    write(folder, "result.json", result(IDS[0]))
    write(folder, "error.json", error(IDS[1], attempts=2))
    write(folder, "error.json", error(IDS[2], attempts=1))  # is run again: one retry is allowed
    assert states(folder) == ["completed", "failed", "waiting", "impossible"]
    write(folder, "result.json", result(IDS[2]))
    assert states(folder) == ["completed", "failed", "completed", "impossible"]
    cells = Sweep(folder).cells
    assert [cell.reason for cell in cells] == ["", "Training diverged", "", "no effect"]
    assert cells[0].result is not None and cells[0].result.score == 0.9


def test_no_clock_and_no_host_moves_the_hash_of_the_table_and_a_figure_does(folder: str) -> None:
    write(folder, "result.json", result(IDS[0]))
    first = Sweep(folder).table_hash
    write(folder, "result.json", result(IDS[0], seconds=9.0, host="there"))
    assert Sweep(folder).table_hash == first
    write(folder, "result.json", result(IDS[0], score=0.91))
    assert Sweep(folder).table_hash != first


def test_a_cell_is_named_by_the_start_of_its_id_if_only_one_has_it(folder: str) -> None:
    assert Sweep(folder).cell("aa").id == "aa01"
    for wrong in ("ab", "zz", ""):
        with pytest.raises(PupilaError, match="No single cell"):
            Sweep(folder).cell(wrong)


def test_changed_files_and_folders_without_a_sweep_are_refused(folder: str, tmp_path: Path) -> None:
    write(folder, "result.json", result(IDS[0]))
    path = Path(cell_folder(folder, IDS[0]), "result.json")
    path.write_text(path.read_text().replace("0.9", "0.95"))
    with pytest.raises(PupilaError, match="damaged"):
        _ = Sweep(folder).cells[0].result
    with pytest.raises(PupilaError, match="No sweep in"):
        read_sweep(str(tmp_path / "elsewhere"))


def test_configurations_are_the_settings_without_the_seed(folder: str) -> None:
    assert [cell.entry.configuration for cell in Sweep(folder).cells] == [
        {"lr": number} for number in range(4)
    ]


def test_a_sweep_shows_its_cells_by_state(folder: str) -> None:
    write(folder, "result.json", result(IDS[0]))
    assert f"4 cells in {folder}: 1 completed, 2 waiting, 1 impossible" in repr(Sweep(folder))


def test_damage_names_what_makes_the_file_again(tmp_path: Path) -> None:
    for model, name, remedy in (
        (CellResult, "result.json", "delete it: pupila sweep DATA --resume"),
        (SweepFile, "sweep.json", "restore a copy of it; pupila sweep DATA --out"),
    ):
        (tmp_path / name).write_text("{")
        with pytest.raises(PupilaError, match=remedy):
            read_sealed(model, str(tmp_path / name))
