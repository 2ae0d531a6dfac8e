"""Train segmentation models: images resized or in tiles, Dice or IoU on validation at full resolution."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, mark, say
from pupila.core.threads import prefetch
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.decode import Array
from pupila.imaging.images.preprocess import Preprocessing, fit_image
from pupila.imaging.masks.codec import encode_png, resize_mask
from pupila.imaging.masks.drawing import overlay
from pupila.learning.augment import contact_sheet
from pupila.learning.loader.batches import chunks, order
from pupila.learning.loader.segment import MaskedViews
from pupila.learning.loop import EpochResult
from pupila.learning.losses import OVERLAP_LOSSES, class_weights, make_loss, parse_loss
from pupila.learning.models.network import Network, Unfrozen
from pupila.stages.train.recipe import HeadTrainer, SplitRows, TrainingRecipe
from pupila.stages.train.segment_tuning import (
    StoredPrediction,
    baseline,
    calibrate_masks,
    quantize_probability,
)
from pupila.stages.train.settings import (
    PROMPT_SETTINGS,
    TrainPlan,
    TrainSettings,
    skips_training,
)
from pupila.statistics.metrics import segment as figures
from pupila.statistics.metrics.baseline import Baseline
from pupila.statistics.metrics.calibration import fit_temperature
from pupila.tasks.segment import SEGMENT, predict_probabilities
from pupila.tasks.task import PredictionSettings, PreprocessedImage

_AT_ONCE = 8  # inputs per forward pass of validation
EXAMPLES, EXAMPLE_SIDE = 6, 160  # example sheets of a training, and the image side on them in pixels
_SAMPLED = 500  # pixels per image for fitting the temperature


@dataclass(frozen=True, slots=True)
class RawMaskPrediction:
    """The raw network output for a validation image."""

    row: int
    image: PreprocessedImage
    targets: Array  # (K, h, w) int64
    logits: Array  # (K, C, h, w) float32
    loss: float


class SegmentTrainer:
    """The `TaskTrainer` of segmentation.

    An item encodes a row of the data set and the number of its tile: row + N * tile.

    Args:
        data: the data set.
        split: training and validation rows.
        plan: of the run.
        network: is trained in place.
    """

    def __init__(self, data: Dataset, split: SplitRows, plan: TrainPlan, network: Network) -> None:
        self.data, self.split, self.plan, self.network = data, split, plan, network
        rows = [*split.train, *split.validation]
        spec, learned = network.preprocessing, split.train or split.validation
        self.views = MaskedViews(data, spec, rows, plan.augment, plan.seed, learned)
        weights = class_weights(data.shares[split.train].sum(axis=0), plan.class_weights)
        self.criterion = make_loss(plan.loss, None if weights is None else weights.to(plan.device), plan)
        tiles = {row: self.views.count_tiles(row) for row in split.train}
        self._most = max(tiles.values(), default=1)
        self._items = np.array([row + tile * len(data) for row in split.train for tile in range(tiles[row])])
        self.info = uncalibrated_info(plan, network)
        self._examples = split.validation[:: max(1, len(split.validation) // 3)][:3]

    def batches(self, epoch: int) -> list[list[int]]:
        """The items of the epoch's batches."""
        return chunks(self._items[order(len(self._items), self.plan.seed, epoch)], self.plan.batch_size)

    def inputs(self, items: list[int], view: int) -> tuple[Array, Array]:
        """(K, 3, H, W) float32 images and (K, H, W) int64 class indices."""
        count = len(self.data)
        return self.views.batch([(item % count, view * self._most + item // count) for item in items])

    def build_module(self, unfreeze: int | str) -> nn.Module:
        """Encoder and head."""
        return Unfrozen(self.network, unfreeze)

    def validate(self, module: nn.Module, epoch: int) -> EpochResult:
        """Validation metrics of the module at full resolution."""
        classes = len(self.plan.classes)
        if not self.split.validation:
            return EpochResult(score=float(epoch), loss=None, predicted_classes=classes, metrics={})

        shown: dict[int, Array] = {}

        def score_image(raw: RawMaskPrediction) -> tuple[Array, float]:
            mask = predict_probabilities(raw.logits, raw.image, self.info).argmax(axis=0)
            if raw.row in self._examples:
                shown[raw.row] = mask.astype(np.uint8)
            return figures.confusion_counts(self.views.read_mask(raw.row), mask, classes), raw.loss

        results = list(prefetch(self._predict_raw(module), score_image))
        counts = np.stack([matrix for matrix, _ in results])
        labelled = counts[counts.any(axis=(1, 2))]
        means = {
            name: float(figures.image_scores(labelled, metric).mean()) if len(labelled) else 0.0
            for name, metric in (("dice", figures.dice), ("iou", figures.iou))
        }
        return EpochResult(
            score=figures.selection_score(counts),
            loss=float(np.mean([loss for _, loss in results])),
            predicted_classes=int(counts.sum(axis=(0, 1)).astype(bool).sum()),
            metrics=means,
            example=self._draw_examples(shown) if self._is_shown(epoch) else None,
        )

    def _is_shown(self, epoch: int) -> bool:
        """Whether an example sheet is drawn: after the first epoch, and then every few."""
        epochs = max(self.plan.epochs, self.plan.finetune_epochs)
        return epoch >= 0 and epoch % max(1, -(-epochs // EXAMPLES)) == 0

    def _draw_examples(self, predictions: dict[int, Array]) -> bytes:
        """A PNG with one row per image: the image, the ground truth and the prediction as overlays."""
        classes, side = len(self.plan.classes), EXAMPLE_SIDE
        size = Preprocessing(height=side, width=side)
        rows = []
        for row in self._examples:
            picture = fit_image(self.data.pixels(row, 2 * side), size)
            masks = (self.views.read_mask(row), predictions[row])
            rows.append(
                [picture, *(overlay(picture, resize_mask(mask, side, side), classes) for mask in masks)]
            )
        return contact_sheet(rows)

    def predict_validation(self, module: nn.Module) -> list[StoredPrediction]:
        """Predictions for the validation rows in order, with the temperature of the calibrated bundle."""
        samples = list(prefetch(self._predict_raw(module), self._sample_pixels))
        if not samples:
            return []
        logits, targets = (np.concatenate(part) for part in zip(*samples, strict=True))
        info = self.info.model_copy(update={"temperature": fit_temperature(logits, targets)})
        pngs = prefetch(self._predict_raw(module), partial(self._encode_prediction, info))
        return [StoredPrediction(png, *sample) for png, sample in zip(pngs, samples, strict=True)]

    def build_head_trainer(self) -> HeadTrainer | None:
        """None: the feature maps of a segmentation encoder are too large to cache for every view."""
        return None

    def _sample_pixels(self, raw: RawMaskPrediction) -> tuple[Array, Array]:
        """Logits and class indices of some labelled pixels, for fitting the temperature."""
        random = np.random.default_rng([self.plan.seed, raw.row])
        known = np.flatnonzero(raw.targets.ravel() != IGNORE)
        some = known[random.integers(len(known), size=_SAMPLED)] if len(known) else known
        flat = raw.logits.transpose(0, 2, 3, 1).reshape(-1, raw.logits.shape[1])
        return flat[some], raw.targets.ravel()[some]

    def _encode_prediction(self, info: PredictionSettings, raw: RawMaskPrediction) -> bytes:
        """A PNG of the quantized foreground probability for two classes, else of the most probable class."""
        probabilities = predict_probabilities(raw.logits, raw.image, info)
        binary = len(self.plan.classes) == 2
        return encode_png(
            quantize_probability(probabilities[1])
            if binary
            else probabilities.argmax(axis=0).astype(np.uint8),
            0,
        )

    def _predict_raw(self, module: nn.Module) -> Iterator[RawMaskPrediction]:
        """Raw predictions for the validation rows, image by image; the next images are prefetched."""
        module.eval()
        tiled = self.network.preprocessing.view == "tile"
        groups = chunks(np.asarray(self.split.validation, dtype=np.int64), 1 if tiled else _AT_ONCE)

        def prepare_images(rows: list[int]) -> list[tuple[PreprocessedImage, Array]]:
            return [self.views.read_whole(row) for row in rows]

        for rows, images in zip(groups, prefetch(groups, prepare_images, self.plan.workers), strict=True):
            logits = self._run(module, np.concatenate([image.inputs for image, _ in images]))
            start = 0
            for row, (image, targets) in zip(rows, images, strict=True):
                own = logits[start : start + len(image.inputs)]
                start += len(image.inputs)
                with torch.inference_mode():
                    loss = float(self.criterion(own, torch.from_numpy(targets).to(self.plan.device)))
                without_pixels = replace(image, inputs=image.inputs[:0])  # to free memory
                yield RawMaskPrediction(row, without_pixels, targets, own.cpu().numpy(), loss)

    def _run(self, module: nn.Module, inputs: Array) -> Tensor:
        """(K, C, h, w) float32 logits, computed in float32 for any training precision."""
        logits = []
        with torch.inference_mode():
            for start in range(0, len(inputs), _AT_ONCE):
                pixels = torch.from_numpy(inputs[start : start + _AT_ONCE]).to(self.plan.device)
                logits.append(module(pixels.contiguous(memory_format=torch.channels_last)).float())
        return torch.cat(logits)


def uncalibrated_info(plan: TrainPlan, network: Network) -> PredictionSettings:
    """What decoding logits needs before calibration and tuning."""
    return PredictionSettings(classes=plan.classes, preprocessing=network.preprocessing)


def _is_collapsed(predictions: list[StoredPrediction]) -> bool:
    """Whether all pixels of all images have the same predicted class."""
    return (
        len(predictions) > 0 and len(set().union(*(prediction.classes() for prediction in predictions))) < 2
    )


def _baseline(data: Dataset, rows: list[int]) -> Baseline:
    """The best constant mask."""
    counts = data.class_pixels[rows]
    matrices = np.zeros((len(rows), counts.shape[1], counts.shape[1]), dtype=np.int64)
    matrices[:, :, 0] = counts  # a constant mask only needs the target classes
    return baseline(matrices, data.classes)


def _check_settings(settings: TrainSettings, data: Dataset) -> None:
    if len(data.classes) < 2:
        raise PupilaError(
            say("Too few classes to train"), actual=say("one class: {names}", names=listing(data.classes)),
            expected=say("at least two classes"),
        )  # fmt: skip
    if skips_training(settings):
        raise PupilaError(
            say("A segmentation model needs training"), actual="epochs=0", expected=say("at least one epoch"),
            remedy="--epochs 20",
        )  # fmt: skip
    names = [name for _, name in parse_loss(settings.loss)] if settings.loss != "auto" else ["cross_entropy"]
    if settings.class_weights != "none" and all(name in OVERLAP_LOSSES for name in names):
        raise PupilaError(
            say("{loss} ignores class_weights", loss=settings.loss),
            remedy=say("--loss dice+cross_entropy or omit --class-weights"),
        )


def _default_settings(network: Network) -> dict[str, Any]:
    epochs = 3 if network.pretrained else 40
    return {"loss": "dice+cross_entropy", "epochs": epochs, "finetune_epochs": 24}


SEGMENT_RECIPE = TrainingRecipe(
    task=SEGMENT,
    defaults=_default_settings,
    augment="medium",
    unused_settings=(
        "head",
        "head_width",
        "dropout",
        "augmented_views",
        "sampling",
        "threshold",
        *PROMPT_SETTINGS,
    ),
    metric=figures.headline_metric,
    max_batch_size=8,
    trainer=SegmentTrainer,
    concatenate=lambda parts: [prediction for part in parts for prediction in part],
    is_collapsed=_is_collapsed,
    calibrate=calibrate_masks,
    baseline=_baseline,
    check_settings=_check_settings,
    baseline_name=mark("every pixel '{name}'"),
)
