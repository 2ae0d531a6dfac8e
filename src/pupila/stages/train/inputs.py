"""Choose how an image becomes the input of a classifier, before the plan is made: the whole image, or a crop."""

from collections.abc import Callable
from typing import Any

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.core.messages import number, say, say_count
from pupila.imaging.images.decode import Array
from pupila.imaging.images.preprocess import Preprocessing
from pupila.learning.features import FeatureRequest, Features, fill_features
from pupila.learning.loader.images import ResizedImages
from pupila.learning.loader.views import AugmentedViews
from pupila.learning.models.network import Network
from pupila.learning.pool import EncoderPool
from pupila.stages.train.budgets.cost import list_training_rows
from pupila.stages.train.measure import pick_engine, resolve_device
from pupila.stages.train.settings import skips_training
from pupila.stages.train.trials.trial import Trials
from pupila.statistics.probe import FOLDS, ProbeComparison, compare_probes, probe_errors

Targets = Callable[[Dataset], Array]  # (N, C) float of every image: see `probe_errors`
SAMPLE = 256  # training images of a probe
SQUARE = 1.2  # ratio of the sides of most images, up to which a crop shows hardly more than the whole image


def choose_fit(
    settings: Any, network: Network, trials: Trials | None, list_targets: Targets
) -> tuple[str, str]:
    """The fit that "auto" means, and the reason.

    Squash shows the whole image, an object at the border too. A crop shows its centre larger and undistorted; it is
    taken where a linear probe of the encoder's features says that this is worth more.

    Args:
        settings: of a classifier.
        network: built from them; what they leave open in its preprocessing is that of the weights.
        trials: what a probe needs; None: nothing is tried.
        list_targets: of the task.
    """
    own = network.preprocessing
    if skips_training(settings):
        return own.fit, say("that of the weights")
    whole = say("the whole image, as an object may be at the border")
    if trials is None or not network.pretrained or own.fit != "crop":
        return "squash", whole
    targets = list_targets(trials.data)
    rows = _draw_sample(trials.splits, targets)
    groups = np.array([trials.splits.images[row].component for row in rows])
    if len(set(groups.tolist())) < 2 * FOLDS:
        return "squash", say("{whole}; too few groups to compare it with a crop", whole=whole)
    if _median_ratio(trials.data, rows) <= SQUARE:
        return "squash", say("{whole}; most images are almost square", whole=whole)
    squashed = own.model_copy(update={"fit": "squash", "crop_share": 1.0})
    features = _encode(settings, network, trials, rows, [squashed, own])
    first, second = (probe_errors(kind, targets[rows], groups) for kind in features)
    return _describe(compare_probes(first, second, groups), own.crop_share, len(rows))


def _draw_sample(splits: SplitFile, targets: Array) -> list[int]:
    """Rows of the training split, or of all folds, that have a target: the same ones for every seed."""
    rows = [row for row in list_training_rows(splits) if np.isfinite(targets[row]).any()]
    some = np.random.default_rng(0).permutation(len(rows))[:SAMPLE]
    return [rows[place] for place in sorted(some.tolist())]


def _median_ratio(data: Dataset, rows: list[int]) -> float:
    """The median ratio of the longer to the shorter side."""
    pixels = data.images.select("width", "height").to_numpy()[rows]
    return float(np.median(pixels.max(axis=1) / pixels.min(axis=1)))


def _encode(
    settings: Any, network: Network, trials: Trials, rows: list[int], specs: list[Preprocessing]
) -> list[Array]:
    """The cached features of the plain images under each preprocessing: (K, D) float32."""
    pool, device = trials.pool or EncoderPool(), resolve_device(settings.device)
    encoder = pool.encoder(pick_engine(network, device).engine, network, device)
    plain = [
        AugmentedViews(ResizedImages(trials.data, spec, rows, pool.stores), "none", settings.seed)
        for spec in specs
    ]
    kinds = [Features(views, encoder, stores=pool.stores) for views in plain]
    fill_features([FeatureRequest(kind, [(row, None) for row in rows]) for kind in kinds])
    return [kind(rows, None) for kind in kinds]


def _describe(comparison: ProbeComparison, share: float, images: int) -> tuple[str, str]:
    picked = "crop" if comparison.second_is_better else "squash"
    return picked, say_count(
        "R2 of a linear probe on {n} training image: {squash} with squash, {crop} with crop (crop_share {share}), "
        "standard error of the difference {error}",
        "R2 of a linear probe on {n} training images: {squash} with squash, {crop} with crop (crop_share {share}), "
        "standard error of the difference {error}",
        images, squash=number(comparison.first), crop=number(comparison.second), share=number(share),
        error=number(comparison.standard_error),
    )  # fmt: skip
