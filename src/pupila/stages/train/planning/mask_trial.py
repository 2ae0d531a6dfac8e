"""Try view and loss of a segmentation model in short trainings, where a class is thin or rare."""

from typing import Any

from pupila.core.messages import say
from pupila.learning.models.network import NO_WEIGHTS
from pupila.learning.models.segment import SIDE
from pupila.stages.train.planning.mask_sizes import (
    LARGER_SIZES,
    TILE_SIDE,
    MaskSizes,
    pick_epochs,
)
from pupila.stages.train.task_settings.segment import SegmentTrainPlan, SegmentTrainSettings
from pupila.stages.train.trials.trial import Candidate, Trials, choose, describe
from pupila.tasks.segment import foreground_classes

RARE = 0.03  # share of the pixels; of a class below it the loss matters
RARE_LOSS = "tversky+cross_entropy"
TRIAL_SHARE = 1 / 8  # of the epochs of the fine-tuning, for each candidate
LEAST_STEPS = 12  # of a candidate; with fewer a trial says nothing


def decide_by_trial(
    settings: SegmentTrainSettings, plan: SegmentTrainPlan, trials: Trials
) -> SegmentTrainPlan:
    """The plan with the view and the loss that win a short trial, where a class is thin or rare.

    What the rules chose comes first: another choice has to beat it by more than noise.
    """
    if settings.budget is not None or plan.weights == NO_WEIGHTS or not plan.unfreeze:
        return plan
    changes = [*_list_views(plan, trials), *_list_losses(plan, trials)]
    steps = TRIAL_SHARE * plan.finetune_epochs * len(trials.split.train) / plan.batch_size
    if not changes or steps < LEAST_STEPS:
        return plan
    changes = [{}, *changes]
    results = trials.run(plan, [_make_candidate(plan.model_copy(update=own)) for own in changes])
    if not results:
        return plan
    chosen = changes[results.index(choose(results))]
    tried = [name for name in ("view", "image_size", "loss") if any(name in own for own in changes)]
    reasons = {**plan.reasons, **{name: describe(results) for name in tried if name in plan.reasons}}
    return plan.model_copy(update={**chosen, "reasons": reasons})


def _make_candidate(plan: SegmentTrainPlan) -> Candidate:
    """A short training of the plan."""
    text = say("{view} of {size} pixels with {loss}", view=plan.view, size=plan.image_size, loss=plan.loss)
    short = {"epochs": 1, "finetune_epochs": max(1, round(TRIAL_SHARE * plan.finetune_epochs))}
    names = ("view", "image_size", "overlap", "loss")
    return Candidate(text, {**{name: getattr(plan, name) for name in names}, **short})


def _list_views(plan: SegmentTrainPlan, trials: Trials) -> list[dict[str, Any]]:
    """Tiles in place of large images, or the other way round, in a training of the same cost."""
    if "view" not in plan.reasons or (plan.view, plan.image_size) == ("resize", SIDE):
        return []
    scenes = MaskSizes(trials.data, [*trials.split.train, *trials.split.validation], SIDE, 1)
    view, side = "tile" if plan.view == "resize" else "resize", plan.image_size
    if "image_size" in plan.reasons:
        fitting = [size for size in LARGER_SIZES if size**2 <= scenes.pixels]
        side = TILE_SIDE if view == "tile" else max(fitting, default=SIDE)
    changes = {"view": view, "image_size": side, "overlap": side // 4 if view == "tile" else 0}
    if "finetune_epochs" in plan.reasons:
        changes["finetune_epochs"] = pick_epochs(scenes.count_inputs(view, side))[0]
    return [changes]


def _list_losses(plan: SegmentTrainPlan, trials: Trials) -> list[dict[str, Any]]:
    """A loss for which a missed pixel is worse than a false alarm, where a class is rare."""
    shares = trials.data.shares[trials.split.train].mean(axis=0)
    own = [shares[index] for index in foreground_classes(plan.classes)]
    if "loss" not in plan.reasons or min((share for share in own if share > 0), default=1.0) >= RARE:
        return []
    return [{"loss": RARE_LOSS}]
