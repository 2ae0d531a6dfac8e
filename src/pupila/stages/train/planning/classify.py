"""Plan the training of classifiers."""

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.learning.losses import OVERLAP_LOSSES, parse_loss
from pupila.learning.models.network import Network
from pupila.stages.train.measure import measure_precision
from pupila.stages.train.planning.planner import (
    Needs,
    TaskPlanner,
    check_criterion,
    freeze_all,
    keep_preprocessing,
    needs_of_views,
)
from pupila.stages.train.settings import conflicting_settings, skips_training
from pupila.stages.train.task_settings.classify import ClassifyTrainPlan, ClassifyTrainSettings
from pupila.statistics.metrics.threshold import parse_objective


def _check(settings: ClassifyTrainSettings, data: Dataset) -> None:
    if len(data.classes) < 2 and not skips_training(settings):
        raise PupilaError(
            say("Too few classes to train"), actual=say("one class: {names}", names=listing(data.classes)),
            expected=say("at least two classes"),
        )  # fmt: skip
    if settings.class_weights != "none" and settings.sampling == "balanced":
        raise conflicting_settings(
            f"class_weights={settings.class_weights}, sampling=balanced",
            say("only one of them: together they count rare classes twice"),
            "--sampling natural",
        )
    if settings.threshold is not None:
        if len(data.classes) != 2:
            raise conflicting_settings(
                f"threshold={settings.threshold}",
                say("data with two classes, not {n}", n=len(data.classes)),
                "--threshold null",
            )
        parse_objective(settings.threshold, data.classes)
    losses = [] if settings.loss == "auto" else [name for _, name in parse_loss(settings.loss)]
    if overlaps := [name for name in losses if name in OVERLAP_LOSSES]:
        raise conflicting_settings(
            f"loss={settings.loss}",
            say("a segmentation task for {names}", names=listing(overlaps)),
            "--loss cross_entropy",
        )
    check_criterion(settings)


def _pick_precision(network: Network, device: str, unfreeze: int | str) -> tuple[str, str]:
    if not unfreeze:
        return "float32", say("only the head is trained, which is fast")
    return measure_precision(network, device)


def _list_needs(settings: ClassifyTrainSettings, plan: ClassifyTrainPlan, network: Network) -> Needs:
    return {
        "focal_gamma": ("focal" in plan.loss, "--loss focal"),
        "head_width": (settings.head == "dense", "--head dense"),
        "dropout": (settings.head == "dense", "--head dense"),
        **needs_of_views(settings.augmented_views, plan, network),
    }


CLASSIFY_PLANNER = TaskPlanner(
    defaults=lambda network: {"loss": "cross_entropy", "epochs": 20, "finetune_epochs": 10},
    augment="A1",
    max_batch_size=32,
    check=_check,
    prepare=keep_preprocessing,
    pick_unfreeze=freeze_all,
    pick_precision=_pick_precision,
    needs=_list_needs,
)
