"""All checks of a folder."""

from collections.abc import Callable
from pathlib import Path

from pupila.core.errors import PupilaError
from pupila.core.extras import EXTRA_OF
from pupila.core.installation import install_command
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
from pupila.stages.deploy.checks.result import CheckResult, Fault
from pupila.stages.deploy.record import RECORD_FILE

Check = Callable[[Path], CheckResult | None]
# Each gets the folder; None: it has no file that the check is about.
CHECKS: tuple[Check, ...] = (
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
            if (result := _run(check, folder)) is not None:
                results.append(result)
            advance(1)
    return results


def _run(check: Check, folder: Path) -> CheckResult | None:
    """The result of a check; a file that it stumbles over is a fault of the file, and stops no other check."""
    name = check.__module__.rpartition(".")[2]
    try:
        return check(folder)
    except ModuleNotFoundError as fault:
        extra = EXTRA_OF.get((fault.name or "").partition(".")[0])
        if extra is None:
            raise
        remedy = say("not checked: install it with {command}", command=install_command(extra))
        return CheckResult(name, "", skipped=remedy)
    except PupilaError:
        raise
    except Exception as fault:  # noqa: BLE001 -- of any library, over any file of a user
        problem = say("The check {name} can't read a file: {reason}", name=name,
                      reason=f"{type(fault).__name__}: {fault}"[:300])  # fmt: skip
        return CheckResult(
            name, say("not finished"), (Fault(str(folder), "", problem, say("compare with a new rendering")),)
        )
