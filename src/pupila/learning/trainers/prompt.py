"""Train promptable models: a mask decoder on cached embeddings, validated by the IoU for points and boxes."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.prompt_targets import find_prompt_targets
from pupila.artifacts.run.outcomes import Outcomes, compact_indices
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count
from pupila.core.threads import prefetch
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.decode import Array
from pupila.learning.features import FeatureRequest, Features
from pupila.learning.loader.batches import chunks, order
from pupila.learning.loader.prompt import PromptedViews, pad
from pupila.learning.loader.views import View
from pupila.learning.loop import Batch, EpochResult
from pupila.learning.losses.classes import prompt_loss
from pupila.learning.mixing import Mixing
from pupila.learning.models.network import Network
from pupila.learning.pool import EncoderPool
from pupila.learning.trainers.best_outputs import BestOutputs
from pupila.learning.trainers.prompt_module import PromptableModule, mean_prompt_loss
from pupila.learning.trainers.prompt_outputs import (
    PromptedTarget,
    PromptOutputs,
    PromptPredictions,
    RawPrompt,
    empty_outputs,
)
from pupila.learning.trainers.settings import PromptSettings
from pupila.learning.trainers.spool import MOST_BYTES, ArraySpool
from pupila.learning.trainers.trainer import SplitRows, join_samples, to_device
from pupila.statistics.metrics.calibration import fit_temperature
from pupila.statistics.metrics.segment import iou
from pupila.tasks.prompt import NO_POINT, DecoderOutput, Prompt, mask_probability, scale_prompt, select_mask
from pupila.tasks.prompt_strategies import PROMPT_STRATEGIES
from pupila.tasks.segment import foreground_classes
from pupila.tasks.task import PredictionSettings, PreprocessedImage
from pupila.tasks.tuning.segment import (
    THRESHOLDS,
    MaskPredictions,
    count_thresholds,
    first_level,
    quantise_foreground,
)

_FIRST_LEVELS = [first_level(threshold) for threshold in THRESHOLDS]
_SAMPLED = 500  # cells per mask for fitting the temperature


class PromptTrainer:
    """The `TaskTrainer` of promptable models.

    Args:
        data: the data set.
        split: training and validation rows.
        settings: of the training.
        network: is trained in place.
        pool: shared by the trainings of a process; None: one of its own.
    """

    def __init__(
        self,
        data: Dataset,
        split: SplitRows,
        settings: PromptSettings,
        network: Network,
        pool: EncoderPool | None = None,
    ) -> None:
        pool = pool or EncoderPool()
        self.data, self.settings, self.network = data, settings, network
        there = np.asarray(data.class_pixels[:, list(foreground_classes(data.classes))].sum(axis=1) > 0)
        self.split = SplitRows(
            *([row for row in rows if there[row]] for rows in (split.train, split.validation))
        )
        if split.train and not self.split.train:
            raise PupilaError(
                say("No prompt targets in the training masks"),
                actual=say_count("1 mask without foreground", "{n} masks without foreground", len(split.train)),
                expected=listing(list(foreground_classes(data.classes).values())) or say("a foreground class"),
            )  # fmt: skip
        rows = [*self.split.train, *self.split.validation]
        head: Any = network.head
        self.views = PromptedViews(
            data, network.preprocessing, rows, settings.augment, settings.seed, head.cells
        )
        encoder = pool.encoder(settings.engine, network, settings.device)
        self.features = Features(self.views.views, encoder, settings.cache, pool.stores)
        # Validation and calibration use the encoder engine of the bundle, whatever engine training uses.
        engine = "onnxruntime" if settings.device == "cpu" else "torch"
        exact = encoder if settings.engine == engine else pool.encoder(engine, network, settings.device)
        self.exact = Features(
            self.views.views, exact, "none" if settings.cache == "none" else "float32", pool.stores
        )
        self.mixing = Mixing()
        self.criterion: Callable[[Any, Tensor], Tensor] = mean_prompt_loss
        self._spec = PredictionSettings(
            classes=settings.classes, preprocessing=network.preprocessing, prompt_format=network.prompt_format
        )
        self._best: BestOutputs[PromptOutputs] = BestOutputs()

    def batches(self, epoch: int) -> list[list[int]]:
        """Row numbers of the epoch's batches."""
        places = order(len(self.split.train), self.settings.seed, epoch)
        return chunks(np.asarray(self.split.train, dtype=np.int64)[places], self.settings.batch_size)

    def inputs(self, items: list[int], view: int) -> tuple[tuple[Array, ...], Array]:
        """(K, 3, H, W) float32 images with their prompts, and (K, M, h, w) uint8 targets."""
        return self.add_prompts(self.views.views.inputs([(row, view) for row in items]), items, view, view)

    def add_prompts(
        self, inputs: Array, rows: list[int], view: View, epoch: int
    ) -> tuple[tuple[Array, ...], Array]:
        """The inputs of K rows with (K, M, P, 2) points, (K, M, P) labels and (K, M, h, w) targets, and the targets."""
        drawn = [
            self.views.draw_prompts(row, view, epoch, self.settings, self.network.prompt_format)
            for row in rows
        ]
        points, labels, target_lists = (list(part) for part in zip(*drawn, strict=True))
        targets = pad(target_lists, IGNORE)
        return (inputs, pad(points, 0), pad(labels, NO_POINT), targets), targets

    def build_module(self, unfreeze: int | str) -> nn.Module:
        """Encoder and head as one module on pixels."""
        return PromptableModule(self.network, self.settings.corrections, unfreeze)

    def request_features(self) -> list[FeatureRequest]:
        """The embeddings of the training views, and those of the validation images on the engine of the bundle."""
        views: list[View] = list(range(min(self.settings.augmented_views, self.settings.epochs)))
        views = [None] if self.settings.augment == "none" else views
        training: list[tuple[int, View]] = [(row, view) for view in views for row in self.split.train]
        validation: list[tuple[int, View]] = [(row, None) for row in self.split.validation]
        return [FeatureRequest(self.features, training), FeatureRequest(self.exact, validation)]

    def build_head_trainer(self) -> "PromptHeadTrainer":
        """Trains the head on cached embeddings."""
        return PromptHeadTrainer(self)

    def validate(self, module: nn.Module, epoch: int) -> EpochResult:
        """Validation metrics: mean IoU for each prompt strategy, and their mean.

        They are those at the best of the thresholds of which one is tuned after the last epoch: an epoch whose masks
        are good but too large or too small at 0.5 is not lost for it.
        """
        if not self.split.validation:
            return EpochResult(score=float(epoch), loss=None, collapsed=False, metrics={})

        def score_prompt(raw: RawPrompt) -> tuple[RawPrompt, Array, tuple[Array, Array]]:
            probability = self._probability(raw.logits, raw.prompt, raw.target.shape, self._spec)
            counts = count_thresholds(quantise_foreground(probability), raw.target, _FIRST_LEVELS)
            return raw, counts, self._sample_cells(raw)

        outputs: PromptOutputs | None = empty_outputs()
        results = []
        for raw, counts, sample in prefetch(self._predict_raw(module), score_prompt):
            results.append((raw.prompted, counts, raw.loss))
            if outputs is not None and outputs.bytes <= MOST_BYTES:
                outputs.add(raw, sample)
            else:  # they no longer fit into memory
                outputs = None
        result = summarise_prompts(results)
        self._best.offer(module, result.rank, outputs)
        return result

    def predict_validation(self, module: nn.Module) -> PromptPredictions:
        """Predictions for the prompts of the validation rows, with the temperature of the calibrated bundle.

        The network runs once, or not at all where the best validation had these very weights. Beyond `MOST_BYTES` each,
        logits, levels and masks lie in a scratch file.
        """
        outputs = self._best.take(module) or self._run_validation(module)
        logits, cells = join_samples(outputs.samples, 2)
        spec = self._spec.model_copy(update={"temperature": fit_temperature(logits, cells)})

        def read_levels(number: int) -> Array:
            prompt, shape = outputs.prompts[number][1], outputs.targets[number].shape
            return quantise_foreground(self._probability(outputs.logits[number], prompt, shape, spec))

        levels = ArraySpool(prefetch(range(len(outputs.prompts)), read_levels))
        masks = MaskPredictions(levels, outputs.targets, logits, cells)
        return PromptPredictions([prompted for prompted, _ in outputs.prompts], masks)

    def _run_validation(self, module: nn.Module) -> PromptOutputs:
        outputs = empty_outputs()
        for raw, sample in prefetch(self._predict_raw(module), lambda raw: (raw, self._sample_cells(raw))):
            outputs.add(raw, sample)
        return outputs

    def _probability(
        self, logits: Array, prompt: Prompt, shape: tuple[int, ...], spec: PredictionSettings
    ) -> Array:
        """(H, W) float32 foreground probability of a mask, at the size of the image."""
        return mask_probability(logits, prompt, PreprocessedImage(np.empty(0), shape[0], shape[1]), spec)

    def _sample_cells(self, raw: RawPrompt) -> tuple[Array, Array]:
        """(S, 2) logits of background and object, and (S,) targets, of some labelled cells."""
        random = np.random.default_rng([self.settings.seed, raw.prompted.row, raw.prompted.class_index])
        known = np.flatnonzero(raw.small.ravel() != IGNORE)
        some = known[random.integers(len(known), size=_SAMPLED)] if len(known) else known
        logits = raw.logits.ravel()[some]
        return np.stack([np.zeros_like(logits), logits], axis=1), raw.small.ravel()[some].astype(np.int64)

    def _predict_raw(self, module: nn.Module) -> Iterator[RawPrompt]:
        """Raw predictions for the prompts of the validation rows, image by image; the next prompts are prefetched."""
        module.eval()
        head, rows = self.network.head, self.split.validation
        self.exact.fill([(row, None) for row in rows] if _is_frozen(module) else [])
        for row, prompts in zip(rows, prefetch(rows, self._list_prompts, self.settings.workers), strict=True):
            with torch.inference_mode():
                maps = head.embed(self._read_features(module, row))  # type: ignore[operator]
                for prompted, prompt, target, small in prompts:
                    logits, loss = self._decode(maps, prompt, target.shape, small)
                    yield RawPrompt(prompted, prompt, logits, target, small, loss)

    def _decode(self, maps: Any, prompt: Prompt, shape: tuple[int, ...], small: Array) -> tuple[Array, float]:
        """(h, w) logits of the mask that is selected for a prompt, and the loss of all masks."""
        points, labels = scale_prompt(prompt, shape[0], shape[1], self._spec)
        fed = (torch.from_numpy(part[None, None]).to(self.settings.device) for part in (points, labels))
        masks, predicted_iou = self.network.head.decode(maps, *fed)  # type: ignore[operator]
        ambiguous = torch.tensor([prompt.ambiguous], device=masks.device)
        target = torch.from_numpy(small)[None].to(masks.device)
        loss = prompt_loss(masks[0], predicted_iou[0], target, ambiguous)
        output = DecoderOutput(
            masks[0, 0].float().cpu().numpy(), predicted_iou[0, 0].float().cpu().numpy(), prompt
        )
        # A copy, for a view would keep the other masks in memory.
        return output.masks[select_mask(output, self._spec.prompt_format)].copy(), float(loss)

    def _read_features(self, module: nn.Module, row: int) -> Any:
        """(1, size) features of a validation row: cached ones, unless the encoder is trained too."""
        if _is_frozen(module):
            return torch.from_numpy(self.exact([row], None)).to(self.settings.device)
        pixels = torch.from_numpy(self.views.views.inputs([(row, None)])).to(self.settings.device)
        return module.encoder(pixels)  # type: ignore[operator]

    def _list_prompts(self, row: int) -> list[tuple[PromptedTarget, Any, Array, Array]]:
        """Every target of an image with every prompt strategy: the prompt, and the target at full and decoder size."""
        placed = self.views.mask(row, None)
        known = placed != IGNORE
        return [
            (PromptedTarget(row, target.class_index, strategy.name), target.make_prompt(strategy), target.target,
             self.views.sample_target(placed == target.class_index, known))
            for target in find_prompt_targets(self.data, row) for strategy in PROMPT_STRATEGIES
        ]  # fmt: skip


