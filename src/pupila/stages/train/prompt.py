"""Train promptable models: a mask decoder on cached embeddings, validated by the IoU for points and boxes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.prompt_targets import find_prompt_targets
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, mark, say, say_count
from pupila.core.threads import prefetch
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.decode import Array
from pupila.imaging.masks.codec import encode_png
from pupila.learning.engine import make_encoder
from pupila.learning.features import Features
from pupila.learning.loader.batches import chunks, order
from pupila.learning.loader.prompt import PromptedViews, pad
from pupila.learning.loader.views import View
from pupila.learning.loop import Batch, EpochResult
from pupila.learning.losses import prompt_loss
from pupila.learning.models.network import Network, Unfrozen
from pupila.learning.models.settings import PUPILA_SAM
from pupila.stages.train.phases import to_device
from pupila.stages.train.prompt_tuning import (
    METRIC,
    PromptedTarget,
    baseline,
    calibrate_prompts,
    sample_cells,
)
from pupila.stages.train.recipe import SplitRows, TrainingRecipe
from pupila.stages.train.segment_tuning import quantize_probability
from pupila.stages.train.settings import TrainPlan, TrainSettings
from pupila.statistics.metrics.calibration import fit_temperature
from pupila.statistics.metrics.segment import confusion_counts, iou
from pupila.tasks.prompt import (
    BACKGROUND,
    FOREGROUND,
    NO_POINT,
    PROMPT,
    DecoderOutput,
    predict_probability,
    scale_prompt,
)
from pupila.tasks.prompt_strategies import PROMPT_STRATEGIES
from pupila.tasks.segment import foreground_classes
from pupila.tasks.task import PredictionSettings, PreprocessedImage

_VIEWS = 4  # augmented views per image where "auto" decides


class PromptableModule(nn.Module):
    """A promptable network in training: after the first prediction, rounds with a corrective point each.

    Args:
        network: is trained in place.
        corrections: rounds after the first one.
        unfreeze: number of last encoder blocks to train, or "all"; None: the input is features, not pixels.
    """

    def __init__(self, network: Network, corrections: int, unfreeze: int | str | None) -> None:
        super().__init__()
        self._unfrozen = (
            [] if unfreeze is None else [Unfrozen(network, unfreeze)]
        )  # in a list, so that its weights are registered once
        self.head: Any = network.head
        self.encoder: Any = None if unfreeze is None else network.encoder
        self._image_size, self._corrections = network.preprocessing.height, corrections

    def forward(
        self, inputs: Tensor, points: Tensor, labels: Tensor, targets: Tensor
    ) -> list[tuple[Tensor, ...]]:
        """(N, 3, H, W) pixels or (N, size) features, (N, M, P, 2) points, (N, M, P) labels, (N, M, h, w) targets.

        Returns:
            For each round (N, M, 4, h, w) logits, (N, M, 4) predicted IoUs, and (N, M) whether the prompt is ambiguous.
        """
        maps = self.head.embed(inputs if self.encoder is None else self.encoder(inputs))
        rounds: list[tuple[Tensor, ...]] = []
        for number in range(1 + self._corrections):
            masks, predicted_iou = self.head.decode(maps, points, labels)
            ambiguous = (labels >= 0).sum(dim=2) == 1
            rounds.append((masks, predicted_iou, ambiguous))
            if number < self._corrections:
                best = torch.where(ambiguous, 1 + predicted_iou[..., 1:].argmax(dim=2), 0)
                place, label = self._place_correction(_select_masks(masks.detach(), best), targets)
                points, labels = torch.cat([points, place], dim=2), torch.cat([labels, label], dim=2)
        return rounds

    def _place_correction(self, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """(N, M, 1, 2) the centre of the largest error of (N, M, h, w) logits, and (N, M, 1) its point label."""
        known = targets != IGNORE
        wrong = ((logits > 0) != (targets == 1)) & known
        height, width = wrong.shape[2:]
        window = max(3, height // 16 | 1)
        around = functional.avg_pool2d(wrong.float(), window, 1, window // 2)
        most = torch.where(wrong, around, -1.0).flatten(2).argmax(dim=2)
        y, x = most.div(width, rounding_mode="floor"), most % width
        place = torch.stack(
            [(x + 0.5) * self._image_size / width, (y + 0.5) * self._image_size / height], dim=-1
        )
        inside = targets.flatten(2).gather(2, most[..., None]) == 1
        label = torch.where(
            wrong.flatten(2).any(dim=2, keepdim=True), torch.where(inside, FOREGROUND, BACKGROUND), NO_POINT
        )
        return place[:, :, None], label

    def train(self, mode: bool = True) -> "PromptableModule":
        """Training mode for the trained parts; frozen parts stay in evaluation mode."""
        super().train(mode)
        for whole in self._unfrozen:
            whole.train(mode)
        return self


def _select_masks(masks: Tensor, number: Tensor) -> Tensor:
    """(N, M, h, w): of (N, M, 4, h, w) the one of each (N, M) number."""
    return masks.gather(2, number[..., None, None, None].expand(-1, -1, 1, *masks.shape[3:]))[:, :, 0]


def mean_prompt_loss(rounds: list[tuple[Tensor, ...]], targets: Tensor) -> Tensor:
    """The mean loss of the rounds."""
    own = targets.flatten(0, 1)
    parts = [
        prompt_loss(masks.flatten(0, 1), predicted_iou.flatten(0, 1), own, ambiguous.flatten())
        for masks, predicted_iou, ambiguous in rounds
    ]
    return torch.stack(parts).mean()


class PromptTrainer:
    """The `TaskTrainer` of promptable models.

    Args:
        data: the data set.
        split: training and validation rows.
        plan: of the run.
        network: is trained in place.
    """

    def __init__(self, data: Dataset, split: SplitRows, plan: TrainPlan, network: Network) -> None:
        self.data, self.plan, self.network = data, plan, network
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
        self.views = PromptedViews(data, network.preprocessing, rows, plan.augment, plan.seed, head.cells)
        encoder = make_encoder(plan.engine, network, plan.device)
        self.features = Features(self.views.views, encoder, plan.cache)
        # Validation and calibration use the encoder engine of the bundle, whatever engine training uses.
        engine = "onnxruntime" if plan.device == "cpu" else "torch"
        exact = encoder if plan.engine == engine else make_encoder(engine, network, plan.device)
        self.exact = Features(self.views.views, exact, "none" if plan.cache == "none" else "float32")
        self.criterion: Callable[[Any, Tensor], Tensor] = mean_prompt_loss
        self.info = uncalibrated_info(plan, network)

    def batches(self, epoch: int) -> list[list[int]]:
        """Row numbers of the epoch's batches."""
        places = order(len(self.split.train), self.plan.seed, epoch)
        return chunks(np.asarray(self.split.train, dtype=np.int64)[places], self.plan.batch_size)

    def inputs(self, items: list[int], view: int) -> tuple[tuple[Array, ...], Array]:
        """(K, 3, H, W) float32 images with their prompts, and (K, M, h, w) uint8 targets."""
        return self.add_prompts(self.views.views.inputs([(row, view) for row in items]), items, view, view)

    def add_prompts(
        self, inputs: Array, rows: list[int], view: View, epoch: int
    ) -> tuple[tuple[Array, ...], Array]:
        """The inputs of K rows with (K, M, P, 2) points, (K, M, P) labels and (K, M, h, w) targets, and the targets."""
        drawn = [
            self.views.draw_prompts(row, view, epoch, self.plan, self.network.prompt_format) for row in rows
        ]
        points, labels, target_lists = (list(part) for part in zip(*drawn, strict=True))
        targets = pad(target_lists, IGNORE)
        return (inputs, pad(points, 0), pad(labels, NO_POINT), targets), targets

    def build_module(self, unfreeze: int | str) -> nn.Module:
        """Encoder and head as one module on pixels."""
        return PromptableModule(self.network, self.plan.corrections, unfreeze)

    def build_head_trainer(self) -> "PromptHeadTrainer":
        """Trains the head on cached embeddings."""
        return PromptHeadTrainer(self)

    def validate(self, module: nn.Module, epoch: int) -> EpochResult:
        """Validation metrics: mean IoU for each prompt strategy, and their mean."""
        if not self.split.validation:
            return EpochResult(score=float(epoch), loss=None, predicted_classes=2, metrics={})

        def score_prompt(raw: "_RawPrediction") -> tuple[str, Array, float]:
            probability, _ = predict_probability(raw.output, raw.image, self.info)
            return (
                raw.prompted.strategy,
                confusion_counts(raw.target, (probability >= 0.5).astype(np.uint8), 2),
                raw.loss,
            )

        results = list(prefetch(self._predict_raw(module), score_prompt))
        matrices = {
            strategy.name: np.stack([count for name, count, _ in results if name == strategy.name])
            for strategy in PROMPT_STRATEGIES
        }
        scores = {name: float(iou(each)[:, 1].mean()) for name, each in matrices.items()}
        predicted = np.concatenate(list(matrices.values())).sum(axis=(0, 1)).astype(bool)
        score = float(np.mean(list(scores.values())))
        return EpochResult(
            score=score,
            loss=float(np.mean([loss for *_, loss in results])),
            predicted_classes=int(predicted.sum()),
            metrics={"iou": score, **{f"iou_{name}": v for name, v in scores.items()}},
        )

    def predict_validation(self, module: nn.Module) -> list[PromptedTarget]:
        """Predictions for the prompts of the validation rows, with the temperature of the calibrated bundle."""
        samples = list(prefetch(self._predict_raw(module), self._sample_cells))
        if not samples:
            return []
        logits, targets = (np.concatenate(part) for part in zip(*samples, strict=True))
        info = self.info.model_copy(update={"temperature": fit_temperature(logits, targets)})
        encoded = prefetch(self._predict_raw(module), partial(self._encode_prediction, info))
        return [
            prompted.with_prediction(png, *sample)
            for (prompted, png), sample in zip(encoded, samples, strict=True)
        ]

    def _sample_cells(self, raw: "_RawPrediction") -> tuple[Array, Array]:
        seed = [self.plan.seed, raw.prompted.row, raw.prompted.class_index]
        return sample_cells(raw.output, self.info.prompt_format, raw.small, seed)

    def _encode_prediction(
        self, info: PredictionSettings, raw: "_RawPrediction"
    ) -> tuple[PromptedTarget, bytes]:
        probability, _ = predict_probability(raw.output, raw.image, info)
        return raw.prompted, encode_png(quantize_probability(probability), 0)

    def _predict_raw(self, module: nn.Module) -> "Iterator[_RawPrediction]":
        """Decoder outputs for the prompts of the validation rows, image by image; the next prompts are prefetched."""
        module.eval()
        head, rows = self.network.head, self.split.validation
        self.exact.fill([(row, None) for row in rows] if _is_frozen(module) else [])
        for row, prompts in zip(rows, prefetch(rows, self._list_prompts, self.plan.workers), strict=True):
            with torch.inference_mode():
                maps = head.embed(self._read_features(module, row))  # type: ignore[operator]
                for prompted, prompt, target, small in prompts:
                    height, width = target.shape
                    image = PreprocessedImage(np.empty(0), height, width)
                    points, labels = scale_prompt(prompt, height, width, self.info)
                    fed = (
                        torch.from_numpy(part[None, None]).to(self.plan.device) for part in (points, labels)
                    )
                    masks, predicted_iou = head.decode(maps, *fed)  # type: ignore[operator]
                    ambiguous = torch.tensor([prompt.ambiguous], device=masks.device)
                    loss = prompt_loss(
                        masks[0], predicted_iou[0], torch.from_numpy(small)[None].to(masks.device), ambiguous
                    )
                    output = DecoderOutput(
                        masks[0, 0].float().cpu().numpy(), predicted_iou[0, 0].float().cpu().numpy(), prompt
                    )
                    yield _RawPrediction(prompted, image, output, target, small, float(loss))

    def _read_features(self, module: nn.Module, row: int) -> Any:
        """(1, size) features of a validation row: cached ones, unless the encoder is trained too."""
        if _is_frozen(module):
            return torch.from_numpy(self.exact([row], None)).to(self.plan.device)
        pixels = torch.from_numpy(self.views.views.inputs([(row, None)])).to(self.plan.device)
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


