"""The time that a budget leaves before the training: it is spent on images, or only planned."""

from collections.abc import Callable
from dataclasses import dataclass

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.core.messages import say
from pupila.learning.models.network import Network
from pupila.learning.pool import EncoderPool
from pupila.stages.train.budgets.cost import Cost
from pupila.stages.train.budgets.filling import VIEWS_SHARE, fill_in_time, order_rows, take_images
from pupila.stages.train.budgets.watch import BudgetWatch
from pupila.stages.train.plan import MAX_VIEWS
from pupila.stages.train.settings import TrainPlan, TrainSettings


@dataclass(frozen=True, slots=True)
class FilledRoom:
    """The `Room` of a training.

    Args:
        data: the data set.
        splits: made from it.
        pool: of the run.
        watch: of the run.
        decide: settings to the plan of a training with a frozen encoder, and its network.
    """

    data: Dataset
    splits: SplitFile
    pool: EncoderPool
    watch: BudgetWatch
    decide: Callable[[TrainSettings], tuple[TrainPlan, Network]]

    @property
    def left(self) -> float:
        """See `Room`."""
        return self.watch.left

    def expect(self, **seconds: float) -> None:
        """See `Room`."""
        self.watch.expect(**seconds)

    def fill(self, settings: TrainSettings, cost: Cost, share: float = 1.0) -> int:
        """See `Room`."""
        plan, network = self.decide(settings)
        ordered = order_rows(self.data, self.splits, plan.seed)
        if share < 1:
            images = round(share * len(ordered.rows))
            ordered = take_images(ordered, images, say("one epoch of all images takes longer"), self.watch)
        return fill_in_time(self.data, ordered, plan, network, self.pool, self.watch)


class PlannedRoom:
    """The `Room` of a plan without a training: nothing is encoded, what it would take is subtracted."""

    def __init__(self, watch: BudgetWatch) -> None:
        self._watch, self._spent = watch, 0.0

    @property
    def left(self) -> float:
        """See `Room`."""
        return self._watch.left - self._spent

    def expect(self, **seconds: float) -> None:
        """See `Room`."""
        self._watch.expect(**seconds)

    def fill(self, settings: TrainSettings, cost: Cost, share: float = 1.0) -> int:
        """See `Room`."""
        each = cost.loading + cost.encoding
        self._spent += share * (cost.images + cost.validation_images) * each
        views = 1 + int(VIEWS_SHARE * max(0.0, self.left) / (cost.images * each)) if cost.encoding else 1
        views = min(views, MAX_VIEWS if settings.augmented_views == "auto" else settings.augmented_views)  # type: ignore[attr-defined]
        self._spent += (views - 1) * cost.images * each
        return views
