"""Refuse to resume a run with other data or other settings."""

from typing import Any

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.stages.train.settings import TrainPlan, TrainSettings


def check_same_data(plan: TrainPlan, data: Dataset, splits: SplitFile) -> None:
    """Refuse to resume on another data set, or on another split of the same one.

    Raises:
        PupilaError: the plan was made from others.
    """
    if plan.data_hash != data.hash:
        raise PupilaError(
            say("The run was trained on other data"), actual=data.hash[:12], expected=plan.data_hash[:12],
            remedy="--out FOLDER",
        )  # fmt: skip
    if plan.splits_hash != splits.hash:
        raise PupilaError(
            say("The run was trained on another split"), actual=splits.hash[:12], expected=plan.splits_hash[:12],
            remedy=say("--out FOLDER trains on the split that is there now"),
        )  # fmt: skip


def check_same_settings(settings: TrainSettings, stored: dict[str, Any]) -> None:
    """Refuse settings that differ from those of the resumed run; `workers` may differ.

    Args:
        settings: given now.
        stored: given when the run was started, as JSON.

    Raises:
        PupilaError: they differ.
    """
    requested = settings.model_dump(mode="json", exclude_unset=True, exclude={"workers"})
    other = {name: value for name, value in requested.items() if name not in stored or stored[name] != value}
    if other:
        raise PupilaError(
            say("The run to resume has other settings"), actual=_format_settings(other),
            expected=_format_settings({name: stored.get(name, say("not set")) for name in other}),
            remedy=say("omit these settings, or --out FOLDER to start another run"),
        )  # fmt: skip


def _format_settings(settings: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in settings.items())
