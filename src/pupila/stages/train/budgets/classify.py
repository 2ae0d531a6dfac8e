"""A budget for classifiers: a head on cached features, then the last blocks; or all weights at a smaller image size."""

from pupila.core.messages import number, say
from pupila.learning.models.network import Network
from pupila.stages.train.budgets.cost import (
    LEAST_SHARE,
    MAX_EPOCHS,
    MIN_FINETUNE_EPOCHS,
    BudgetedSettings,
    Cost,
    Room,
    TaskBudget,
    Timed,
)
from pupila.stages.train.measure import pick_engine, time_step
from pupila.stages.train.planning.unfreezing import FEW_BLOCKS
from pupila.stages.train.settings import TrainSettings

IMAGE_SIZES = (256, 224, 192, 160, 128, 96, 64)  # pixels, candidates
ENOUGH_EPOCHS = 15  # from scratch; a smaller image size is chosen until this many fit
MAX_FINETUNE_EPOCHS = 15
_FEWEST_EPOCHS: dict[int | str, int] = {
    "all": 5,
    FEW_BLOCKS: MIN_FINETUNE_EPOCHS,
}  # of blocks, tried in this order


def _time_network(settings: TrainSettings, network: Network, device: str) -> tuple[float, float]:
    encoding = pick_engine(network, device).seconds if network.pretrained else 0.0
    return encoding, time_step(network, device)


def _fit(decided: BudgetedSettings, cost: Cost, room: Room, timed: Timed) -> None:
    fit = _fit_pretrained if timed.network.pretrained else _fit_from_scratch
    fit(decided, cost, room, timed)


def _fit_pretrained(decided: BudgetedSettings, cost: Cost, room: Room, timed: Timed) -> None:
    """Encode once for all trainings, train the head, and unfreeze all or the last blocks if the time left allows it."""
    views = room.fill(decided.settings, cost)
    reason = say(
        "what half of the time was enough for, at {ms} ms per augmented view and image",
        ms=number(1e3 * (cost.encoding + cost.loading), 1),
    )
    given = decided.settings.augmented_views
    set_views = decided.set if given == "auto" or given <= views else decided.limit
    set_views("augmented_views", views, reason)
    if decided.settings.unfreeze == 0:
        return
    least, left = _FEWEST_EPOCHS, room.left
    if decided.is_set("unfreeze"):
        least = {decided.settings.unfreeze: MIN_FINETUNE_EPOCHS}
    blocks, epochs, epoch = _pick_blocks(least, cost, left, timed)
    room.expect(finetune=epoch, validation=cost.validation_images * cost.step / 3)
    reason = say(
        "{left} s remain, and an epoch with unfrozen blocks takes {epoch} s",
        left=number(max(0.0, left), 0),
        epoch=number(timed.trainings * epoch, 0),
    )
    decided.set("unfreeze", blocks, reason)
    if blocks:
        decided.set("finetune_epochs", epochs, reason)


def _pick_blocks(
    least_epochs: dict[int | str, int], cost: Cost, left: float, timed: Timed
) -> tuple[int | str, int, float]:
    """The blocks to unfreeze, 0 where there is no time for enough epochs; their epochs, and the seconds of one."""
    epochs, epoch = 0, 0.0
    for blocks, least in least_epochs.items():
        is_some = isinstance(blocks, int) and blocks < timed.network.body.depth
        step = cost.time_blocks(int(blocks)) if is_some else cost.step
        epoch = cost.images * (step + cost.loading) + cost.validation_images * cost.step / 3
        epochs = min(MAX_FINETUNE_EPOCHS, int(left / (timed.trainings * epoch)))
        if epochs >= least:
            return blocks if is_some else "all", epochs, epoch
    return 0, epochs, epoch


def _fit_from_scratch(decided: BudgetedSettings, cost: Cost, room: Room, timed: Timed) -> None:
    """Choose the largest image size at which enough epochs fit; at the smallest one as many images as one epoch has."""
    usual, largest, left = decided.settings.image_size, timed.median_side, room.left
    sizes = (
        [cost.image_size]
        if usual != "auto"
        else [s for s in IMAGE_SIZES if s <= min(cost.image_size, largest)] or [64]
    )
    images = cost.images + cost.validation_images
    for side in sizes:
        step = cost.step * (side / cost.image_size) ** 2
        validation = cost.validation_images * (step / 3 + cost.loading)
        epoch = cost.images * (step + cost.loading) + validation
        epochs = int((left - images * cost.loading) / (timed.trainings * epoch))
        if epochs >= ENOUGH_EPOCHS:
            break
    share = min(1.0, left / (timed.trainings * epoch + images * cost.loading))
    share = max(LEAST_SHARE, share)
    decided.set("image_size", side, say(
        "the largest size at which {enough} epochs fit, or the smallest; the median image side is {largest} pixels",
        enough=ENOUGH_EPOCHS, largest=largest,
    ))  # fmt: skip
    decided.set("epochs", min(MAX_EPOCHS, max(1, epochs)), say(
        "an epoch takes {epoch} s at this image size, and {left} s are available",
        epoch=number(timed.trainings * epoch, 1), left=number(max(0.0, left), 0),
    ))  # fmt: skip
    room.fill(decided.settings, cost, share)
    room.expect(finetune=share * epoch, validation=share * validation)


CLASSIFY_BUDGET = TaskBudget(
    timed_side=lambda settings, network: None,
    time_network=_time_network,
    fit=_fit,
)
