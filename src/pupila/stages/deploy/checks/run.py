"""All checks of a folder."""

from collections.abc import Callable
from pathlib import Path

from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.progress import progress
from pupila.stages.deploy.checks import (
    alarms,
    compose,
    dockerfiles,
    policy,
    rendered,
    replay,
    stack,
    workflow,
)
from pupila.stages.deploy.checks.result import CheckResult
from pupila.stages.deploy.record import RECORD_FILE

# Each gets the folder; None: it has no file that the check is about.
CHECKS: tuple[Callable[[Path], CheckResult | None], ...] = (
    rendered.check, dockerfiles.check, compose.check, workflow.check, stack.check,
    policy.check, alarms.check, replay.check,
)  # fmt: skip


def check_folder(folder: Path) -> list[CheckResult]:
    """The results of all checks that have a file to check.

    Raises:
        PupilaError: nothing was rendered into the folder.
    """
    if not (folder / RECORD_FILE).is_file():
        raise PupilaError(
            say("No deployment in {path}", path=folder), actual=say("no {name}", name=RECORD_FILE),
            expected=say("a folder that deploy render wrote"), remedy="pupila deploy render BUNDLE --target compose",
        )  # fmt: skip
    results = []
    with progress(say("checking"), len(CHECKS)) as advance:
        for check in CHECKS:
            if (result := check(folder)) is not None:
                results.append(result)
            advance(1)
    return results