@dataclass(frozen=True, slots=True)
class _RawPrediction:
    """The raw decoder output for a prompt."""

    prompted: PromptedTarget
    image: PreprocessedImage
    output: DecoderOutput
    target: Array  # (H, W) uint8: 1, 0 or IGNORE
    small: Array  # (h, w) the same at the size of the decoder's masks
    loss: float


class PromptHeadTrainer:
    """Trains the head on embeddings that are computed once per image and view."""

    def __init__(self, trainer: PromptTrainer) -> None:
        self.trainer, plan = trainer, trainer.plan
        self.views: list[View] = (
            list(range(min(plan.augmented_views, plan.epochs))) if plan.augment != "none" else [None]
        )
        trainer.features.fill([(row, view) for view in self.views for row in trainer.split.train])
        self.module: nn.Module = PromptableModule(trainer.network, plan.corrections, None).to(plan.device)

    def stream(self, epoch: int) -> tuple[int, Iterator[Batch]]:
        """Number of batches in the epoch, and the batches."""
        self.module.train()
        trainer, view = self.trainer, self.views[epoch % len(self.views)]
        batches = trainer.batches(epoch)

        def make_batch(rows: list[int]) -> tuple[tuple[Array, ...], Array]:
            return trainer.add_prompts(trainer.features(rows, view), rows, view, epoch)

        prepared = prefetch(batches, make_batch, trainer.plan.workers)
        return len(batches), (to_device(inputs, targets, trainer.plan) for inputs, targets in prepared)

    def validate(self, module: nn.Module, epoch: int) -> EpochResult:
        """Validation metrics of the head."""
        return self.trainer.validate(module, epoch)

    def predict_validation(self, module: nn.Module) -> list[PromptedTarget]:
        """Predictions of the head for the prompts of the validation rows."""
        return self.trainer.predict_validation(module)


