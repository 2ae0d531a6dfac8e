"""The record of what planning does differently for each task, and what two tasks share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.messages import say
from pupila.imaging.images.preprocess import Preprocessing
from pupila.learning.losses import parse_loss
from pupila.learning.models.network import Network
from pupila.stages.train.settings import TrainPlan, conflicting_settings
from pupila.stages.train.task_settings.shared import CriterionSettings

Needs = dict[str, tuple[bool, str]]  # setting -> whether it has an effect, and what it needs to have one


@dataclass(frozen=True, slots=True)
class TaskPlanner:
    """How the settings of one task are checked and decided. Settings and plan are those of the task."""

    defaults: Callable[[Network], dict[str, Any]]  # what "auto" means where nothing is measured
    augment: str  # the preset that "auto" means, unless `defaults` has another
    max_batch_size: int  # largest that "auto" takes
    check: Callable[[Any, Dataset], None]  # refuse unusable settings
    prepare: Callable[
        [Any, Preprocessing], Preprocessing
    ]  # apply the settings to the network's preprocessing
    pick_unfreeze: Callable[[Network], tuple[int, str]]  # blocks of a pretrained encoder, and the reason
    pick_precision: Callable[
        [Network, str, int | str], tuple[str, str]
    ]  # device, unfreeze to it and the reason
    needs: Callable[[Any, Any, Network], Needs]  # settings, plan, network; of the task's own settings


def keep_preprocessing(settings: object, preprocessing: Preprocessing) -> Preprocessing:
    """The preprocessing of a task whose settings do not change it."""
    return preprocessing


def freeze_all(network: Network) -> tuple[int, str]:
    """No unfrozen block: the features of the frozen encoder are computed once."""
    return 0, say("pretrained weights: only the head is trained")


def check_criterion(settings: CriterionSettings) -> None:
    """Refuse an unknown loss, and label smoothing that the loss ignores."""
    if settings.loss == "auto":
        return
    parse_loss(settings.loss)
    if settings.label_smoothing and "cross_entropy" not in settings.loss:
        raise conflicting_settings(f"loss={settings.loss}, label_smoothing={settings.label_smoothing}",
                      say("cross_entropy, the only loss with label smoothing"), "--label-smoothing 0")  # fmt: skip


def needs_of_views(augmented_views: int | str, plan: TrainPlan, network: Network) -> Needs:
    """The needs of `augmented_views`."""
    frozen = network.pretrained and plan.epochs > 0
    return {
        "augmented_views": (
            augmented_views == 1 or (frozen and plan.augment != "none"),
            say("a frozen pretrained encoder with augmentation"),
        )
    }