class PromptHeadTrainer:
    """Trains the head on embeddings that are computed once per image and view."""

    def __init__(self, trainer: PromptTrainer) -> None:
        self.trainer, settings = trainer, trainer.settings
        self.views: list[View] = (
            list(range(min(settings.augmented_views, settings.epochs)))
            if settings.augment != "none"
            else [None]
        )
        trainer.features.fill([(row, view) for view in self.views for row in trainer.split.train])
        self.module: nn.Module = PromptableModule(trainer.network, settings.corrections, None).to(
            settings.device
        )

    @property
    def solve(self) -> None:
        """A decoder is trained in epochs."""

    def fit_probe(self) -> None:
        """A mask has no linear probe."""

    def stream(self, epoch: int) -> tuple[int, Iterator[Batch]]:
        """Number of batches in the epoch, and the batches."""
        self.module.train()
        trainer, view = self.trainer, self.views[epoch % len(self.views)]
        batches = trainer.batches(epoch)

        def make_batch(rows: list[int]) -> tuple[tuple[Array, ...], Array]:
            return trainer.add_prompts(trainer.features(rows, view), rows, view, epoch)

        prepared = prefetch(batches, make_batch, trainer.settings.workers)
        return len(batches), (
            to_device(inputs, targets, trainer.settings.device) for inputs, targets in prepared
        )

    def validate(self, module: nn.Module, epoch: int) -> EpochResult:
        """Validation metrics of the head."""
        return self.trainer.validate(module, epoch)

    def predict_validation(self, module: nn.Module) -> PromptPredictions:
        """Predictions of the head for the prompts of the validation rows."""
        return self.trainer.predict_validation(module)


