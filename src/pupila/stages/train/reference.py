"""The reference of a bundle: predictions for images that chose nothing, which monitoring compares a service with."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from pupila.artifacts.bundle.golden import preprocess_bytes
from pupila.artifacts.bundle.outputs import EMBEDDING, LOGITS, average_features
from pupila.artifacts.bundle.reference import PROJECTIONS, Reference
from pupila.artifacts.bundle.schema import BundleInfo
from pupila.artifacts.bundle.session import Session
from pupila.artifacts.bundle.validation import ReferenceSource
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.predictions.catalogue import PREDICTION_COLUMNS
from pupila.artifacts.predictions.outputs import RECORDED
from pupila.core import files
from pupila.core.messages import percent, say, say_count
from pupila.core.progress import progress
from pupila.core.threads import prefetch
from pupila.core.vocabulary import TRAIN
from pupila.imaging.images.appearance import measure_appearance
from pupila.imaging.images.decode import Array, ImageFault
from pupila.imaging.masks.codec import decode_png
from pupila.stages.train.settings import TrainPlan, conflicting_settings, skips_training
from pupila.statistics.drift.observations import Observations, stack_observations
from pupila.statistics.stratified_order import order_groups
from pupila.tasks import TASKS
from pupila.tasks.task import PreprocessedImage

REFERENCE = "reference"  # split of the training images that are left out for it
FEW_GROUPS, SHARE = (
    300,
    0.1,
)  # training groups below which "auto" leaves none out, and the share of more of them
MOST_GROUPS = 500  # of a reference: more of them show hardly smaller shifts


@dataclass(frozen=True, slots=True)
class ReferenceRows:
    """The images of a reference, as rows of the data set, one of each group."""

    rows: list[int]
    source: ReferenceSource
    has_embeddings: bool  # whether the encoder did not learn from them
    outputs: (
        dict[int, Array | bytes] | None
    )  # row -> out-of-fold logits or mask; None: the model itself predicts


def settle_share(settings: Any, data: Dataset, splits: SplitFile, task: str) -> tuple[Any, dict[str, str]]:
    """The settings with the share of the training groups that are left out, and the reason for it."""
    if settings.reference_share != "auto":
        return settings, {}
    share, reason = _decide_share(settings, data, splits, task)
    return settings.model_copy(update={"reference_share": share}), {"reference_share": reason}


def _decide_share(settings: Any, data: Dataset, splits: SplitFile, task: str) -> tuple[float, str]:
    if TASKS[task].takes_prompts:
        return 0.0, say("predictions for prompts are not monitored")
    if any(a.fold is not None for a in splits.images):
        return 0.0, say("the out-of-fold predictions are the reference")
    if skips_training(settings):
        return 0.0, say("nothing is trained: all training images are the reference")
    groups = len({splits.images[row].component for row in _training_rows(data, splits)})
    if groups < FEW_GROUPS:
        return 0.0, say_count(
            "{n} training group, fewer than {few}: all are trained on, and the bundle has no reference for monitoring",
            "{n} training groups, fewer than {few}: all are trained on, and the bundle has no reference for monitoring",
            groups, few=FEW_GROUPS,
        )  # fmt: skip
    return SHARE, say_count(
        "{share} of {n} training group, the reference for monitoring",
        "{share} of {n} training groups, the reference for monitoring", groups, share=percent(SHARE),
    )  # fmt: skip


def leave_out_reference(data: Dataset, splits: SplitFile, share: float, seed: int) -> SplitFile:
    """The split without the images of the reference, which have a split of their own: groups drawn stratified.

    Args:
        data: the data set.
        splits: made from it.
        share: of the training groups, and at most of their images, 0..1.
        seed: of the draw.

    Raises:
        PupilaError: no group would be left to train on.
    """
    rows = _training_rows(data, splits) if share else []
    if not rows:
        return splits
    groups = np.array([splits.images[row].component for row in rows])
    order = order_groups(groups, data.shares[rows], seed)
    left_out = _draw_groups(groups, order, share)
    if len(left_out) == len(order):
        raise conflicting_settings(
            say_count(
                "reference_share={share} of {n} training group", "reference_share={share} of {n} training groups",
                len(order), share=share,
            ),
            say("at least one group to train on"), "--reference-share 0",
        )  # fmt: skip
    chosen = {row for row, group in zip(rows, groups.tolist(), strict=True) if group in left_out}
    images = [replace(a, split=REFERENCE) if row in chosen else a for row, a in enumerate(splits.images)]
    return replace(splits, images=images)


def _draw_groups(groups: Array, order: list[int], share: float) -> set[int]:
    """The first groups of the order, a share of them that takes no larger share of the images.

    One image of a group is enough for the reference: a group with more than twice the images that are left for each is
    passed over.
    """
    sizes = Counter(groups.tolist())
    missing = min(MOST_GROUPS, max(1, round(share * len(order))))
    images = missing * len(groups) / len(order)
    drawn: set[int] = set()
    for group in order:
        if missing and sizes[group] <= min(images, 2 * images / missing):
            drawn.add(group)
            missing, images = missing - 1, images - sizes[group]
    return drawn


def describe_left_out(splits: SplitFile) -> str:
    """How many training images are left out; empty: none."""
    left_out = splits.in_split(REFERENCE)
    if not left_out:
        return ""
    return say_count(
        "{n} training image is left out as reference for monitoring (--reference-share).",
        "{n} training images are left out as reference for monitoring (--reference-share).", len(left_out),
    )  # fmt: skip


def _training_rows(data: Dataset, splits: SplitFile) -> list[int]:
    unlabelled = {row for row, target in enumerate(data.images["target"]) if target is None}
    return [row for row, a in enumerate(splits.images) if a.split == TRAIN and row not in unlabelled]


def pick_rows(
    plan: TrainPlan, data: Dataset, splits: SplitFile, validated: Sequence[int], predictions: pl.DataFrame
) -> ReferenceRows | None:
    """The images of the reference; None: the bundle has none.

    Args:
        plan: of the run.
        data: the data set.
        splits: with what was left out.
        validated: rows of the predictions.
        predictions: columns of `oof.parquet`.
    """
    if TASKS[plan.task].takes_prompts:
        return None
    if plan.folds:
        outputs: dict[int, Array | bytes] | None = {}
        if not plan.ensemble:
            outputs = _read_outputs(plan, validated, predictions)
        return _pick(
            ReferenceRows(list(validated), "out-of-fold", not plan.unfreeze, outputs), data, splits, plan
        )
    chosen = {TRAIN} if skips_training(plan) else {REFERENCE}
    rows = [row for row, a in enumerate(splits.images) if a.split in chosen]
    return _pick(ReferenceRows(rows, "left-out", True, None), data, splits, plan) if rows else None


def _read_outputs(
    plan: TrainPlan, rows: Sequence[int], predictions: pl.DataFrame
) -> dict[int, Array | bytes]:
    first, *logits = PREDICTION_COLUMNS[plan.task].out_of_fold(plan.classes)
    values: Any = (
        predictions.select(logits).to_numpy().astype(np.float32) if logits else predictions[first].to_list()
    )
    return dict(zip(rows, values, strict=True))


def _pick(candidates: ReferenceRows, data: Dataset, splits: SplitFile, plan: TrainPlan) -> ReferenceRows:
    """One image of each group, that with the least SHA-256, and not more groups than show anything."""
    digests = data.images["sha256"].to_list()
    by_group: dict[int, int] = {}
    for row in candidates.rows:
        group = splits.images[row].component
        by_group[group] = min(row, by_group.get(group, row), key=lambda own: digests[own])
    groups = np.random.default_rng(plan.seed).permutation(sorted(by_group))[:MOST_GROUPS]
    return replace(candidates, rows=sorted(by_group[group] for group in groups.tolist()))


def measure_reference(info: BundleInfo, session: Session, picked: ReferenceRows, data: Dataset) -> Reference:
    """What the exported model sees and predicts on the images of the reference.

    An encoder that was trained on them gives embeddings that it has for no other images: they are left out then, as
    are confidence and classes of an ensemble, whose mean no fold predicts.

    Args:
        info: of the bundle.
        session: of its model.
        picked: rows of the data set.
        data: the data set.
    """
    measure = _make_measure(info, session, picked)
    parts: list[Observations] = []
    with progress(say("measuring the reference"), len(picked.rows)) as advance:
        for part in prefetch(picked.rows, lambda row: measure(row, files.read_bytes(data.path(row)))):
            advance(1)
            if part is not None:
                parts.append(part)
    measured = stack_observations(parts)
    size = measured.embedding.shape[1]
    drawn = np.random.default_rng(0).standard_normal((size, PROJECTIONS if size else 0))
    projection = (drawn / max(1, size) ** 0.5).astype(np.float32)
    return Reference(replace(measured, embedding=measured.embedding @ projection), projection)


def _make_measure(
    info: BundleInfo, session: Session, picked: ReferenceRows
) -> Callable[[int, bytes], Observations | None]:
    """What measures one image; the embedding is not projected yet."""
    task, nothing = TASKS[info.task], np.full((1, len(info.classes)), np.nan)
    embeds = picked.has_embeddings and EMBEDDING in session.outputs
    names = [LOGITS] * (picked.outputs is None) + [EMBEDDING] * embeds

    def run(image: PreprocessedImage) -> dict[str, Array]:
        step = 1 if info.preprocessing.view == "tile" else len(image.inputs)
        parts = [
            session.run(image.inputs[at : at + step], outputs=names)
            for at in range(0, len(image.inputs), step)
        ]
        return {name: np.concatenate(own) for name, own in zip(names, zip(*parts, strict=True), strict=True)}

    def predict(row: int, image: PreprocessedImage, logits: Array | None) -> tuple[float, Array]:
        if logits is None:
            output = None if picked.outputs is None else picked.outputs.get(row)
            if output is None:
                return np.nan, nothing
            if isinstance(output, bytes):
                counts = np.bincount(decode_png(output).ravel(), minlength=256)[: len(info.classes)]
                return np.nan, counts[None] / max(1, counts.sum())
            logits = np.asarray(output)[None]
        prediction = task.predict(logits, image, info)
        outputs = RECORDED[info.task].outputs(prediction)
        return prediction.confidence, np.array([[outputs[name] for name in info.classes]])

    def measure(row: int, content: bytes) -> Observations | None:
        try:
            image = preprocess_bytes(content, task, info.preprocessing)
        except ImageFault:  # it was left out of the training, too, in words
            return None
        arrays = run(image) if names else {}
        confidence, outputs = predict(row, image, arrays.get(LOGITS))
        brightness, sharpness = measure_appearance(image.inputs, info.preprocessing)
        embedding = np.zeros((1, 0))
        if embeds:
            embedding = average_features(arrays[EMBEDDING])[None].astype(np.float64)
        return Observations(
            np.array([confidence]), np.array([brightness]), np.array([sharpness]), embedding, outputs
        )

    return measure
