"""Refuse to resume a run with other data or other settings."""

from typing import Any

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, mark, say, translate
from pupila.stages.train.settings import TrainPlan, TrainSettings

# Of `Dataset.hash_parts`, in words.
_PARTS = {"images": mark("images"), "labels": mark("labels"), "groups": mark("groups"), "masks": mark("masks"),
          "given_splits": mark("given splits"), "bands": mark("bands"),
          "mask_classes": mark("classes of the masks")}  # fmt: skip


def check_same_data(plan: TrainPlan, data: Dataset, splits: SplitFile) -> None:
    """Refuse to resume on another data set, or on another split of the same one.

    Raises:
        PupilaError: the plan was made from others.
    """
    if plan.data_hash != data.hash:
        now, then = _shorten(data.hash, plan.data_hash)
        parts = [translate(_PARTS.get(name, name)) for name, digest in data.hash_parts.items()
                 if plan.data_parts.get(name, digest) != digest]  # fmt: skip
        differ = (
            say("other {parts}", parts=listing(parts))
            if parts
            else say("other labels, groups, masks or bands")
        )
        raise PupilaError(
            say("The run was trained on other data"), actual=say("{differ} (hash {hash})", differ=differ, hash=now),
            expected=say("hash {hash}", hash=then), remedy=say("restore them, or --out FOLDER to train another run"),
        )  # fmt: skip
    if plan.splits_hash != splits.hash:
        now, then = _shorten(splits.hash, plan.splits_hash)
        raise PupilaError(
            say("The run was trained on another split"), actual=now, expected=then,
            remedy=say("--out FOLDER trains on the split that is there now"),
        )  # fmt: skip


def _shorten(first: str, second: str) -> tuple[str, str]:
    """So much of two hashes that they differ."""
    end = next((n for n, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), 0)
    return first[: max(end + 1, 12)], second[: max(end + 1, 12)]


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
