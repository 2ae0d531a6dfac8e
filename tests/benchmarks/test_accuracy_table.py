"""The table of the bench: made of rows alone, with every run, the best in bold and a star where no model was left."""

from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.accuracy import table
from benchmarks.accuracy.rows import FINISHED, ROWS_FILE, TASKS_FILE, Row, TaskRow, append_row
from benchmarks.accuracy.written import CLASSIFY, SEGMENT


def test_the_table_of_two_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "RESULTS", tmp_path)
    groups = " ".join(map(str, range(40)))
    base = Row("", "", 0, 240.0, 2, "h", "abc", FINISHED, 100.0, 60.0, 1.0, 1.0, "0" * 20 + "1" * 20)
    for name in ("ants_bees", "sign_digits_4567"):
        append_row(tmp_path / TASKS_FILE, TaskRow(name, "h", "x|y", base.scores, groups))
        append_row(tmp_path / ROWS_FILE, replace(base, task=name, method="pupila"))
        worse = replace(base, task=name, method="probe", score=0.5, macro_f1=0.33, scores="0" * 40)
        append_row(tmp_path / ROWS_FILE, worse)
    append_row(tmp_path / TASKS_FILE, TaskRow("crackforest", "h", "background|crack", "", groups))
    masks = replace(
        base, task="crackforest", cpu_limit=600.0, macro_f1=0.0, scores=" ".join(["700"] * 40), score=0.7
    )
    append_row(tmp_path / ROWS_FILE, replace(masks, method="pupila"))
    failed = replace(masks, method="script", status="exit 1: a|b", score=0.0, scores=" ".join(["0"] * 40))
    append_row(tmp_path / ROWS_FILE, failed)
    append_row(tmp_path / ROWS_FILE, replace(base, task="brain_mri", method="pupila"))  # of the other half
    append_row(tmp_path / ROWS_FILE, replace(base, task="ants_bees", method="full", cpu_limit=30.0))

    table.write_table("development", {CLASSIFY: 240.0, SEGMENT: 600.0})

    text = (tmp_path / "accuracy-development.md").read_text()
    assert "| ants_bees | ants_bees | **1.000** | 0.500 |  |" in text
    assert "| probe | +50.0 | +50.0 to +50.0 | 2 | 2 | 2 | 0 |" in text
    assert "| crackforest | crackforest | **0.700** | 0.000* |  |" in text
    assert "| script | +70.0 | too few sources | 1 | 1 | 1 | 0 |" in text
    assert "| probe | 50.0 | 67.0 | 2 | 100 | 0 |" in text  # regret
    assert "exit 1: a/b" in text
    assert "brain_mri" not in text
    assert "full" not in text
    rows = (tmp_path / "accuracy-development.csv").read_text().splitlines()
    assert rows[0] == "against,task,source,difference,p_value,p_holm,verdict"
    assert rows[1].startswith("probe,ants_bees,ants_bees,0.5,") and rows[1].endswith(",better")
    assert len(rows) == 4
