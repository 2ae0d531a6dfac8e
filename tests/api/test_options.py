"""Typed settings: the file is what the models say, and a type checker refuses a wrong name or type."""

import importlib
import subprocess
import sys
import typing
from pathlib import Path

import pytest

from pupila.cli import write_options
from pupila.cli.stages import STAGES

SNIPPET = """
import pupila

pupila.train("data", epochs=3, lr="auto", image_size=64)
pupila.split("data", seed=1, max_pixels=10)
pupila.open([("a.png", "cat")])
reveal_type(pupila.predict("bundle", "a.png")[0])
with pupila.serve("bundle", threads=2) as service:
    service.url.lower()
pupila.train("data", epoch=3)  # 10
pupila.train("data", lr="fast")  # 11
pupila.split("data", seed="x")  # 12
pupila.open(3)  # 13
pupila.convert("data", to=1, out="x")  # 14
"""


@pytest.mark.parametrize("module", write_options.MODULES)
def test_the_file_is_up_to_date(module: str) -> None:
    assert write_options.find_file(module).read_text() == write_options.text(module), (
        "run python -m pupila.cli.write_options"
    )


@pytest.mark.parametrize("name", write_options.OPTIONS)
def test_every_setting_is_an_option_of_a_type_that_exists(name: str) -> None:
    options = importlib.import_module(f"pupila.{write_options.find_module(name)}")
    hints = typing.get_type_hints(getattr(options, name))
    for entry in write_options.OPTIONS[name][2]:
        stage, _, single = entry.partition(".")
        fields = {single} if single else set(STAGES[stage]().model_fields)
        elsewhere = set(write_options.ELSEWHERE.get(stage, ()))
        assert fields - elsewhere <= set(hints) and not elsewhere & (fields & set(hints))
    assert not getattr(options, name).__required_keys__


@pytest.mark.slow
def test_a_type_checker_completes_and_refuses(tmp_path: Path) -> None:
    file = tmp_path / "snippet.py"
    file.write_text(SNIPPET)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), str(file)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    lines = [
        line for line in checked.stdout.splitlines() if line.startswith(str(file)) or "snippet.py" in line
    ]
    errors = {int(line.split(":")[1]) for line in lines if ": error:" in line}
    assert errors == {10, 11, 12, 13, 14}, checked.stdout + checked.stderr
    assert 'did you mean "epochs"' in checked.stdout or "epoch" in checked.stdout
    assert "Prediction" in checked.stdout
