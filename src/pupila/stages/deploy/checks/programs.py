"""The programs of other projects that check files."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_SECONDS = 120  # of one run


def find_program(name: str) -> str | None:
    """The path of a program of this environment, or else of the machine; None: neither has it."""
    return shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)


def run_program(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """The result of a program that reports faults on its standard output.

    Args:
        command: program and arguments.
        folder: the program starts in it.

    Returns:
        Its output; of one that can't be started, or does not end, the standard error says so and the output is empty.
    """
    try:
        return subprocess.run(
            command, cwd=folder, capture_output=True, text=True, encoding="utf-8", timeout=_SECONDS, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as fault:
        return subprocess.CompletedProcess(command, 1, "", str(fault))
