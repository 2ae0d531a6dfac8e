"""Typical prediction: a loop over the photos with timm, PIL and torch, and a table at the end."""

import csv
import sys
from pathlib import Path

import torch
from PIL import Image

from benchmarks.naive_training import EVALUATE, Classifier


def main(folder: str, weights: str, out: str) -> None:
    """Write a class and a confidence for every photo of a folder; the head is a new one, which takes as long."""
    model = Classifier(weights).eval()
    with Path(out).open("w", newline="") as file, torch.no_grad():
        writer = csv.writer(file)
        for path in sorted(Path(folder).rglob("*.jpg")):
            logits = model(EVALUATE(Image.open(path).convert("RGB"))[None])
            confidence, index = logits.softmax(1)[0].max(0)
            writer.writerow([path.name, int(index), float(confidence)])


if __name__ == "__main__":
    main(*sys.argv[1:])
