"""Plan the training of promptable models."""

from typing import Any

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.learning.models.network import Network
from pupila.learning.models.settings import PUPILA_SAM
from pupila.stages.train.config import write_flag
from pupila.stages.train.planning.planner import (
    Needs,
    TaskPlanner,
    freeze_all,
    keep_preprocessing,
    needs_of_views,
)
from pupila.stages.train.settings import conflicting_settings
from pupila.stages.train.task_settings.prompt import PromptTrainPlan, PromptTrainSettings

_VIEWS = 4  # augmented views per image where "auto" decides


def _check(settings: PromptTrainSettings, data: Dataset) -> None:
    if data.target != "mask":
        raise PupilaError(
            say("Promptable models need masks"), actual=say("image labels: {names}", names=listing(data.classes)),
            expected=say("a data set with masks"), remedy="--model auto",
        )  # fmt: skip
    for name in ("ensemble", "test_time_flips"):
        if getattr(settings, name) != type(settings).model_fields[name].default:
            raise conflicting_settings(
                f"model={settings.model}, {name}={getattr(settings, name)}",
                say("a model without prompts: masks for a prompt are not averaged"),
                say("omit {flag}", flag=write_flag(name)),
            )


def _default_settings(network: Network) -> dict[str, Any]:
    """The defaults; the encoder of pupila-sam is fast enough for augmented views."""
    defaults: dict[str, Any] = {"epochs": 20, "finetune_epochs": 10, "lr": 1e-4}
    return defaults | ({"augmented_views": _VIEWS} if network.name == PUPILA_SAM else {"augment": "none"})


def _pick_precision(network: Network, device: str, unfreeze: int | str) -> tuple[str, str]:
    if not unfreeze:
        return "float32", say("only the head is trained, which is fast")
    return "float32", say("lower precisions are not measured for this device or model")


def _list_needs(settings: PromptTrainSettings, plan: PromptTrainPlan, network: Network) -> Needs:
    return {
        **needs_of_views(settings.augmented_views, plan, network),
        "cache": (network.pretrained and plan.epochs > 0, say("a frozen pretrained encoder")),
        "box_jitter": (settings.box_share > 0, "--box-share 0.5"),
        "points": (settings.box_share < 1, "--box-share 0.5"),
    }


PROMPT_PLANNER = TaskPlanner(
    defaults=_default_settings,
    augment="light",
    max_batch_size=2,
    check=_check,
    prepare=keep_preprocessing,
    pick_unfreeze=freeze_all,
    pick_precision=_pick_precision,
    needs=_list_needs,
)
