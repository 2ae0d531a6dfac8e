"""The notebook of the tutorials runs from its first cell to its last, and everything it shows can be shown."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPOSITORY

NOTEBOOK = REPOSITORY / "docs/tutorials/python.ipynb"
FORMS = ("pairs", "pictures", "arrays", "contents", "pl.DataFrame", "pd.DataFrame", "ImageFolder", "hub")


def read_cells() -> list[str]:
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def run_cell(source: str, names: dict[str, Any]) -> Any:
    """Run a cell like a kernel; return the value of its last line, if that is an expression."""
    tree = ast.parse(source)
    last = tree.body[-1]
    if not isinstance(last, ast.Expr):
        exec(compile(tree, NOTEBOOK.name, "exec"), names)
        return None
    tree.body.pop()
    exec(compile(tree, NOTEBOOK.name, "exec"), names)
    return eval(compile(ast.Expression(last.value), NOTEBOOK.name, "eval"), names)


def render(value: Any) -> str:
    """What a notebook would show."""
    if hasattr(value, "_repr_png_"):
        assert value._repr_png_().startswith(b"\x89PNG")
    html = value._repr_html_() if hasattr(value, "_repr_html_") else ""
    return html or repr(value)


def test_every_cell_runs_and_shows_its_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    names: dict[str, Any] = {"__name__": "__main__"}
    shown = [render(value) for cell in read_cells() if (value := run_cell(cell, names)) is not None]
    printed = capsys.readouterr().out
    assert len(shown) >= 15
    assert all(len(text) < 100_000 for text in shown)
    assert "48 images" in shown[0] and "disc 24, square 24" in shown[0]
    assert "Can't read a data set from this: found int" in printed
    assert len(names["predictions"]) == 14 and not names["predictions"].failed
    assert names["correct"] > 30  # of 48; thread counts differ
    assert "ok" in printed


def test_the_notebook_uses_every_form_of_data_and_holds_no_results() -> None:
    source = "\n".join(read_cells())
    assert all(form in source for form in FORMS)
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
