"""What a leak of groups that nobody named is worth: accuracy with the groups kept together, and without."""

from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import pupila
from benchmarks.measure import real_data, real_weights
from pupila.artifacts.dataset.manifest import Dataset

Array = NDArray[Any]

NAMES = ("magnetic_tile", "sign_digits")
WEIGHTS = "mobilenetv2_100.safetensors"
SIDE = 128  # pixels
FOLDS, SEEDS = 5, (0, 1, 2)
RESAMPLES = 2000


def run() -> dict[str, Any]:
    """One row for each data set."""
    weights = real_weights(WEIGHTS)
    folders = {name: folder for name in NAMES if (folder := real_data(name)) is not None}
    if weights is None:
        return {}
    return {name: _measure(folder, weights) for name, folder in folders.items()}


def _measure(folder: Path, weights: Path) -> dict[str, Any]:
    data = pupila.open(folder)
    proposal = data.group_proposal
    assert proposal is not None, folder.name
    features, labels = _embed(data, weights), data.images["target"].to_numpy()
    together = data.components(list(proposal.groups))
    hits = {
        "each image alone": _score(features, labels, np.arange(len(data))),
        "duplicates together": _score(features, labels, data.components()),
        "proposed groups together": _score(features, labels, together),
    }
    grouped = hits["proposed groups together"]
    figures: dict[str, Any] = {"images": len(data), "by": proposal.by, "groups": len(proposal.sizes)}
    for name, right in hits.items():
        for metric, per_class in (("accuracy", False), ("mean recall", True)):
            resampled = _resample(right, labels, together, per_class)
            figures[f"{metric}, {name}"] = _interval(resampled)
            if right is not grouped:
                figures[f"{metric}, {name}: biased by"] = _interval(
                    resampled - _resample(grouped, labels, together, per_class)
                )
    for line in figures.items():
        print(folder.name, *line, flush=True)
    return figures


def _embed(data: Dataset, weights: Path) -> Array:
    """(N, D) features of a frozen MobileNetV2."""
    encoder = timm.create_model("mobilenetv2_100", num_classes=0).eval()
    encoder.load_state_dict(load_file(weights), strict=False)
    mean, spread = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    batches = []
    with torch.inference_mode():
        for start in range(0, len(data), 64):
            rows = range(start, min(start + 64, len(data)))
            images = [Image.fromarray(data.pixels(row, SIDE)).resize((SIDE, SIDE)) for row in rows]
            pixels = torch.from_numpy(np.stack([np.asarray(image) for image in images])).float() / 255
            batches.append(encoder(((pixels - mean) / spread).permute(0, 3, 1, 2)).numpy())
    return np.concatenate(batches)


def _score(features: Array, labels: Array, groups: Array) -> Array:
    """(N,) share of the seeds for which the out-of-fold prediction of a linear probe is right."""
    right = np.zeros(len(labels))
    for seed in SEEDS:
        folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
        for train, test in folds.split(features, labels, groups):
            probe = make_pipeline(
                StandardScaler(), PCA(128, random_state=seed), LogisticRegression(max_iter=300)
            )
            right[test] += probe.fit(features[train], labels[train]).predict(features[test]) == labels[test]
    return right / len(SEEDS)


def _resample(right: Array, labels: Array, groups: Array, per_class: bool) -> Array:
    """(1 + RESAMPLES,) the metric, and that of resampled groups; equal resamples for equal groups."""
    names, group = np.unique(labels, return_inverse=True)[0], np.unique(groups, return_inverse=True)[1]
    blocks = [labels == name for name in names] if per_class else [np.ones(len(labels), dtype=bool)]
    tables = [
        (np.bincount(group, right * block), np.bincount(group, block.astype(float))) for block in blocks
    ]
    count = int(group.max()) + 1
    weights = np.random.default_rng(23).multinomial(count, np.full(count, 1 / count), RESAMPLES)
    weights = np.concatenate([np.ones((1, count), dtype=weights.dtype), weights])
    return np.asarray(
        np.mean([(weights @ hits) / np.maximum(weights @ sizes, 1) for hits, sizes in tables], axis=0)
    )


def _interval(resampled: Array) -> dict[str, float]:
    low, high = np.quantile(resampled[1:], [0.025, 0.975])
    return {
        "value": round(float(resampled[0]), 4),
        "low": round(float(low), 4),
        "high": round(float(high), 4),
    }
