"""`plan.json` of a run: every setting decided, and how the run stands."""

from typing import Any

from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say

PLAN_FILE = "plan.json"
PLAN_SCHEMA = 2  # 1 had other names of settings


def read_plan(run: str, data: str = "DATA") -> dict[str, Any]:
    """The content of a run's `plan.json`.

    Args:
        run: folder of the run.
        data: where its data set lies, for the remedy.

    Raises:
        PupilaError: another version of Pupila wrote it.
    """
    uri = files.join(run, PLAN_FILE)
    stored: dict[str, Any] = files.read_json(uri)
    if stored.get("schema") != PLAN_SCHEMA:
        raise PupilaError(
            say("The run was written by another version of Pupila"),
            actual=f"{uri}: schema {stored.get('schema')}", expected=f"schema {PLAN_SCHEMA}",
            remedy=f"pupila train {data} --out FOLDER",
        )  # fmt: skip
    return stored
