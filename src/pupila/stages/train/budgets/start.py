"""The watch of a run from its beginning to its end."""

from collections.abc import Callable
from typing import Any

from pupila.artifacts.run.budget import BudgetLog
from pupila.core.durations import parse_seconds
from pupila.core.messages import say
from pupila.stages.train.budgets.watch import BudgetWatch
from pupila.stages.train.clock import CommandClock
from pupila.stages.train.config import TrainConfig
from pupila.stages.train.phases import FINETUNE
from pupila.stages.train.settings import TrainPlan, skips_training


def start_watch(config: TrainConfig, clock: CommandClock, tell: Callable[[str], None]) -> BudgetWatch | None:
    """The watch of a new run; None without a budget, or without a training."""
    if config.budget is None or skips_training(config):
        return None
    watch = BudgetWatch(
        BudgetLog(seconds=parse_seconds(config.budget, say("Invalid budget"))), clock.wall, tell=tell
    )
    watch.start_slowness = clock.slowness()
    watch.end("start", 0.0)
    return watch


def resume_watch(
    log: BudgetLog | None, clock: CommandClock, tell: Callable[[str], None]
) -> BudgetWatch | None:
    """The watch of a resumed run; None without a budget."""
    return None if log is None else BudgetWatch(log, clock.wall, tell=tell)


def prepare_watch(watch: BudgetWatch, plan: TrainPlan, settings: dict[str, Any], pretrained: bool) -> None:
    """Tell the watch which trainings the plan has, and which number of epochs the user left open."""
    watch.trainings = plan.folds + (not plan.ensemble) if plan.folds else 1
    epochs = "finetune_epochs" if pretrained else "epochs"
    watch.open = frozenset() if epochs in settings else frozenset({FINETUNE})


def apply_skips(plan: TrainPlan, log: BudgetLog) -> TrainPlan:
    """The plan without unfrozen blocks, if there was no time for them in any training."""
    decisions = [entry for entry in log.decisions if entry.step.endswith(FINETUNE) and entry.name == "epochs"]
    if not decisions or any(entry.value for entry in decisions):
        return plan
    reasons = {**plan.reasons, "unfreeze": decisions[-1].reason}
    return plan.model_copy(update={"unfreeze": 0, "reasons": reasons})