def _is_frozen(module: nn.Module) -> bool:
    """Whether cached features can replace images: no part of the encoder is trained."""
    encoder: Any = module.encoder
    return encoder is None or not any(p.requires_grad for p in encoder.parameters())


def summarise_prompts(results: list[tuple[PromptedTarget, Array, float]]) -> EpochResult:
    """The metrics of an epoch at the best threshold.

    Args:
        results: of each prompt: its target, the (T, 2, 2) pixel counts for all `THRESHOLDS`, and the loss.
    """
    counts = np.stack([count for _, count, _ in results])  # (N, T, 2, 2)
    scores = iou(counts.reshape(-1, 2, 2))[:, 1].reshape(counts.shape[:2])
    means = scores.mean(axis=0)
    best = min(np.flatnonzero(means == means.max()), key=lambda place: abs(THRESHOLDS[place] - 0.5))
    chosen = np.asarray(scores[:, best])
    by_strategy = {
        strategy.name: float(np.mean([
            score for (target, *_), score in zip(results, chosen, strict=True) if target.strategy == strategy.name
        ])) for strategy in PROMPT_STRATEGIES
    }  # fmt: skip
    score = float(np.mean(list(by_strategy.values())))
    return EpochResult(
        score=score,
        loss=float(np.mean([loss for *_, loss in results])),
        collapsed=int(counts[:, best].sum(axis=(0, 1)).astype(bool).sum()) < 2,
        metrics={"mean_iou": score, **{f"mean_iou_{name}": v for name, v in by_strategy.items()}},
        outcomes=_outcomes([target for target, *_ in results], chosen),
    )


def _outcomes(targets: list[PromptedTarget], scores: Array) -> Outcomes:
    """The (N,) IoU of each target for each strategy; the strategies of a target come one after the other."""
    strategies = len(PROMPT_STRATEGIES)
    prompted = targets[::strategies]
    classes = compact_indices(np.array([target.class_index for target in prompted]))
    values = scores.reshape(-1, strategies).astype(np.float32)
    return Outcomes.of_epoch([target.row for target in prompted], classes, values)
