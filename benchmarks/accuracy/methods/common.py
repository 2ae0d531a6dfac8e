"""Shared by the methods: what they are given, the encoder, pixels, and what they leave."""

import json
import os
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from benchmarks.accuracy.written import Array, TaskImage, WrittenTask, read_task
from benchmarks.measure import real_weights

MODEL: Final = "mobilenetv2_100"
OPTIONS: dict[str, Any] = {"pad_type": "same"}
SIDE, MASK_SIDE = 224, 256
PREDICTIONS_FILE, MASKS_FOLDER = "predictions.json", "masks"
_RESERVE = 0.06  # share of the limit that nothing plans with: epochs differ


@dataclass(frozen=True, slots=True)
class Job:
    """What a method is given."""

    task: WrittenTask
    out: Path
    seed: int
    cpu_seconds: float  # its limit, from the start of the process

    def seconds_left(self) -> float:
        """CPU seconds until the limit, without the reserve."""
        return self.cpu_seconds * (1 - _RESERVE) - time.process_time()


def read_job() -> Job:
    """The job of the command line; all draws are seeded, and torch takes the threads that the bench fixed."""
    task, out, seed, cpu_seconds = sys.argv[1:5]
    random.seed(int(seed))
    np.random.seed(int(seed))
    torch.manual_seed(int(seed))
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    return Job(read_task(Path(task)), Path(out), int(seed), float(cpu_seconds))


def encoder_state() -> dict[str, Tensor]:
    """The pretrained weights, without those of the classifier.

    Raises:
        FileNotFoundError: there are none on this machine.
    """
    from safetensors.torch import load_file

    path = real_weights(f"{MODEL}.safetensors")
    if path is None:
        raise FileNotFoundError(f"{MODEL}.safetensors")
    return {name: tensor for name, tensor in load_file(path).items() if not name.startswith("classifier.")}


def build_classifier(classes: int) -> Any:
    """The pretrained network with a new last layer, or without one for 0 classes."""
    import timm

    model = timm.create_model(MODEL, num_classes=classes, **OPTIONS)
    missing, unexpected = model.load_state_dict(encoder_state(), strict=False)
    assert not unexpected and set(missing) <= {"classifier.weight", "classifier.bias"}
    return model.to(memory_format=torch.channels_last)


def read_pixels(path: Path, side: int) -> Array:
    """(side, side, 3) uint8, the whole image squeezed into a square."""
    return np.asarray(Image.open(path).convert("RGB").resize((side, side), Image.Resampling.BILINEAR))


def normalise(pixels: Tensor) -> Tensor:
    """(N, 3, H, W) float of 0..255, as the encoder has seen its images."""
    return (pixels / 127.5 - 1).contiguous(memory_format=torch.channels_last)


def to_tensor(images: list[Array]) -> Tensor:
    """(N, 3, H, W) uint8 of images of one size."""
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)


def batches(order: Array, size: int) -> Iterator[Array]:
    """Parts of an order; a last one of a single image is left out, as batch norm can't take it."""
    for start in range(0, len(order), size):
        if len(order[start : start + size]) > 1 or len(order) == 1:
            yield order[start : start + size]


@torch.no_grad()
def predict_logits(model: nn.Module, pixels: Tensor, size: int = 32) -> Tensor:
    """(N, C) of (N, 3, H, W) uint8."""
    model.eval()
    return torch.cat([model(normalise(part.float())) for part in torch.split(pixels, size)])


def labels_in(images: list[TaskImage]) -> Array:
    """(N,) class indices."""
    return np.array([image.label for image in images])


def write_predictions(job: Job, classes: Array) -> None:
    """Class indices of the test images, in their order."""
    text = json.dumps([int(value) for value in classes])
    (job.out / PREDICTIONS_FILE).write_text(text)


def write_mask(job: Job, image: TaskImage, mask: Array) -> None:
    """A mask of class indices, brought to the size of the image."""
    size = Image.open(image.image).size
    folder = job.out / MASKS_FOLDER
    folder.mkdir(exist_ok=True)
    resized = Image.fromarray(mask.astype(np.uint8)).resize(size, Image.Resampling.NEAREST)
    resized.save(folder / f"{image.image.stem}.png")
