"""Fit a training into a time budget, by timing a few images and steps."""

from pupila.core.vocabulary import VALIDATION
from pupila.stages.train.budgets.classify import CLASSIFY_BUDGET
from pupila.stages.train.budgets.cost import (
    BudgetedSettings,
    Cost,
    Room,
    TaskBudget,
    Timed,
    describe_overrun,
)
from pupila.stages.train.budgets.segment import SEGMENT_BUDGET
from pupila.stages.train.budgets.watch import BudgetWatch
from pupila.stages.train.measure import resolve_device, time_step
from pupila.stages.train.settings import TrainSettings

# Promptable models have no budget: they are trained on cached embeddings, or for hours.
BUDGETS: dict[str, TaskBudget] = {
    "classify": CLASSIFY_BUDGET,
    "multilabel": CLASSIFY_BUDGET,  # the same networks
    "segment": SEGMENT_BUDGET,
}
MOST = 1.1  # times the budget that a run may take


def fit_to_budget(
    settings: TrainSettings, timed: Timed, watch: BudgetWatch, room: Room, task: str
) -> BudgetedSettings:
    """Decide image size, epochs, augmented views and unfrozen blocks so that training ends in time.

    Where not even the end of the run fits, the least is trained, and the user is warned.

    Args:
        settings: of the user.
        timed: network and images.
        watch: of the run.
        room: what spends its time.
        task: name.
    """
    spending, device = BUDGETS[task], resolve_device(settings.device)
    with watch.step("measuring"):
        cost = _measure_cost(settings, timed, spending, device)
    if watch.elapsed + watch.reserve / 2 > MOST * watch.log.seconds:  # the half of it, for it is an estimate
        watch.tell(describe_overrun(watch.elapsed, watch.reserve, watch.log.seconds))
    decided = BudgetedSettings(settings)
    spending.fit(decided, cost, room, timed)
    return decided


def _measure_cost(settings: TrainSettings, timed: Timed, spending: TaskBudget, device: str) -> Cost:
    rows, folds = timed.rows, timed.folds
    loading = timed.time_loading()
    encoding, step = spending.time_network(settings, timed.network, device)
    images = round(len(rows) * (folds - 1) / folds) if folds else len(rows)
    others = len(rows) - images if folds else len(timed.splits.in_split(VALIDATION))
    return Cost(
        images, others, loading, encoding, step, timed.network.preprocessing.height,
        time_blocks=lambda blocks: time_step(timed.network, device, unfreeze=blocks),
    )  # fmt: skip
