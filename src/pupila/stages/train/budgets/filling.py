"""Prepare and encode images until the time for it is over: first each image once, then its augmented views."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.run.budget import BudgetLog, ChoiceName
from pupila.core.messages import number, say, say_count
from pupila.core.progress import progress
from pupila.core.vocabulary import TRAIN, VALIDATION
from pupila.learning.features import fill_features
from pupila.learning.models.network import Network
from pupila.learning.pool import EncoderPool
from pupila.learning.trainers.catalogue import TRAINERS
from pupila.learning.trainers.images import count_head_views
from pupila.learning.trainers.trainer import SplitRows
from pupila.stages.train.budgets.watch import BudgetWatch
from pupila.stages.train.plan import list_folds
from pupila.stages.train.settings import TrainPlan
from pupila.statistics.stratified_order import order_groups

ENCODING = "images"  # step of a run
LEFT_OUT = "left out"  # split of the images for which there is no time
_SLICES, _LEAST = (
    32,
    32,
)  # slices of the images, between which the clock is read; images of one, and of a training
IMAGES_SHARE, VIEWS_SHARE = 0.8, 0.5  # of the time left: for each image once, then for its augmented views


@dataclass(frozen=True, slots=True)
class OrderedRows:
    """Labelled rows in an order whose every beginning is stratified: images of training and validation in turn."""

    rows: list[int]  # of the data set
    validation: frozenset[int]  # those of them that are not trained on
    folded: bool  # whether each row is trained on and validated

    def split(self, start: int, end: int) -> SplitRows:
        """Some of them."""
        some = self.rows[start:end]
        if self.folded:
            return SplitRows(some, some)
        train = [row for row in some if row not in self.validation]
        return SplitRows(train, [row for row in some if row in self.validation])


def order_rows(data: Dataset, splits: SplitFile, seed: int) -> OrderedRows:
    """The rows of training and validation, or of all folds; of related images the first ones come early."""
    targets = data.images["target"].to_list()
    labelled = [(row, a) for row, a in enumerate(splits.images) if targets[row] is not None]
    train = [row for row, a in labelled if a.split == TRAIN or a.fold is not None]
    validation = [row for row, a in labelled if a.split == VALIDATION and a.fold is None]
    placed: list[tuple[float, int]] = []
    for rows in filter(None, (validation, train)):
        groups = np.array([splits.images[row].component for row in rows])
        place = {group: number for number, group in enumerate(order_groups(groups, data.shares[rows], seed))}
        inside: dict[int, int] = {}  # group -> its images so far
        keys = []
        for row, group in zip(rows, groups.tolist(), strict=True):
            keys.append((inside.setdefault(group, 0), place[group], row))
            inside[group] += 1
        placed += [(number / len(rows), row) for number, (_, _, row) in enumerate(sorted(keys))]
    placed.sort(key=lambda entry: entry[0])
    return OrderedRows([row for _, row in placed], frozenset(validation), bool(list_folds(splits)))


def fill_in_time(
    data: Dataset,
    ordered: OrderedRows,
    plan: TrainPlan,
    network: Network,
    pool: EncoderPool,
    watch: BudgetWatch,
) -> int:
    """Prepare and encode what there is time for, and return the number of augmented views.

    What is cached already takes no time. Where even each image once is too much, the watch records how many images of
    training and of validation are used.

    Args:
        data: the data set.
        ordered: its rows.
        plan: whose augmented views are the most that are encoded.
        network: with a frozen encoder.
        pool: of the run.
        watch: of the run.
    """
    step = max(_LEAST, -(-len(ordered.rows) // _SLICES))
    starts = range(0, len(ordered.rows), step)
    caches = network.pretrained and network.task.caches_features and plan.epochs > 0

    def fill(start: int, views: int) -> None:
        some = plan.model_copy(update={"augmented_views": views} if caches else {})
        trainer = TRAINERS[plan.task](data, ordered.split(start, start + step), some, network, pool)
        fill_features(trainer.request_features() if caches else [])

    most = count_head_views(plan) if caches else 1  # type: ignore[arg-type]
    with watch.step(ENCODING), progress(say("preparing images"), most * len(starts)) as advance:
        begun, room = watch.elapsed, watch.left
        end, images = begun + IMAGES_SHARE * room, 0
        for start in starts:
            if images and watch.elapsed + (watch.elapsed - begun) * step / images >= end:
                break
            fill(start, 1)
            images = min(len(ordered.rows), start + step)
            advance(1)
        if images < len(ordered.rows):
            reason = say_count(
                "{s} s for {n} image", "{s} s for {n} images", images, s=number(watch.elapsed - begun, 0)
            )
            take_images(ordered, images, reason, watch)
            return 1
        return _fill_views(fill, starts, most, watch, advance)


def _fill_views(
    fill: Callable[[int, int], None],
    starts: range,
    most: int,
    watch: BudgetWatch,
    advance: Callable[[float], None],
) -> int:
    """Encode further augmented views of all images in half of the time left, and return their number."""
    end, views, taken = watch.elapsed + VIEWS_SHARE * max(0.0, watch.left), 1, 0.0
    while views < most and watch.elapsed + taken < end:
        before = watch.elapsed
        for start in starts:
            if watch.elapsed >= end:
                return views
            fill(start, views + 1)
            advance(1)
        views, taken = views + 1, watch.elapsed - before
    return views


def take_images(ordered: OrderedRows, images: int, reason: str, watch: BudgetWatch) -> OrderedRows:
    """Record that only the first images are used, and return them."""
    rows = ordered.rows[: max(images, _LEAST)]
    validation = ordered.validation.intersection(rows)
    numbers: dict[ChoiceName, tuple[int, int]] = {
        "training_images": (len(rows) - len(validation), len(ordered.rows) - len(ordered.validation)),
        "validation_images": (len(validation), len(ordered.validation)),
    }
    for name, (value, planned) in numbers.items():
        watch.decide(name, value, planned, reason, at=(ENCODING, 0))
    return OrderedRows(rows, validation, ordered.folded)


def leave_out(data: Dataset, splits: SplitFile, seed: int, log: BudgetLog) -> SplitFile:
    """The split without the images for which there was no time."""
    limits = [log.find(ENCODING, name) for name in ("training_images", "validation_images")]
    if not all(limits):
        return splits
    count = sum(entries[-1].value for entries in limits)
    unused = set(order_rows(data, splits, seed).rows[count:])
    images = [
        replace(a, split=LEFT_OUT, fold=None) if row in unused else a for row, a in enumerate(splits.images)
    ]
    return replace(splits, images=images)
