"""The settings that a sweep began with: `--resume --out FOLDER` needs none of them again."""

from collections.abc import Mapping
from typing import Any

from pupila.artifacts.sweep.definition import SWEEP_FILE
from pupila.artifacts.sweep.folder import Sweep, is_sweep
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.experiments.settings import SweepSettings

OF_A_SESSION = ("jobs", "total_budget")  # they may differ when a sweep is resumed


def list_given(settings: SweepSettings) -> dict[str, Any]:
    """What was given of the settings of a sweep, as `sweep.json` stores it."""
    return settings.model_dump(mode="json", exclude_unset=True, exclude=set(OF_A_SESSION))


def complete_settings(settings: Mapping[str, Any], out: str | None, resume: bool) -> dict[str, Any]:
    """The settings, with those that the sweep in the folder began with where none of these is given.

    Args:
        settings: given now.
        out: folder of the sweep; None: not given.
        resume: whether the sweep in the folder is resumed.

    Raises:
        PupilaError: neither settings nor a folder say which sweep is resumed, or the folder has none.
    """
    if resume and out is None and not settings:
        raise PupilaError(
            say("--resume needs the sweep that it resumes"), expected=say("the folder of a sweep"),
            remedy="--resume --out FOLDER",
        )  # fmt: skip
    if resume and out is not None and not files.is_remote(out) and not is_sweep(out):
        raise PupilaError(
            say("There is no sweep to resume in {folder}", folder=out), actual=say("no {name}", name=SWEEP_FILE),
            expected=say("the folder of a sweep"), remedy=say("start one there without --resume"),
        )  # fmt: skip
    others = set(settings) - set(OF_A_SESSION) - {"retries", "trials"}
    if not resume or out is None or others or not is_sweep(out):
        return dict(settings)
    info = Sweep(out).info
    folds = {"folds": info.folds} if info.folds else {}
    return {**info.given, **info.base, **info.reading, **folds, **settings}
