"""Typical segmentation: a U-Net of segmentation_models_pytorch on resized photos, in a notebook's loop."""

import json
import random
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import segmentation_models_pytorch as smp
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

SIDE, BATCH, RATE, EPOCHS, PATIENCE, WORKERS = 256, 8, 1e-3, 40, 4, 2
MEAN = STD = 0.5
Images = Dataset[tuple[Tensor, Tensor]]


class Scenes(Images):
    """The pictures of one split, read and resized again each time."""

    def __init__(self, data: str, stems: list[str], flips: bool) -> None:
        self.data, self.stems, self.flips = Path(data), stems, flips

    def __len__(self) -> int:
        return len(self.stems)

    def __getitem__(self, place: int) -> tuple[Tensor, Tensor]:
        stem = self.stems[place]
        image = Image.open(self.data / "images" / f"{stem}.jpg").convert("RGB").resize((SIDE, SIDE))
        mask = Image.open(self.data / "masks" / f"{stem}.png").resize((SIDE, SIDE), Image.Resampling.NEAREST)
        pixels = (torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255 - MEAN) / STD
        target = (torch.from_numpy(np.array(mask)) > 127).float()[None]
        if self.flips and random.random() < 0.5:
            pixels, target = pixels.flip(2), target.flip(2)
        return pixels, target


def network(weights: str) -> Any:
    """The U-Net with pretrained weights in its encoder."""
    model = smp.Unet("tu-mobilenetv2_100", encoder_weights=None, encoder_depth=5, pad_type="same")
    whole = load_file(weights)
    encoder = model.encoder.model
    state = {name: whole[name] for name in encoder.state_dict()}
    encoder.load_state_dict(state)
    return model


def dice_loss(logits: Tensor, target: Tensor) -> Tensor:
    """One minus soft Dice of the batch."""
    p = logits.sigmoid()
    return 1 - (2 * (p * target).sum() + 1) / (p.sum() + target.sum() + 1)


def figures(shared: Tensor, predicted: Tensor, true: Tensor) -> dict[str, float]:
    """IoU, Dice, precision and recall of one mask."""
    union = predicted + true - shared
    return {
        "iou": float(shared / union) if union else 1.0,
        "dice": float(2 * shared / (predicted + true)) if union else 1.0,
        "precision": float(shared / predicted) if predicted else float(not true),
        "recall": float(shared / true) if true else float(not predicted),
    }


def evaluate(model: nn.Module, scenes: DataLoader[tuple[Tensor, Tensor]]) -> list[dict[str, float]]:
    """The figures of every image, at the size that the network sees."""
    model.eval()
    rows = []
    with torch.no_grad():
        for images, targets in scenes:
            predictions = model(images).sigmoid() > 0.5
            for prediction, target in zip(predictions, targets > 0.5, strict=True):
                rows.append(figures((prediction & target).sum(), prediction.sum(), target.sum()))
    return rows


def mean(rows: list[dict[str, float]], name: str) -> float:
    """The mean over the images."""
    return float(np.mean([row[name] for row in rows]))


def main(data: str, weights: str, splits: str, predictions: str = "", hurry: str = "") -> None:
    """Train, and print the test metrics; with `predictions` the masks are written to that folder, at full size.

    In a `hurry`, where nobody measures its speed, steps run in the layout and the precision that are quickest.
    """
    seed, start = 0, time.perf_counter()
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    stems_by_split = json.loads(Path(splits).read_text())
    train = DataLoader(Scenes(data, stems_by_split["train"], True), BATCH, shuffle=True, num_workers=WORKERS)
    validation, test = (DataLoader(Scenes(data, stems_by_split[s], False), BATCH, num_workers=WORKERS)
                        for s in ("validation", "test"))  # fmt: skip
    model = network(weights).to(memory_format=torch.channels_last if hurry else torch.contiguous_format)
    optimizer = torch.optim.Adam(model.parameters(), RATE)
    best, best_dice, stale, log = {}, -1.0, 0, []
    for _ in range(EPOCHS):
        began = time.perf_counter()
        model.train()
        for images, targets in train:
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=bool(hurry)):
                logits = model(images)
            loss = dice_loss(logits.float(), targets)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        trained = time.perf_counter()
        dice = mean(evaluate(model, validation), "dice")
        log.append({"dice": dice, "train_seconds": trained - began, "at": time.perf_counter() - start})
        print(json.dumps(log[-1]), file=sys.stderr, flush=True)
        if dice > best_dice:
            best, best_dice, stale = {k: v.clone() for k, v in model.state_dict().items()}, dice, 0
        else:
            stale += 1
            if stale >= PATIENCE:
                break
    seconds = time.perf_counter() - start
    model.load_state_dict(best)
    rows = evaluate(model, test)
    if predictions:
        write_masks(model, data, stems_by_split["test"], Path(predictions))
    print(json.dumps({"seconds": seconds, "log": log, "validation_dice": best_dice,
                      **{name: mean(rows, name) for name in rows[0]}}))  # fmt: skip


def write_masks(model: nn.Module, data: str, stems: list[str], folder: Path) -> None:
    """Masks at the size of the photos, for a comparison on the same pixels."""
    folder.mkdir(parents=True, exist_ok=True)
    model.eval()
    scenes = Scenes(data, stems, False)
    for place, stem in enumerate(stems):
        with torch.no_grad():
            mask = (model(scenes[place][0][None])[0, 0].sigmoid() > 0.5).numpy()
        size = Image.open(Path(data) / "images" / f"{stem}.jpg").size
        picture = Image.fromarray(mask.astype(np.uint8) * 255).resize(size, Image.Resampling.NEAREST)
        picture.save(folder / f"{stem}.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
