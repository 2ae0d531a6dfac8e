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
    """The result of a program that reports faults with its exit status.

    Args:
        command: program and arguments.
        folder: the program starts in it.

    Raises:
        OSError: the program can't be started.
        subprocess.TimeoutExpired: it does not end.
    """
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, encoding="utf-8", timeout=_SECONDS, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
