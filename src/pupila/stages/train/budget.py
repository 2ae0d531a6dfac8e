"""Fit a training into a time budget, by timing a few images and steps."""

import re
import time
from collections.abc import Callable

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.vocabulary import VALIDATION
from pupila.learning.models.network import Network
from pupila.stages.train.budgets.classify import CLASSIFY_BUDGET
from pupila.stages.train.budgets.cost import RESERVE, SPARE, BudgetedSettings, Cost, TaskBudget, Timed
from pupila.stages.train.budgets.segment import SEGMENT_BUDGET
from pupila.stages.train.measure import resolve_device
from pupila.stages.train.plan import PLANNERS
from pupila.stages.train.settings import TrainSettings

# Promptable models have no budget: they are trained on cached embeddings, or for hours.
BUDGETS: dict[str, TaskBudget] = {
    "classify": CLASSIFY_BUDGET,
    "multilabel": CLASSIFY_BUDGET,  # the same networks
    "segment": SEGMENT_BUDGET,
}
_UNITS = {"s": 1, "m": 60, "h": 3600}


def parse_seconds(budget: str) -> float:
    """`90s`, `15m` or `2h` in seconds.

    Raises:
        PupilaError: anything else.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh])", str(budget).strip())
    if not match or not float(match[1]):
        raise PupilaError(
            say("Invalid budget"), actual=repr(budget), expected=say("a time such as 90s, 15m or 2h")
        )
    return float(match[1]) * _UNITS[match[2]]


def fit_to_budget(
    settings: TrainSettings,
    budget: str,
    splits: SplitFile,
    data: Dataset,
    build_network: Callable[[TrainSettings], Network],
    task: str,
) -> BudgetedSettings:
    """Decide image size, epochs, augmented views and unfrozen blocks so that training ends in time.

    Raises:
        PupilaError: the budget is not a time, or too short for one epoch.
    """
    start = time.monotonic()
    seconds, spending = parse_seconds(budget), BUDGETS[task]
    network = build_network(settings)
    if (side := spending.timed_side(settings, network)) is not None:
        network = build_network(settings.model_copy(update={"image_size": side}))
    preset = PLANNERS[task].augment if settings.augment == "auto" else settings.augment
    timed = Timed(data, splits, network, preset)
    cost = _measure_cost(settings, timed, spending)
    spent = RESERVE + (time.monotonic() - start) + spending.overhead(cost, timed.trainings)
    decided = BudgetedSettings(settings)
    spending.fit(decided, cost, SPARE * (seconds - spent), timed)
    return decided


def _measure_cost(settings: TrainSettings, timed: Timed, spending: TaskBudget) -> Cost:
    rows, folds = timed.rows, timed.folds
    loading = timed.time_loading()
    encoding, step = spending.time_network(settings, timed.network, resolve_device(settings.device))
    images = round(len(rows) * (folds - 1) / folds) if folds else len(rows)
    others = len(rows) - images if folds else len(timed.splits.in_split(VALIDATION))
    return Cost(images, others, loading, encoding, step, timed.network.preprocessing.height)
