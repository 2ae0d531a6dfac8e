"""A careful full fine-tune: AdamW with two learning rates, cosine, augmentation, the best epoch by validation."""

import copy
import math
import time
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.transforms import v2

from benchmarks.accuracy.methods.common import (
    SIDE,
    Job,
    batches,
    build_classifier,
    labels_in,
    normalise,
    predict_logits,
    read_job,
    read_pixels,
    to_tensor,
    write_predictions,
)
from pupila.core.vocabulary import TEST, TRAIN, VALIDATION

_STORED, _BATCH, _PATIENCE = 256, 32, 10  # _STORED: pixels before the random crop
_MOST_EPOCHS, _LEAST_EPOCHS = 40, 2
_ENCODER_RATE, _HEAD_RATE, _DECAY, _SMOOTHING, _WARM = 3e-4, 1e-3, 0.05, 0.1, 0.1
_AUGMENT = v2.Compose([
    v2.RandomResizedCrop(SIDE, scale=(0.5, 1.0), ratio=(0.85, 1.18), antialias=True),
    v2.RandomHorizontalFlip(),
    v2.ColorJitter(0.2, 0.2, 0.2, 0.02),
])  # fmt: skip


def _augment(pixels: Tensor) -> Tensor:
    return normalise(torch.stack([_AUGMENT(image) for image in pixels]).float())


def _split_rates(model: Any) -> list[dict[str, Any]]:
    """The last layer learns faster, and one-dimensional weights do not decay."""
    groups: dict[tuple[float, float], list[Any]] = {}
    for name, weight in model.named_parameters():
        rate = _HEAD_RATE if name.startswith("classifier.") else _ENCODER_RATE
        groups.setdefault((rate, _DECAY if weight.ndim > 1 else 0.0), []).append(weight)
    return [{"params": weights, "lr": rate, "weight_decay": d} for (rate, d), weights in groups.items()]


def _step(model: nn.Module, optimizer: torch.optim.Optimizer, inputs: Tensor, targets: Tensor) -> None:
    model.train()
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(inputs), targets, label_smoothing=_SMOOTHING)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def _count_epochs(
    job: Job, model: Any, data: tuple[Tensor, Tensor], others: tuple[Tensor, int]
) -> tuple[int, float]:
    """Epochs that the limit buys, and the CPU seconds of the predictions on test, by a few steps of a copy."""
    trial = copy.deepcopy(model)
    optimizer, (pixels, targets) = torch.optim.AdamW(_split_rates(trial)), data
    seconds = []
    for _ in range(3):
        start = time.process_time()
        _step(trial, optimizer, _augment(pixels[:_BATCH]), targets[:_BATCH])
        seconds.append(time.process_time() - start)
    start = time.process_time()
    predict_logits(trial, others[0][:_BATCH])
    predicting = (time.process_time() - start) / min(_BATCH, len(others[0]))
    epoch = min(seconds) * len(pixels) / min(_BATCH, len(pixels)) + predicting * len(others[0])
    testing = predicting * others[1] * 1.5  # with decoding
    return max(_LEAST_EPOCHS, min(_MOST_EPOCHS, int((job.seconds_left() - testing) / epoch))), testing


def main() -> None:
    """Train as many epochs as the limit buys, and predict with the best of them."""
    job = read_job()
    train, validation, test = (job.task.in_split(split) for split in (TRAIN, VALIDATION, TEST))
    pixels = to_tensor([read_pixels(image.image, _STORED) for image in train])
    checked = to_tensor([read_pixels(image.image, SIDE) for image in validation])
    targets, true = torch.from_numpy(labels_in(train)), torch.from_numpy(labels_in(validation))
    model = build_classifier(len(job.task.classes))
    epochs, testing = _count_epochs(job, model, (pixels, targets), (checked, len(test)))
    optimizer = torch.optim.AdamW(_split_rates(model))
    steps, rng = epochs * math.ceil(len(train) / _BATCH), np.random.default_rng(job.seed)

    def rate(step: int) -> float:
        warm = max(1.0, _WARM * steps)
        return min((step + 1) / warm, 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps))))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    best, state, since = (-1.0, 0.0), copy.deepcopy(model.state_dict()), 0
    longest = 0.0
    for _ in range(epochs):
        start = time.process_time()
        for part in batches(rng.permutation(len(train)), _BATCH):
            _step(model, optimizer, _augment(pixels[part]), targets[part])
            schedule.step()
        logits = predict_logits(model, checked)
        score = (
            float((logits.argmax(1) == true).float().mean()),
            -float(nn.functional.cross_entropy(logits, true)),
        )
        since = 0 if score > best else since + 1
        if score > best:
            best, state = score, copy.deepcopy(model.state_dict())
        longest = max(longest, time.process_time() - start)
        if since >= _PATIENCE or job.seconds_left() < longest + testing:
            break
    model.load_state_dict(state)
    tested = to_tensor([read_pixels(image.image, SIDE) for image in test])
    write_predictions(job, predict_logits(model, tested).argmax(1).numpy())


if __name__ == "__main__":
    main()
