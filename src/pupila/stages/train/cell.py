"""One cell of a sweep: its plan and id, and its training up to the figures on validation, without any export."""

import math
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.run.folder import OUT_OF_FOLD_FILE
from pupila.artifacts.run.log import EpochLog, LogCallback, read_log
from pupila.artifacts.run.plan import PLAN_FILE, RUNNING, PlanFile, RunPlan, write_plan
from pupila.artifacts.sweep.cell import CellResult, CellTiming
from pupila.artifacts.sweep.definition import FixedChoice
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.json_text import dump_json
from pupila.core.messages import listing, say
from pupila.learning.export.exporters import check_exportable
from pupila.learning.models.network import Network
from pupila.learning.pool import EncoderPool
from pupila.stages.train.config import TrainConfig
from pupila.stages.train.measure import pick_engine
from pupila.stages.train.preparation import find_training, prepare_training
from pupila.stages.train.run import TrainingRun
from pupila.stages.train.settings import TrainPlan

_ID_DIGITS = 16
# Of a plan, what does not change what is trained: words, threads that load, and what other hashes cover.
_BESIDE = {"reasons", "workers", "weights", "data_parts", "data_version"}


def divide_threads(jobs: int) -> int:
    """Threads of torch for each of several processes on this machine."""
    return max(1, torch.get_num_threads() // jobs)


def find_metric(data: Dataset, models: Sequence[str]) -> tuple[str, str]:
    """The task of a sweep, and the metric on validation that its cells are compared by.

    Args:
        data: the data set, with labels.
        models: of the cells.

    Raises:
        PupilaError: models of several tasks, whose metrics can't be compared.
    """
    recipes = {model: find_training(data, model) for model in models}
    tasks = {recipe.task.name for recipe in recipes.values()}
    if len(tasks) > 1:
        names = [f"{model} ({recipe.task.name})" for model, recipe in recipes.items()]
        raise PupilaError(
            say("The models of a sweep belong to different tasks"), actual=listing(names),
            expected=say("models of one task, which have one metric"), remedy=say("a sweep for each task"),
        )  # fmt: skip
    recipe = recipes[models[0]]
    return recipe.task.name, recipe.metric(len(data.classes))


@dataclass(frozen=True, slots=True)
class FixedPart:
    """What is the same for all cells of a sweep, on every machine."""

    device: str  # "auto": not decided yet
    threads: int  # of torch
    choices: Sequence[FixedChoice] = ()  # so far, one for each encoder


@dataclass(frozen=True, slots=True)
class PlannedCell:
    """A cell with every "auto" decided."""

    id: str
    plan: TrainPlan
    settings: dict[str, Any]  # as the user gave them
    choice: FixedChoice  # of its encoder
    phases: dict[str, int]  # epochs of each phase of the training, by the setting that says them


def plan_cell(
    config: TrainConfig,
    data: Dataset,
    splits: SplitFile,
    fixed: FixedPart,
    pool: EncoderPool | None = None,
) -> PlannedCell:
    """Decide the plan of a cell.

    Args:
        config: its settings.
        data: the data set.
        splits: made from it.
        fixed: what was decided for the sweep, and for its encoders so far.
        pool: shared by the cells of a process.

    Raises:
        PupilaError: settings that are unusable, conflict or have no effect; an architecture that can't be exported.
    """
    torch.set_num_threads(fixed.threads)
    requested = config if config.device != "auto" else config.model_copy(update={"device": fixed.device})
    plan, network = prepare_training(
        requested, data, splits, pool, tries=False
    )  # cells differ in nothing else
    check_exportable(network)
    choice = _find_choice(plan, network, fixed.choices)
    plan = _apply(choice, plan)
    settings = config.model_dump(mode="json", exclude_unset=True)
    return PlannedCell(compute_id(plan, network), plan, settings, choice, _list_phases(plan, network))


def _list_phases(plan: TrainPlan, network: Network) -> dict[str, int]:
    """The epochs of the phases that a training has."""
    finetuned = network.pretrained and plan.unfreeze != 0
    epochs = {"epochs": plan.epochs, "finetune_epochs": plan.finetune_epochs if finetuned else 0}
    return {name: count for name, count in epochs.items() if count}


def _find_choice(plan: TrainPlan, network: Network, choices: Sequence[FixedChoice]) -> FixedChoice:
    """What was measured for the encoder before, or what the plan has measured now."""
    name = " ".join(filter(None, (network.name, network.encoder_name, _describe_options(network))))
    unfrozen = bool(plan.unfreeze) or not network.pretrained
    for choice in choices:
        if (choice.encoder, choice.image_size, choice.unfrozen) == (name, plan.image_size, unfrozen):
            return choice
    measured = "engine" in plan.reasons
    return FixedChoice(
        encoder=name, image_size=plan.image_size, unfrozen=unfrozen, engine=plan.engine, precision=plan.precision,
        milliseconds=round(1e3 * pick_engine(network, plan.device).seconds, 3) if measured else None,
    )  # fmt: skip


def _describe_options(network: Network) -> str:
    return dump_json(network.options, sort_keys=True, default=str) if network.options else ""


def _apply(choice: FixedChoice, plan: TrainPlan) -> TrainPlan:
    """The plan with the engine and the precision of the sweep, where they were measured and not given."""
    chosen = {"engine": choice.engine, "precision": choice.precision}
    other = {
        name: value for name, value in chosen.items() if name in plan.reasons and getattr(plan, name) != value
    }
    reasons = {**plan.reasons, **dict.fromkeys(other, say("fixed for all cells when the sweep began"))}
    return plan.model_copy(update={**other, "reasons": reasons})


def compute_id(plan: TrainPlan, network: Network) -> str:
    """The id of a cell: a hash of its plan, weights by their content, without paths, times and reasons."""
    fields = plan.model_dump(mode="json", exclude=_BESIDE)
    weights = [
        network.weights_hash if network.pretrained else "",
        network.parent,
        _hash_weights(plan.weights),
    ]
    text = dump_json({**fields, "weights": weights}, sort_keys=True)
    return files.sha256(text.encode())[:_ID_DIGITS]


@lru_cache(maxsize=64)
def _hash_weights(weights: str) -> str:
    """The hash of a file of weights; of a bundle nothing, which its parent's hash covers; else the word itself."""
    if not files.exists(weights):
        return weights
    return "" if files.is_folder(weights) else files.sha256(files.read_bytes(weights))


def write_planned(folder: str, cell: PlannedCell) -> None:
    """Write the plan of a cell into its folder, unless it is there."""
    if not files.exists(files.join(folder, PLAN_FILE)):
        write_plan(folder, PlanFile[RunPlan](state=RUNNING, settings=cell.settings, plan=cell.plan))


def train_cell(
    data: Dataset,
    splits: SplitFile,
    folder: str,
    choices: Sequence[FixedChoice],
    on_log: LogCallback,
    pool: EncoderPool | None = None,
) -> CellResult:
    """Train the cell whose plan lies in the folder, or resume it, up to its figures on validation.

    Args:
        data: the data set.
        splits: made from it.
        folder: of the cell; its name is the cell's id.
        choices: of the sweep, one for each encoder.
        on_log: called with each line of the log.
        pool: shared by the cells of a process.

    Raises:
        KeyboardInterrupt: Ctrl-C.
        PupilaError: the training failed.
    """
    start = time.monotonic()
    earlier = sum(line.seconds for line in read_log(folder))
    run = TrainingRun(data, splits, folder, on_log, pool)
    training = run.train_planned()
    summary, network = training.result.summary, training.trained.network
    choice = _find_choice(training.plan.model_copy(update={"reasons": {}}), network, choices)
    return CellResult(
        cell=folder.rpartition("/")[2],
        state="collapsed" if training.state == "collapsed" else "completed",
        metric=run.recipe.metric(len(training.plan.classes)),
        metrics=summary.metrics if summary else {},
        images=summary.n if summary else 0,
        groups=summary.groups if summary else 0,
        baseline=summary.baseline if summary else None,
        probe=summary.probe if summary else None,
        best_epoch=_find_best_epoch(run.log),
        epochs=len(run.log),
        parameters=network.parameters,
        encoder=network.weights_hash if network.pretrained else "",
        predictions=files.sha256(files.read_bytes(files.join(folder, OUT_OF_FOLD_FILE))),
        timing=CellTiming(
            seconds=round(earlier + time.monotonic() - start, 3),
            host=socket.gethostname(),
            milliseconds=choice.milliseconds,
        ),
    )


def _find_best_epoch(log: Sequence[EpochLog]) -> int:
    """The number of the best epoch, of equal scores that with the lowest loss; with folds, of the first fold."""
    first = [line for line in log if not line.part.startswith(("fold", "whole"))] or [
        line for line in log if line.part.startswith("fold0-")
    ]
    ranks = [
        (-math.inf if math.isnan(line.score) else line.score, -(line.validation_loss or 0.0))
        for line in first
    ]
    return ranks.index(max(ranks)) + 1 if ranks else 0
