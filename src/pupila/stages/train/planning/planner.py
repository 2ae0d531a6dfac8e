"""The record of what planning does differently for each task, and what two tasks share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.imaging.images.preprocess import Preprocessing
from pupila.learning.losses.classes import LOSSES
from pupila.learning.losses.labels import LABEL_LOSSES
from pupila.learning.losses.sums import LossBuilder, loss_names, parse_loss
from pupila.learning.models.network import Network
from pupila.stages.train.measure import measure_precision
from pupila.stages.train.settings import TrainPlan, TrainSettings, conflicting_settings, skips_training
from pupila.stages.train.task_settings.shared import CriterionSettings
from pupila.stages.train.trials.trial import Trials

Decisions = dict[str, tuple[Any, str]]  # setting -> its value, and the reason
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
    # Settings as the user gave them and the number of training images, to settings of which something is decided before
    # the network is built, and the reasons.
    settle: Callable[[Any, int], tuple[Any, dict[str, str]]] = lambda settings, images: (settings, {})
    # Settings, network and what a probe needs, to the fit that "auto" means and the reason; None: there is no choice.
    choose_fit: Callable[[Any, Network, Trials | None], tuple[str, str]] | None = None
    # The same and the usual preset, to the augmentation that "auto" means and the reason; None: always the preset.
    choose_augment: Callable[[Any, Network, Trials, str], tuple[str, str]] | None = None
    # Settings, data set, rows outside of the test split, to what has to be decided before the network is built.
    decide_from_data: Callable[[Any, Dataset, list[int]], Decisions] = lambda settings, data, rows: {}
    # Settings as the user gave them and the plan, to the plan with what short trials decide.
    decide_by_trial: Callable[[Any, Any, Trials], Any] = lambda settings, plan, trials: plan
    recipes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # name to its settings


def require_training(settings: TrainSettings, problem: str) -> None:
    """Refuse to bundle a pretrained model unchanged, with this problem as the error."""
    if skips_training(settings):
        raise PupilaError(
            problem, actual="epochs=0", expected=say("at least one epoch"), remedy="--epochs 20"
        )  # fmt: skip


def keep_preprocessing(settings: object, preprocessing: Preprocessing) -> Preprocessing:
    """The preprocessing of a task whose settings do not change it."""
    return preprocessing


def freeze_all(network: Network) -> tuple[int, str]:
    """No unfrozen block: the features of the frozen encoder are computed once."""
    return 0, say("pretrained weights: only the head is trained")


def pick_head_precision(network: Network, device: str, unfreeze: int | str) -> tuple[str, str]:
    """float32 where only the head is trained, else what is measured to be fast; and the reason."""
    if not unfreeze:
        return "float32", say("only the head is trained, which is fast")
    return measure_precision(network, device)


@dataclass(frozen=True, slots=True)
class TaskLosses:
    """The losses of one task."""

    catalogue: Mapping[str, LossBuilder]  # the usual one first
    smoothed: str  # the one with label smoothing


def check_criterion(settings: CriterionSettings, losses: TaskLosses) -> None:
    """Refuse an unknown loss, one of another task, and label smoothing that the loss ignores."""
    if settings.loss == "auto":
        return
    names = loss_names(settings.loss)
    if {*names} & {*LOSSES, *LABEL_LOSSES} - {*losses.catalogue}:
        raise conflicting_settings(
            f"loss={settings.loss}",
            say("a loss for this task: {names}", names=listing(list(losses.catalogue))),
            f"--loss {next(iter(losses.catalogue))}",
        )
    parse_loss(settings.loss, losses.catalogue)
    if settings.label_smoothing and losses.smoothed not in names:
        raise conflicting_settings(
            f"loss={settings.loss}, label_smoothing={settings.label_smoothing}",
            say("{loss}, the only loss with label smoothing", loss=losses.smoothed), "--label-smoothing 0",
        )  # fmt: skip


def unfrozen_blocks() -> str:
    """What settings of the fine-tuning need."""
    return say("unfrozen blocks of a pretrained encoder, such as --unfreeze 3")


def needs_of_views(augmented_views: int | str, plan: TrainPlan, network: Network) -> Needs:
    """The needs of `augmented_views`."""
    frozen = network.pretrained and plan.epochs > 0
    return {
        "augmented_views": (
            augmented_views == 1 or (frozen and plan.augment != "none"),
            say("a frozen pretrained encoder with augmentation"),
        )
    }
