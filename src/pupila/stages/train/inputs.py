"""Choose the input of a classifier before the plan is made: the whole image or a crop, and whether it is augmented."""

from collections.abc import Callable
from typing import Any

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.core.messages import number, percent, say, say_count
from pupila.imaging.images.decode import Array
from pupila.imaging.images.preprocess import Preprocessing
from pupila.learning.features import FeatureRequest, Features, fill_features
from pupila.learning.loader.images import ResizedImages
from pupila.learning.loader.views import AugmentedViews, View
from pupila.learning.models.network import Network
from pupila.learning.pool import EncoderPool
from pupila.stages.train.budgets.cost import list_training_rows
from pupila.stages.train.measure import pick_engine, resolve_device
from pupila.stages.train.settings import skips_training
from pupila.stages.train.trials.trial import Trials
from pupila.statistics.probe import FOLDS, ProbeComparison, compare_probes, probe_errors, probe_hits

Targets = Callable[[Dataset], Array]  # (N, C) float of every image: see `probe_errors`
SAMPLE, VIEWS_SAMPLE = 256, 512  # training images of a probe of the fit, and of views
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
    rows = _draw_sample(trials.splits, targets, SAMPLE)
    groups = np.array([trials.splits.images[row].component for row in rows])
    if len(set(groups.tolist())) < 2 * FOLDS:
        return "squash", say("{whole}; too few groups to compare it with a crop", whole=whole)
    if _median_ratio(trials.data, rows) <= SQUARE:
        return "squash", say("{whole}; most images are almost square", whole=whole)
    squashed = own.model_copy(update={"fit": "squash", "crop_share": 1.0})
    features = _encode(settings, network, trials, rows, [(spec, "none", None) for spec in (squashed, own)])
    first, second = (probe_errors(kind, targets[rows], groups) for kind in features)
    return _describe(compare_probes(first, second, groups), own.crop_share, len(rows))


def choose_augment(
    settings: Any, network: Network, trials: Trials, preset: str, list_targets: Targets
) -> tuple[str, str]:
    """The augmentation that "auto" means, and the reason: the usual one, unless it changes what the images show.

    A mirrored digit is no digit. A linear probe of the encoder's features learns from the images alone, and with views
    like those of the training; it is scored on the images as they are. Only a loss beyond noise counts: views cost
    nothing on images like those that the weights have seen, and help on others.

    Args:
        settings: of a classifier.
        network: built from them, with the fit decided.
        trials: what a probe needs.
        preset: the usual augmentation.
        list_targets: of the task.
    """
    targets = list_targets(trials.data)
    rows = _draw_sample(trials.splits, targets, VIEWS_SAMPLE)
    groups = np.array([trials.splits.images[row].component for row in rows])
    few = len(set(groups.tolist())) < 2 * FOLDS
    if (
        few
        or not network.pretrained
        or not isinstance(settings.augmented_views, int)
        or settings.augmented_views < 2
    ):
        return preset, say("default")
    views: list[View] = [None, *range(settings.augmented_views - 1)]
    features = _encode(
        settings, network, trials, rows, [(network.preprocessing, preset, view) for view in views]
    )
    augmented, plain = (1 - probe_hits(some, targets[rows], groups) for some in (features, features[:1]))
    comparison = compare_probes(augmented, plain, groups)
    if not comparison.second_is_far_better:
        return preset, say("default")
    return "none", say_count(
        "a linear probe is right on {plain} of {n} training image, with views on {augmented}: they change what the "
        "images show",
        "a linear probe is right on {plain} of {n} training images, with views on {augmented}: they change what the "
        "images show", len(rows), plain=percent(comparison.second), augmented=percent(comparison.first),
    )  # fmt: skip


def _draw_sample(splits: SplitFile, targets: Array, most: int) -> list[int]:
    """Rows of the training split, or of all folds, that have a target: the same ones for every seed."""
    rows = [row for row in list_training_rows(splits) if np.isfinite(targets[row]).any()]
    some = np.random.default_rng(0).permutation(len(rows))[:most]
    return [rows[place] for place in sorted(some.tolist())]


def _median_ratio(data: Dataset, rows: list[int]) -> float:
    """The median ratio of the longer to the shorter side."""
    pixels = data.images.select("width", "height").to_numpy()[rows]
    return float(np.median(pixels.max(axis=1) / pixels.min(axis=1)))


def _encode(
    settings: Any,
    network: Network,
    trials: Trials,
    rows: list[int],
    kinds: list[tuple[Preprocessing, str, View]],
) -> list[Array]:
    """The cached features of the images under each preprocessing, augmentation and view: (K, D) float32."""
    pool, device = trials.pool or EncoderPool(), resolve_device(settings.device)
    encoder = pool.encoder(pick_engine(network, device).engine, network, device)
    features = {
        (spec, preset): Features(
            AugmentedViews(ResizedImages(trials.data, spec, rows, pool.stores), preset, settings.seed), encoder,
            stores=pool.stores,
        )
        for spec, preset, _ in kinds
    }  # fmt: skip
    fill_features(
        [
            FeatureRequest(features[spec, preset], [(row, view) for row in rows])
            for spec, preset, view in kinds
        ]
    )
    return [features[spec, preset](rows, view) for spec, preset, view in kinds]


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
