"""Train segmentation models: images resized or in tiles, Dice or IoU on validation at full resolution."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.run.outcomes import Outcomes
from pupila.core.threads import prefetch
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.decode import Array
from pupila.imaging.images.preprocess import Preprocessing, fit_image
from pupila.imaging.masks.codec import resize_mask
from pupila.imaging.masks.drawing import overlay
from pupila.learning.augment import encode_grid
from pupila.learning.features import FeatureRequest
from pupila.learning.loader.batches import chunks, order
from pupila.learning.loader.segment import MaskedViews
from pupila.learning.loop import EpochResult
from pupila.learning.losses.classes import LOSSES, class_weights
from pupila.learning.losses.sums import make_loss
from pupila.learning.mixing import Mixing
from pupila.learning.models.network import Network, Unfrozen
from pupila.learning.models.served import average_flips
from pupila.learning.pool import EncoderPool
from pupila.learning.trainers.best_outputs import BestOutputs
from pupila.learning.trainers.settings import SegmentSettings
from pupila.learning.trainers.spool import MOST_BYTES, ArraySpool, ChainedArrays
from pupila.learning.trainers.trainer import SplitRows, join_samples
from pupila.statistics.metrics import segment as figures
from pupila.statistics.metrics.calibration import fit_temperature
from pupila.tasks.segment import predict_probabilities
from pupila.tasks.task import PredictionSettings, PreprocessedImage
from pupila.tasks.tuning.segment import MaskPredictions, quantise

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


@dataclass(frozen=True, slots=True)
class SegmentOutputs:
    """What one pass over the validation rows gave, in their order."""

    logits: ArraySpool  # V of (K, C, h, w) float32
    samples: list[
        tuple[Array, Array]
    ]  # V of (S, C) float32 logits and (S,) int64 class indices of labelled pixels


class SegmentTrainer:
    """The `TaskTrainer` of segmentation.

    An item encodes a row of the data set and the number of its tile: row + N * tile.

    Args:
        data: the data set.
        split: training and validation rows.
        settings: of the training.
        network: is trained in place.
        pool: unused: no encoder is frozen.
    """

    def __init__(
        self,
        data: Dataset,
        split: SplitRows,
        settings: SegmentSettings,
        network: Network,
        pool: EncoderPool | None = None,
    ) -> None:
        self.data, self.split, self.settings, self.network = data, split, settings, network
        rows = [*split.train, *split.validation]
        spec, learned = network.preprocessing, split.train or split.validation
        self.views = MaskedViews(data, spec, rows, settings.augment, settings.seed, learned)
        weights = class_weights(data.shares[split.train].sum(axis=0), settings.class_weights)
        self.mixing = Mixing()
        self.criterion = make_loss(
            settings.loss, None if weights is None else weights.to(settings.device), settings, LOSSES
        )
        tiles = {row: self.views.count_tiles(row) for row in split.train}
        self._most = max(tiles.values(), default=1)
        self._items = np.array([row + tile * len(data) for row in split.train for tile in range(tiles[row])])
        self._spec = PredictionSettings(classes=settings.classes, preprocessing=network.preprocessing)
        self._best: BestOutputs[SegmentOutputs] = BestOutputs()
        self._examples = split.validation[:: max(1, len(split.validation) // 3)][:3]

    def batches(self, epoch: int) -> list[list[int]]:
        """The items of the epoch's batches."""
        return chunks(
            self._items[order(len(self._items), self.settings.seed, epoch)], self.settings.batch_size
        )

    def inputs(self, items: list[int], view: int) -> tuple[Array, Array]:
        """(K, 3, H, W) float32 images and (K, H, W) int64 class indices."""
        count = len(self.data)
        return self.views.batch([(item % count, view * self._most + item // count) for item in items])

    def build_module(self, unfreeze: int | str) -> nn.Module:
        """Encoder and head."""
        return Unfrozen(self.network, unfreeze, self.settings.batch_norm)

    def validate(self, module: nn.Module, epoch: int) -> EpochResult:
        """Validation metrics of the module at full resolution."""
        classes = len(self.settings.classes)
        if not self.split.validation:
            return EpochResult(score=float(epoch), loss=None, collapsed=False, metrics={})

        outputs: SegmentOutputs | None = SegmentOutputs(ArraySpool(), [])
        shown: dict[int, Array] = {}

        def score_image(raw: RawMaskPrediction) -> tuple[RawMaskPrediction, Array, tuple[Array, Array]]:
            mask = predict_probabilities(raw.logits, raw.image, self._spec).argmax(axis=0)
            if raw.row in self._examples:
                shown[raw.row] = mask.astype(np.uint8)
            counts = figures.confusion_counts(self.views.read_mask(raw.row), mask, classes)
            return raw, counts, self._sample_pixels(raw)

        matrices, losses = [], []
        for raw, matrix, sample in prefetch(self._predict_raw(module), score_image):
            matrices.append(matrix)
            losses.append(raw.loss)
            outputs = _add_output(outputs, raw.logits, sample)
        result = self._summarise(np.stack(matrices), losses)
        self._best.offer(module, result.rank, outputs)
        return replace(result, example=self._draw_examples(shown)) if self._is_shown(epoch) else result

    def _summarise(self, counts: Array, losses: list[float]) -> EpochResult:
        """The metrics of (V, C, C) pixel counts."""
        labelled = counts[counts.any(axis=(1, 2))]
        means = {
            name: float(figures.image_scores(labelled, metric).mean()) if len(labelled) else 0.0
            for name, metric in (("mean_dice", figures.dice), ("mean_iou", figures.iou))
        }
        return EpochResult(
            score=figures.selection_score(counts),
            loss=float(np.mean(losses)),
            collapsed=int(counts.sum(axis=(0, 1)).astype(bool).sum()) < 2,
            metrics=means,
            outcomes=self._outcomes(counts),
        )

    def _outcomes(self, counts: Array) -> Outcomes:
        """Pixels of each class: labelled, shared with the target, predicted."""
        shared = np.diagonal(counts, axis1=1, axis2=2)
        values = np.stack([shared, counts.sum(axis=1)], axis=-1).astype(np.int32)
        return Outcomes.of_epoch(self.split.validation, counts.sum(axis=2).astype(np.int32), values)

    def _is_shown(self, epoch: int) -> bool:
        """Whether an example sheet is drawn: after the first epoch, and then every few."""
        epochs = max(self.settings.epochs, self.settings.finetune_epochs)
        return epoch >= 0 and epoch % max(1, -(-epochs // EXAMPLES)) == 0

    def _draw_examples(self, predictions: dict[int, Array]) -> bytes:
        """A PNG with one row per image: the image, the ground truth and the prediction as overlays."""
        classes, side = len(self.settings.classes), EXAMPLE_SIDE
        size = Preprocessing(height=side, width=side)
        rows = []
        for row in self._examples:
            picture = fit_image(self.data.pixels(row, 2 * side), size)
            masks = (self.views.read_mask(row), predictions[row])
            rows.append(
                [picture, *(overlay(picture, resize_mask(mask, side, side), classes) for mask in masks)]
            )
        return encode_grid(rows)

    def predict_validation(self, module: nn.Module) -> MaskPredictions:
        """Predictions for the validation rows in order, with the temperature of the calibrated bundle.

        The network runs once, or not at all where the best validation had these very weights. Beyond `MOST_BYTES` each,
        logits, levels and masks lie in a scratch file.
        """
        outputs = self._best.take(module) or self._run_validation(module)
        logits, pixels = join_samples(outputs.samples, len(self.settings.classes))
        spec = self._spec.model_copy(update={"temperature": fit_temperature(logits, pixels)})
        rows, sizes = self.split.validation, self.data.images.select("height", "width")

        def read_levels(number: int) -> tuple[Array, Array]:
            height, width = sizes.row(rows[number])
            image = PreprocessedImage(np.empty(0), height, width)
            levels = quantise(predict_probabilities(outputs.logits[number], image, spec))
            return levels, self.views.read_mask(rows[number])

        levels, targets = ArraySpool(), ArraySpool()
        for plane, target in prefetch(range(len(outputs.logits)), read_levels):
            levels.append(plane)
            targets.append(target)
        return MaskPredictions(levels, targets, logits, pixels)

    def _run_validation(self, module: nn.Module) -> SegmentOutputs:
        outputs = SegmentOutputs(ArraySpool(), [])
        sampled = prefetch(self._predict_raw(module), lambda raw: (raw.logits, self._sample_pixels(raw)))
        for logits, sample in sampled:
            outputs.logits.append(logits)
            outputs.samples.append(sample)
        return outputs

    def request_features(self) -> list[FeatureRequest]:
        """None: no encoder is frozen."""
        return []

    def build_head_trainer(self) -> None:
        """None: the feature maps of a segmentation encoder are too large to cache for every view."""
        return None

    def _sample_pixels(self, raw: RawMaskPrediction) -> tuple[Array, Array]:
        """Logits and class indices of some labelled pixels, for fitting the temperature."""
        random = np.random.default_rng([self.settings.seed, raw.row])
        known = np.flatnonzero(raw.targets.ravel() != IGNORE)
        some = known[random.integers(len(known), size=_SAMPLED)] if len(known) else known
        flat = raw.logits.transpose(0, 2, 3, 1).reshape(-1, raw.logits.shape[1])
        return flat[some], raw.targets.ravel()[some]

    def _predict_raw(self, module: nn.Module) -> Iterator[RawMaskPrediction]:
        """Raw predictions for the validation rows, image by image; the next images are prefetched."""
        module.eval()
        tiled = self.network.preprocessing.view == "tile"
        groups = chunks(np.asarray(self.split.validation, dtype=np.int64), 1 if tiled else _AT_ONCE)

        def prepare_images(rows: list[int]) -> list[tuple[PreprocessedImage, Array]]:
            return [self.views.read_whole(row) for row in rows]

        for rows, images in zip(groups, prefetch(groups, prepare_images, self.settings.workers), strict=True):
            logits = self._run(module, np.concatenate([image.inputs for image, _ in images]))
            start = 0
            for row, (image, targets) in zip(rows, images, strict=True):
                own = logits[start : start + len(image.inputs)]
                start += len(image.inputs)
                with torch.inference_mode():
                    loss = float(self.criterion(own, torch.from_numpy(targets).to(self.settings.device)))
                without_pixels = replace(image, inputs=np.empty(0))  # a slice would keep the pixels in memory
                yield RawMaskPrediction(row, without_pixels, targets, own.cpu().numpy(), loss)

    def _run(self, module: nn.Module, inputs: Array) -> Tensor:
        """(K, C, h, w) float32 logits, computed in float32 for any training precision."""
        logits = []
        with torch.inference_mode():
            for start in range(0, len(inputs), _AT_ONCE):
                pixels = torch.from_numpy(inputs[start : start + _AT_ONCE]).to(self.settings.device)
                pixels = pixels.contiguous(memory_format=torch.channels_last)
                logits.append(average_flips(module, pixels, self.settings.test_time_flips).float())
        return torch.cat(logits)


def _add_output(
    outputs: SegmentOutputs | None, logits: Array, sample: tuple[Array, Array]
) -> SegmentOutputs | None:
    """The outputs with those of one more image; None once they no longer fit into memory."""
    if outputs is None or outputs.logits.bytes + logits.nbytes > MOST_BYTES:
        return None
    outputs.logits.append(logits)
    outputs.samples.append(sample)
    return outputs


def concatenate_masks(parts: list[MaskPredictions]) -> MaskPredictions:
    """The predictions of several folds as one."""
    return MaskPredictions(
        ChainedArrays([part.levels for part in parts]),
        ChainedArrays([part.targets for part in parts]),
        np.concatenate([part.logits for part in parts]),
        np.concatenate([part.pixels for part in parts]),
    )