def _is_frozen(module: nn.Module) -> bool:
    """Whether cached features can replace images: no part of the encoder is trained."""
    encoder: Any = module.encoder
    return encoder is None or not any(p.requires_grad for p in encoder.parameters())


def uncalibrated_info(plan: TrainPlan, network: Network) -> PredictionSettings:
    """What decoding outputs needs before calibration and tuning."""
    return PredictionSettings(
        classes=plan.classes, preprocessing=network.preprocessing, prompt_format=network.prompt_format
    )


def _is_collapsed(predictions: list[PromptedTarget]) -> bool:
    """Whether every predicted mask is full, or every one empty."""
    return (
        len(predictions) > 0 and len(set().union(*(prediction.classes() for prediction in predictions))) < 2
    )


def _check_settings(settings: TrainSettings, data: Dataset) -> None:
    if data.label_map is None:
        raise PupilaError(
            say("Promptable models need masks"), actual=say("image labels: {names}", names=listing(data.classes)),
            expected=say("a data set with masks"), remedy="--model auto",
        )  # fmt: skip


def _default_settings(network: Network) -> dict[str, Any]:
    """The defaults; the encoder of pupila-sam is fast enough for augmented views."""
    defaults: dict[str, Any] = {"loss": "20*focal+dice", "epochs": 20, "finetune_epochs": 10, "lr": 1e-4}
    return defaults | ({"augmented_views": _VIEWS} if network.name == PUPILA_SAM else {"augment": "none"})


PROMPT_RECIPE = TrainingRecipe(
    task=PROMPT,
    defaults=_default_settings,
    augment="light",
    unused_settings=(
        "head", "head_width", "dropout", "view", "overlap", "loss", "focal_gamma", "tversky_beta",
        "label_smoothing", "class_weights", "sampling", "threshold", "budget",
    ),
    metric=lambda classes: METRIC,
    max_batch_size=2,
    trainer=PromptTrainer,
    concatenate=lambda parts: [prediction for part in parts for prediction in part],
    is_collapsed=_is_collapsed,
    calibrate=calibrate_prompts,
    baseline=baseline,
    check_settings=_check_settings,
    baseline_name=mark("filled box"),
)  # fmt: skip
