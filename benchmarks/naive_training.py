"""Typical transfer learning: a frozen timm encoder that runs on every image of every epoch."""

import json
import random
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

EPOCHS, BATCH, RATE, SIDE, WORKERS = 10, 32, 1e-3, 224, 2
CLASSES = ("ants", "bees")
MEAN = STD = (0.5, 0.5, 0.5)

TRAIN = transforms.Compose([
    transforms.Resize((SIDE, SIDE)),
    transforms.RandomHorizontalFlip(),
    transforms.RandomAffine(20, scale=(0.8, 1.2)),
    transforms.ToTensor(),
    transforms.Normalize(MEAN, STD),
])  # fmt: skip
# Further tiers of augmentation, by their names; TRAIN is the one that a run without a name has.
_ZOOM = transforms.RandomAffine(0, scale=(0.8, 1.2))
AUGMENTATIONS: dict[str, list[Any]] = {
    "A1": [transforms.RandomHorizontalFlip(), transforms.RandomRotation(20)],
    "A2": [transforms.RandomHorizontalFlip(), transforms.RandomRotation(20), _ZOOM],
    "A3": [_ZOOM, transforms.ColorJitter(brightness=0.2, contrast=0.2)],
    "A4": [
        _ZOOM,
        transforms.RandomAffine(0, shear=10),
        transforms.RandomResizedCrop(SIDE, scale=(0.72, 1.0), ratio=(1.0, 1.0)),
        transforms.ToTensor(),
        transforms.Lambda(lambda pixels: (pixels + 8 / 255 * torch.randn_like(pixels)).clamp(0, 1)),
        transforms.ToPILImage(),
    ],
}  # fmt: skip
EVALUATE = transforms.Compose([
    transforms.Resize((SIDE, SIDE)), transforms.ToTensor(), transforms.Normalize(MEAN, STD),
])  # fmt: skip


class Photos(Dataset[tuple[Tensor, int]]):
    """The photos of one split, which their file names say."""

    def __init__(self, data: str, split: str, transform: Any) -> None:
        self.items = [
            (path, number)
            for number, name in enumerate(CLASSES)
            for path in sorted(Path(data, name).glob(f"{split}__*.jpg"))
        ]
        self.transform = transform

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, place: int) -> tuple[Tensor, int]:
        path, number = self.items[place]
        return self.transform(Image.open(path).convert("RGB")), number


class LastFeatures(nn.Module):
    """A feature extractor whose last map is averaged."""

    def __init__(self, weights: str) -> None:
        super().__init__()
        self.maps: Any = timm.create_model("tf_efficientnet_b0", features_only=True)
        self.maps.load_state_dict(load_file(weights))

    def forward(self, pixels: Tensor) -> Any:
        """(N, 3, H, W) to (N, size)."""
        return self.maps(pixels)[-1].mean(dim=(2, 3))


class Classifier(nn.Module):
    """The frozen encoder and a dense head."""

    def __init__(self, weights: str) -> None:
        super().__init__()
        if "mobilenetv2" in weights:
            encoder: Any = timm.create_model("mobilenetv2_100", pad_type="same")
            encoder.load_state_dict(load_file(weights))
            encoder.reset_classifier(0)
            size = 1280
        else:
            encoder, size = LastFeatures(weights), 320
        self.encoder = encoder.requires_grad_(False)
        self.head = nn.Sequential(
            nn.Linear(size, 128), nn.ReLU(), nn.Dropout(0.3), nn.Linear(128, len(CLASSES))
        )

    def forward(self, pixels: Tensor) -> Any:
        """(N, 3, H, W) to (N, C) logits."""
        return self.head(self.encoder(pixels))


def correct(model: nn.Module, photos: DataLoader[tuple[Tensor, int]]) -> int:
    """The number of photos that are predicted correctly."""
    model.eval()
    with torch.no_grad():
        return sum(int((model(images).argmax(1) == targets).sum()) for images, targets in photos)


def main(data: str, weights: str, epochs: int = EPOCHS, seed: int = 0, augmentation: str = "") -> None:
    """Train, and print the validation accuracy of the best and of the last epoch, and the seconds."""
    start = time.perf_counter()
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    transform = transforms.Compose([
        transforms.Resize((SIDE, SIDE)), *AUGMENTATIONS[augmentation], *TRAIN.transforms[-2:],
    ]) if augmentation else TRAIN  # fmt: skip
    train, validation = Photos(data, "train", transform), Photos(data, "val", EVALUATE)
    learning = DataLoader(train, BATCH, shuffle=True, num_workers=WORKERS)
    validation_loader = DataLoader(validation, BATCH, num_workers=WORKERS)
    model = Classifier(weights)
    optimizer = torch.optim.Adam(model.head.parameters(), RATE)
    criterion = nn.CrossEntropyLoss()
    correct_counts, best = [], {}
    prepared = time.perf_counter()
    for _ in range(epochs):
        model.train()
        model.encoder.eval()  # batch norm keeps its statistics
        for images, targets in learning:
            optimizer.zero_grad()
            loss = criterion(model(images), targets)
            loss.backward()
            optimizer.step()
        correct_counts.append(correct(model, validation_loader))
        if correct_counts[-1] == max(correct_counts):
            best = {name: tensor.clone() for name, tensor in model.head.state_dict().items()}
    model.head.load_state_dict(best)
    print(json.dumps({
        "correct": max(correct_counts), "correct_last": correct_counts[-1], "n": len(validation),
        "accuracy": max(correct_counts) / len(validation), "seconds": time.perf_counter() - start,
        "epoch_seconds": (time.perf_counter() - prepared) / epochs,
    }))  # fmt: skip


if __name__ == "__main__":
    settings = dict(zip(("epochs", "seed"), map(int, sys.argv[3:5]), strict=False))
    main(sys.argv[1], sys.argv[2], augmentation="".join(sys.argv[5:]), **settings)
