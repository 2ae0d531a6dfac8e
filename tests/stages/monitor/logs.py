"""Logs of predictions with planted changes, and bundles with the reference that fits them."""

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.artifacts.bundle.folder import Bundle, write_bundle
from pupila.artifacts.bundle.reference import PROJECTIONS, REFERENCE_FILE, Reference, encode_reference
from pupila.artifacts.bundle.validation import DriftReference, ReferenceSource
from pupila.artifacts.predictions.log import PREDICTIONS_FILE, PredictionRecord
from pupila.statistics.drift.observations import Observations
from tests.colours import CLASSES, colour_model, info, painted_model

Array = NDArray[Any]
CENTRES = 1.5 * np.eye(3)  # of the features of each class
PRIORS = np.full(3, 1 / 3)


@dataclass(frozen=True)
class Change:
    """What differs from the reference, in standard deviations."""

    brightness: float = 0.0
    sharpness: float = 0.0
    embedding: dict[int, float] | None = field(default_factory=dict)  # None: the log has none
    confidence: float = 1.0  # power
    priors: Array = field(default_factory=lambda: PRIORS)


NONE = Change()


def draw(count: int, seed: int, change: Change = NONE) -> Observations:
    """Groups whose outputs are the exact probabilities of their classes under equal priors."""
    rng = np.random.default_rng(seed)
    features = CENTRES[rng.choice(3, count, p=change.priors)] + rng.normal(size=(count, 3))
    logits = 1.5 * features
    outputs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    embedding = rng.normal(size=(count, PROJECTIONS))
    for place, shift in (change.embedding or {}).items():
        embedding[:, place] += shift
    if change.embedding is None:
        embedding = embedding[:, :0]
    brightness = 0.5 + 0.1 * (rng.normal(size=count) + change.brightness)
    sharpness = 0.04 + 0.01 * (rng.normal(size=count) + change.sharpness)
    return Observations(outputs.max(axis=1) ** change.confidence, brightness, sharpness, embedding, outputs)


# What each kind of reference does not know.
UNKNOWN = {
    "left-out": (),
    "out-of-fold": (),
    "ensemble": ("confidence", "outputs"),
    "fine-tuned": ("embedding",),
    "masks": ("confidence",),
}


def write_monitored(
    folder: Path, task: str = "classify", groups: int = 300, kind: str = "left-out", **changes: Any
) -> Bundle:
    """A bundle with a reference of so many groups; models of folds are less confident than the served one."""
    own = draw(groups, 100)
    if kind != "left-out":
        own = replace(own, confidence=own.confidence**1.5)
    for name in UNKNOWN[kind]:
        values = getattr(own, name)
        own = replace(own, **{name: values[:, :0] if name == "embedding" else values * np.nan})
    projection = np.zeros((3, own.embedding.shape[1]), np.float32)
    parts = {
        "model.onnx": painted_model() if task == "segment" else colour_model(), "card.md": b"# By hand\n",
        REFERENCE_FILE: encode_reference(Reference(own, projection)),
    }  # fmt: skip
    source: ReferenceSource = "left-out" if kind == "left-out" else "out-of-fold"
    drift = DriftReference(groups=groups, source=source, file=REFERENCE_FILE)
    return write_bundle(folder, info(task=task, drift=drift, **changes), parts)


def make_records(version: str, observations: Observations, start: int = 0) -> list[PredictionRecord]:
    """Their predictions, one image for each group, ten minutes apart."""
    return [
        PredictionRecord(
            time=f"2026-11-{1 + minute // 1440:02}T{minute // 60 % 24:02}:{minute % 60:02}:00+00:00",
            request_id=f"r{start + row}", item=0, model_version=version,
            image=hashlib.sha256(str(start + row).encode()).hexdigest(), width=64, height=48,
            group=f"product-{start + row}", predicted=[CLASSES[int(observations.outputs[row].argmax())]],
            outputs=dict(zip(CLASSES, observations.outputs[row].tolist(), strict=True)),
            confidence=float(observations.confidence[row]), abstained=False,
            brightness=float(observations.brightness[row]), sharpness=float(observations.sharpness[row]),
            embedding=observations.embedding[row].tolist(), seconds=0.01,
        )
        for row, minute in enumerate(range(10 * start, 10 * (start + len(observations)), 10))
    ]  # fmt: skip


def write_log(folder: Path, records: list[PredictionRecord], name: str = PREDICTIONS_FILE) -> Path:
    """The folder of the log."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("".join(record.model_dump_json() + "\n" for record in records))
    return folder


def write_changed(folder: Path, version: str, before: int, after: int, change: Change) -> Path:
    """A log with a change after so many quiet groups."""
    usual = Change(embedding=None) if change.embedding is None else NONE
    quiet = make_records(version, draw(before, 1, usual))
    return write_log(folder, quiet + make_records(version, draw(after, 2, change), before))
