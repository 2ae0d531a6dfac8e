"""From the user's settings and the data to a plan and the untrained network."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.dataset.versions.identity import hash_version
from pupila.artifacts.run.budget import BudgetLog
from pupila.core.durations import parse_seconds
from pupila.core.messages import say
from pupila.core.vocabulary import TRAIN, VALIDATION
from pupila.learning.models.build import BUILDERS
from pupila.learning.models.built import own_encoder
from pupila.learning.models.network import Network
from pupila.learning.pool import EncoderPool
from pupila.stages.train.budget import BUDGETS, fit_to_budget
from pupila.stages.train.budgets.cost import BudgetedSettings, Room, Timed
from pupila.stages.train.budgets.finish import expect_finish
from pupila.stages.train.budgets.room import FilledRoom, PlannedRoom
from pupila.stages.train.budgets.watch import BudgetWatch
from pupila.stages.train.catalogue import find_recipe
from pupila.stages.train.clock import CommandClock
from pupila.stages.train.config import TrainConfig
from pupila.stages.train.plan import (
    PLANNERS,
    check_ensemble_size,
    check_settings,
    count_training,
    decide,
    refuse_unused_settings,
)
from pupila.stages.train.planning.planner import TaskPlanner
from pupila.stages.train.recipe import TrainingRecipe
from pupila.stages.train.reference import leave_out_reference, settle_share
from pupila.stages.train.settings import TrainPlan, TrainSettings, skips_training
from pupila.stages.train.trials.trial import Trials

TRIAL_SECONDS = 300.0  # that a budget must leave for trials: they take about a minute


def find_training(data: Dataset, model: str) -> TrainingRecipe:
    """How a model learns from these data, which have labels."""
    assert data.task is not None
    return find_recipe(data.task.name, model)


def prepare_training(
    config: TrainConfig,
    data: Dataset,
    splits: SplitFile,
    pool: EncoderPool | None = None,
    tries: bool = True,
    watch: BudgetWatch | None = None,
) -> tuple[TrainPlan, Network]:
    """Decide the plan of a training, and build its network.

    Args:
        config: of the user.
        data: the data set.
        splits: made from it.
        pool: shared by the trainings of a process; None: nothing is shared.
        tries: whether short trials decide what is left open.
        watch: of a run with a budget; None: the plan alone is made, and no image is encoded.

    Raises:
        PupilaError: settings that are unusable, conflict, have no effect or belong to another task.
    """
    recipe = find_training(data, config.model)
    task = recipe.task.name
    requested: Any = config.for_task(task)
    planner = PLANNERS[task]
    preset = apply_recipe(requested, planner.recipes)
    settings, reasons = preset.settings, preset.reasons
    check_settings(settings, data, splits, task)
    settings, shared = settle_share(settings, data, splits, task)
    whole, splits = splits, leave_out_reference(data, splits, settings.reference_share, settings.seed)
    settings, settled = planner.settle(settings, count_training(data, splits))
    reasons = {**reasons, **shared, **settled}
    if config.budget is not None and not skips_training(config):
        inputs = _Inputs(data, splits, recipe, pool or EncoderPool())
        if planner.choose_fit is not None and settings.fit == "auto":  # images are prepared before any trial
            fit, reasons["fit"] = planner.choose_fit(settings, inputs.build(settings), None)
            settings = settings.model_copy(update={"fit": fit})
        fitted = _fit(settings, inputs, watch)
        settings, reasons = fitted.settings, {**reasons, **fitted.reasons}
    for name, (value, reason) in PLANNERS[task].decide_from_data(settings, data, _list_rows(splits)).items():
        settings, reasons = settings.model_copy(update={name: value}), {**reasons, name: reason}
    network = build_network(settings, data, recipe, pool)
    trials = None
    has_time = watch is None or watch.left > TRIAL_SECONDS
    if tries and has_time and not skips_training(config):
        trials = Trials(data, splits, lambda some: build_network(some, data, recipe, pool), pool)
    settings, network, measured = _choose_inputs(planner, settings, network, trials)
    reasons |= measured
    plan: TrainPlan = decide(settings, data, splits, network, task)
    plan = plan.model_copy(update={"reasons": {**plan.reasons, **reasons}, "splits_hash": whole.hash,
                                   "data_version": hash_version(data.hash, whole.hash)})  # fmt: skip
    if trials is not None:
        tried = planner.decide_by_trial(settings, plan, trials)
        network = network if tried == plan else build_network(tried, data, recipe, pool)
        plan = tried
    refuse_unused_settings(requested, plan, network)
    check_ensemble_size(plan, network)
    network = own_encoder(network) if plan.unfreeze else network
    return plan, network


def _choose_inputs(
    planner: TaskPlanner, settings: Any, network: Network, trials: Trials | None
) -> tuple[Any, Network, dict[str, str]]:
    """The settings with fit and augmentation decided where a task measures them, the network, and the reasons."""
    reasons: dict[str, str] = {}
    if planner.choose_fit is not None and settings.fit == "auto":
        fit, reasons["fit"] = planner.choose_fit(settings, network, trials)
        settings = settings.model_copy(update={"fit": fit})
        network = replace(network, preprocessing=planner.prepare(settings, network.preprocessing))
    if planner.choose_augment is not None and trials is not None and settings.augment == "auto":
        augment, reasons["augment"] = planner.choose_augment(settings, network, trials, planner.augment)
        settings = settings.model_copy(update={"augment": augment})
    return settings, network, reasons


def apply_recipe(settings: Any, recipes: Mapping[str, Mapping[str, Any]]) -> BudgetedSettings:
    """The settings with those of their recipe in place of what the user did not set."""
    decided = BudgetedSettings(settings)
    recipe = getattr(settings, "recipe", "auto")
    for name, value in recipes.get(recipe, {}).items():
        decided.set(name, value, say("recipe {name}", name=recipe))
    return decided


def _list_rows(splits: SplitFile) -> list[int]:
    """The rows of training and validation, or of all folds."""
    return [
        row for row, a in enumerate(splits.images) if a.split in (TRAIN, VALIDATION) or a.fold is not None
    ]


@dataclass(frozen=True, slots=True)
class _Inputs:
    data: Dataset
    splits: SplitFile
    recipe: TrainingRecipe
    pool: EncoderPool

    def build(self, settings: TrainSettings) -> Network:
        """The untrained network."""
        return build_network(settings, self.data, self.recipe, self.pool)

    def decide_frozen(self, settings: TrainSettings) -> tuple[TrainPlan, Network]:
        """The plan and the network as far as they concern images and cached features."""
        network = self.build(settings)
        some = settings.model_copy(update={"precision": "float32"})
        if network.pretrained:
            some = some.model_copy(update={"unfreeze": 0})
            network = self.build(some)
        plan: TrainPlan = decide(some, self.data, self.splits, network, self.recipe.task.name)
        return plan, network


def _fit(requested: Any, inputs: _Inputs, watch: BudgetWatch | None) -> BudgetedSettings:
    """The settings that fit into the time; with the watch of a run, images are prepared and encoded meanwhile."""
    task, network = inputs.recipe.task.name, inputs.build(requested)
    if (side := BUDGETS[task].timed_side(requested, network)) is not None:
        network = inputs.build(requested.model_copy(update={"image_size": side}))
    preset = PLANNERS[task].augment if requested.augment == "auto" else requested.augment
    timed = Timed(inputs.data, inputs.splits, network, preset)
    if watch is None:
        watch = BudgetWatch(
            BudgetLog(seconds=parse_seconds(requested.budget, say("Invalid budget"))),
            CommandClock.start_now().wall,
        )
        room: Room = PlannedRoom(watch)
    else:
        room = FilledRoom(inputs.data, inputs.splits, inputs.pool, watch, inputs.decide_frozen)
    images = len(inputs.splits.in_split(VALIDATION)) or len(timed.rows)

    def expect(frozen: bool) -> None:
        watch.expect(finish=watch.start_slowness * expect_finish(network, images, frozen))

    expect(network.pretrained and requested.unfreeze in (0, "auto"))
    fitted = fit_to_budget(requested, timed, watch, room, task)
    expect(network.pretrained and not fitted.settings.unfreeze)
    return fitted


def build_network(
    settings: TrainSettings, data: Dataset, recipe: TrainingRecipe, pool: EncoderPool | None = None
) -> Network:
    """The untrained network, the same for the same seed, whether its encoder comes from a pool or not.

    Where the settings leave open whether the encoder is trained, it may be shared: see `own_encoder`.
    """
    torch.manual_seed(settings.seed)
    classes = None if skips_training(settings) else len(data.classes)
    side = None if settings.image_size == "auto" else settings.image_size
    built = None if pool is None else pool.built
    network = BUILDERS[recipe.task.name](settings, classes, side, built)
    if settings.unfreeze not in (0, "auto"):
        network = own_encoder(network)
    spec = network.preprocessing.model_copy(update={"bands": data.bands})
    return replace(network, preprocessing=PLANNERS[recipe.task.name].prepare(settings, spec))
