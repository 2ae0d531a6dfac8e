"""`pupila --help` against an empty Python."""

import subprocess
import sys
from typing import Any

from benchmarks.measure import side_by_side


def run() -> dict[str, Any]:
    """Whole processes, warm files."""

    def call(*arguments: str) -> None:
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)

    call("-m", "pupila", "--help")
    ours, empty = side_by_side(lambda: call("-m", "pupila", "--help"), lambda: call("-c", "pass"), rounds=9)
    print(f"  pupila --help {ours:.3f} s (expected: under 0.3), python -c pass {empty:.3f} s")
    return {"help_seconds": round(ours, 4), "empty_python_seconds": round(empty, 4)}
