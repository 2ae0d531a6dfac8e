"""Prometheus and its promtool, where they are installed."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def find_program(name: str) -> str:
    """Its path; else the test is skipped, and fails in CI."""
    if (path := shutil.which(name)) is None:
        reason = f"no {name}: Debian's package is prometheus"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return path


def run_promtool(*arguments: str, folder: Path) -> str:
    """What promtool prints; the test fails where it finds a fault."""
    command = [find_program("promtool"), *arguments]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout
