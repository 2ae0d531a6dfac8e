"""Other software, each in an environment of its own outside the repository: what cannot be installed is skipped."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

UV = Path(sys.executable).parent / "uv"


def run_peer(folder: Path, *command: str | Path) -> str:
    """What a command prints in the folder, without our packages on its path.

    Raises:
        AssertionError: it failed.
    """
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    result = subprocess.run(
        command, cwd=folder, env=surroundings, capture_output=True, text=True, check=False, timeout=600
    )
    assert result.returncode == 0, result.stderr[-2000:]
    return result.stdout


def make_environment(folder: Path, *packages: str) -> Path:
    """The Python of a new environment with these packages; skips the test where they can't be had."""
    environment = folder / "venv"
    install: list[str | Path] = [
        UV,
        "pip",
        "install",
        "--quiet",
        "--python",
        environment / "bin/python",
        *packages,
    ]
    create: list[str | Path] = [UV, "venv", "--quiet", "--python", sys.executable, environment]
    for command in (create, install):
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            pytest.skip(f"{', '.join(packages)} can't be installed: {result.stderr.strip()[-200:]}")
    return environment / "bin/python"


def last_json(printed: str) -> Any:
    """The value of the last printed line."""
    return json.loads(printed.splitlines()[-1])
