"""A budget for classifiers: a head on cached features, then the last blocks; or all weights at a smaller image size."""

from pupila.core.messages import number, say
from pupila.learning.models.network import Network
from pupila.stages.train.budgets.cost import (
    MAX_EPOCHS,
    MIN_FINETUNE_EPOCHS,
    BudgetedSettings,
    Cost,
    TaskBudget,
    Timed,
    refuse_budget,
)
from pupila.stages.train.measure import pick_engine, time_step
from pupila.stages.train.settings import TrainSettings

IMAGE_SIZES = (256, 224, 192, 160, 128, 96, 64)  # pixels, candidates
ENOUGH_EPOCHS = 15  # from scratch; a smaller image size is chosen until this many fit
MAX_FINETUNE_EPOCHS, MAX_VIEWS = 15, 10
FINETUNED_BLOCKS = 3


def _time_network(settings: TrainSettings, network: Network, device: str) -> tuple[float, float]:
    encoding = pick_engine(network, device).seconds if network.pretrained else 0.0
    return encoding, time_step(network, device)


def _fit(decided: BudgetedSettings, cost: Cost, left: float, timed: Timed) -> None:
    fit = _fit_pretrained if timed.network.pretrained else _fit_from_scratch
    fit(decided, cost, left, timed)


def _fit_pretrained(decided: BudgetedSettings, cost: Cost, left: float, timed: Timed) -> None:
    """Encode once for all trainings, train the head, and unfreeze the last blocks if the remaining time allows it."""
    pictures = (cost.images + cost.validation_images) * cost.loading
    once = pictures + (cost.images + cost.validation_images) * cost.encoding
    if once > left:
        refuse_budget(once)
    more = (left / 2 - once) / (cost.images * (cost.encoding + cost.loading))
    views = max(1, min(MAX_VIEWS, 1 + int(more)))
    decided.set("augmented_views", views, say(
        "half of the budget encodes {n} augmented views per image at {ms} ms each",
        n=views, ms=number(1e3 * (cost.encoding + cost.loading), 1),
    ))  # fmt: skip
    spent = once + (views - 1) * cost.images * (cost.encoding + cost.loading)
    epoch = timed.trainings * (
        cost.images * (cost.step + cost.loading) + cost.validation_images * cost.encoding
    )
    epochs = min(MAX_FINETUNE_EPOCHS, int((left - spent) / epoch))
    reason = say(
        "{left} s remain, and an epoch with unfrozen blocks takes {epoch} s",
        left=number(max(0.0, left - spent), 0),
        epoch=number(epoch, 0),
    )
    decided.set("unfreeze", FINETUNED_BLOCKS if epochs >= MIN_FINETUNE_EPOCHS else 0, reason)
    if epochs >= MIN_FINETUNE_EPOCHS:
        decided.set("finetune_epochs", epochs, reason)


def _fit_from_scratch(decided: BudgetedSettings, cost: Cost, left: float, timed: Timed) -> None:
    """Choose the largest image size at which enough epochs fit."""
    usual, largest = decided.settings.image_size, timed.median_side
    sizes = (
        [cost.image_size]
        if usual != "auto"
        else [s for s in IMAGE_SIZES if s <= min(cost.image_size, largest)] or [64]
    )
    for side in sizes:
        step = cost.step * (side / cost.image_size) ** 2
        epoch = timed.trainings * (
            cost.images * (step + cost.loading) + cost.validation_images * (step / 3 + cost.loading)
        )
        epochs = int((left - (cost.images + cost.validation_images) * cost.loading) / epoch)
        if epochs >= ENOUGH_EPOCHS:
            break
    if epochs < 1:
        refuse_budget(epoch)
    decided.set("image_size", side, say(
        "the largest size at which {enough} epochs fit, or the smallest; the median image side is {largest} pixels",
        enough=ENOUGH_EPOCHS, largest=largest,
    ))  # fmt: skip
    decided.set("epochs", min(MAX_EPOCHS, epochs), say(
        "an epoch takes {epoch} s at this image size, and {left} s are available",
        epoch=number(epoch, 1), left=number(left, 0),
    ))  # fmt: skip


CLASSIFY_BUDGET = TaskBudget(
    timed_side=lambda settings, network: None,
    time_network=_time_network,
    overhead=lambda cost, trainings: 0.0,
    fit=_fit,
)
