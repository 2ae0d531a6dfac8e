"""All checks of a folder."""

from collections.abc import Callable
from pathlib import Path

from pupila.stages.deploy.checks.result import CheckResult

# Each gets the folder; None: it has no file that the check is about.
CHECKS: tuple[Callable[[Path], CheckResult | None], ...] = ()


def check_folder(folder: Path) -> list[CheckResult]:
    """The results of all checks that have a file to check."""
    return [result for check in CHECKS if (result := check(folder)) is not None]
