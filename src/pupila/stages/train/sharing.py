"""What several planned trainings have in common is computed before the first one begins."""

from collections.abc import Sequence

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.core.vocabulary import TRAIN, VALIDATION
from pupila.learning.features import FeatureRequest, fill_features
from pupila.learning.pool import EncoderPool
from pupila.learning.trainers.catalogue import TRAINERS
from pupila.learning.trainers.trainer import SplitRows
from pupila.stages.train.preparation import build_network, find_training
from pupila.stages.train.settings import TrainPlan


def fill_shared_features(
    data: Dataset, trainings: Sequence[tuple[TrainPlan, SplitFile]], pool: EncoderPool
) -> int:
    """Compute the cached features of the trainings with a frozen phase, and return their number.

    Every view is drawn once for all encoders of one image size, whatever the order in which the trainings follow.

    Args:
        data: the data set.
        trainings: their plans, and the splits, made from the data.
        pool: shared by the trainings.

    Raises:
        PupilaError: an image that can't be read.
    """
    requests: list[FeatureRequest] = []
    for plan, splits in trainings:
        network = build_network(plan, data, find_training(data, plan.model), pool)
        if network.pretrained and network.task.caches_features and plan.epochs:
            trainer = TRAINERS[plan.task](data, _list_rows(data, splits, plan), plan, network, pool)
            requests += trainer.request_features()
    return fill_features(requests)


def _list_rows(data: Dataset, splits: SplitFile, plan: TrainPlan) -> SplitRows:
    """The labelled rows of the training and of the validation split; with folds, each row is in both."""
    targets = data.images["target"].to_list()
    images = [(row, a) for row, a in enumerate(splits.images) if targets[row] is not None]
    if plan.folds:
        rows = [row for row, a in images if a.fold is not None]
        return SplitRows(rows, rows)
    train, validation = ([row for row, a in images if a.split == name] for name in (TRAIN, VALIDATION))
    return SplitRows(train, validation)
