"""The notebook-style script for masks: a U-Net on resized images, flips, Adam, early stopping by validation Dice."""

import copy
import time
from typing import Any

import numpy as np
import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn

from benchmarks.accuracy.methods.common import (
    MASK_SIDE,
    MODEL,
    OPTIONS,
    Job,
    batches,
    encoder_state,
    normalise,
    predict_logits,
    read_job,
    read_pixels,
    to_tensor,
    write_mask,
)
from benchmarks.accuracy.scoring import mean_dice
from benchmarks.accuracy.written import TaskImage, resize_mask
from pupila.core.vocabulary import TEST, TRAIN, VALIDATION

_BATCH, _RATE, _MOST_EPOCHS, _PATIENCE = 8, 1e-3, 60, 8


def _build(classes: int) -> Any:
    model: Any = smp.Unet(f"tu-{MODEL}", encoder_weights=None, encoder_depth=5, classes=classes, **OPTIONS)
    encoder, state = model.encoder.model, encoder_state()
    encoder.load_state_dict({name: state[name] for name in encoder.state_dict()})
    return model.to(memory_format=torch.channels_last)


def _loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross entropy and soft Dice of the classes; -1 has no label."""
    labelled = targets >= 0
    true = (
        nn.functional.one_hot(targets.clamp(min=0), logits.shape[1]).permute(0, 3, 1, 2) * labelled[:, None]
    )
    p = logits.softmax(1) * labelled[:, None]
    overlap = (2 * (p * true).sum((0, 2, 3)) + 1) / (p.sum((0, 2, 3)) + true.sum((0, 2, 3)) + 1)
    return nn.functional.cross_entropy(logits, targets, ignore_index=-1) + 1 - overlap.mean()


def _read(job: Job, images: list[TaskImage]) -> tuple[Tensor, Tensor]:
    pixels = to_tensor([read_pixels(image.image, MASK_SIDE) for image in images])
    masks = [resize_mask(job.task.read_mask(image.mask), MASK_SIDE) for image in images if image.mask]
    return pixels, torch.from_numpy(np.stack(masks))


def main() -> None:
    """Train until validation stops improving or the limit is near, and write the masks of the best epoch."""
    job = read_job()
    pixels, targets = _read(job, job.task.in_split(TRAIN))
    checked, true = _read(job, job.task.in_split(VALIDATION))
    test, foreground = job.task.in_split(TEST), job.task.foreground
    model = _build(len(job.task.classes))
    optimizer, rng = torch.optim.Adam(model.parameters(), _RATE), np.random.default_rng(job.seed)
    best, state, since, longest = -1.0, copy.deepcopy(model.state_dict()), 0, 0.0
    for _ in range(_MOST_EPOCHS):
        start = time.process_time()
        model.train()
        for part in batches(rng.permutation(len(pixels)), _BATCH):
            inputs, masks = normalise(pixels[part].float()), targets[part]
            flips = torch.from_numpy(rng.random(len(part)) < 0.5)
            inputs = torch.where(flips[:, None, None, None], inputs.flip(3), inputs)
            masks = torch.where(flips[:, None, None], masks.flip(2), masks)
            optimizer.zero_grad()
            loss = _loss(model(inputs.contiguous(memory_format=torch.channels_last)), masks)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        validating = time.process_time()
        predicted = predict_logits(model, checked, _BATCH).argmax(1).numpy()
        image_seconds = (time.process_time() - validating) / len(checked)
        dice = np.mean([mean_dice(t, p, foreground) for t, p in zip(true.numpy(), predicted, strict=True)])
        since = 0 if dice > best else since + 1
        if dice > best:
            best, state = float(dice), copy.deepcopy(model.state_dict())
        longest = max(longest, time.process_time() - start)
        if since >= _PATIENCE or job.seconds_left() < longest + 1.5 * image_seconds * len(test):
            break
    model.load_state_dict(state)
    for image in test:
        logits = predict_logits(model, to_tensor([read_pixels(image.image, MASK_SIDE)]))
        write_mask(job, image, logits[0].argmax(0).numpy())


if __name__ == "__main__":
    main()
