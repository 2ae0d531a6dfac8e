"""How an image becomes the input of a classifier: what was set, over what the weights were made for."""

from typing import Any

from pupila.core.messages import say
from pupila.imaging.images.preprocess import Preprocessing
from pupila.stages.train.settings import conflicting_settings
from pupila.stages.train.task_settings.shared import InputSettings


def check_inputs(settings: InputSettings) -> None:
    """Refuse a share of a crop where nothing is cropped.

    Raises:
        PupilaError: such a share.
    """
    if settings.crop_share != "auto" and settings.fit != "crop":
        raise conflicting_settings(
            f"fit={settings.fit}, crop_share={settings.crop_share}",
            say("fit=crop: only a crop has a share"), "--fit crop",
        )  # fmt: skip


def prepare_inputs(settings: InputSettings, preprocessing: Preprocessing) -> Preprocessing:
    """The preprocessing that the weights were made for, with what the settings decide.

    Args:
        settings: of the user, or a plan.
        preprocessing: of the weights.
    """
    changed: dict[str, Any] = {}
    if settings.interpolation != "auto":
        changed["interpolation"] = settings.interpolation
    if settings.fit != "auto":
        own = preprocessing.crop_share if preprocessing.fit == "crop" else 1.0
        share = own if settings.crop_share == "auto" else settings.crop_share
        changed |= {"fit": settings.fit, "crop_share": share if settings.fit == "crop" else 1.0}
        changed |= {"padding": "mean"} if settings.fit == "pad" else {}
    return preprocessing.model_copy(update=changed)
