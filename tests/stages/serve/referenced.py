"""Bundles with a reference of known values."""

from pathlib import Path

import numpy as np

from pupila.artifacts.bundle.folder import Bundle, write_bundle
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.bundle.reference import REFERENCE_FILE, Reference, encode_reference
from pupila.artifacts.bundle.validation import DriftReference
from pupila.imaging.images.appearance import measure_appearance
from pupila.statistics.drift.observations import Observations
from tests.colours import CLASSES, colour_model, info, plain, write_colours
from tests.pictures import encoded

PROJECTION = np.arange(6, dtype=np.float32).reshape(3, 2)


def colours(count: int, seed: int = 0, shift: int = 0) -> list[bytes]:
    """PNG files of plain colours."""
    values = np.random.default_rng(seed).integers(0, 120, (count, 3)) + shift
    return [encoded(plain(*map(int, value))) for value in values]


def write_referenced(folder: Path, scale: float = 1.0, images: list[bytes] | None = None) -> Bundle:
    """A bundle whose reference is what it predicts for some images."""
    plain_bundle = write_colours(folder, scale)
    predictor = Predictor(plain_bundle)
    read = [predictor.preprocess(content) for content in images or colours(60, seed=1)]
    observed = predictor.observe_batch(read)
    appearance = np.array([measure_appearance(image.inputs, predictor.info.preprocessing) for image in read])
    own = Observations(
        np.array([prediction.confidence for prediction, _ in observed]), appearance[:, 0], appearance[:, 1],
        np.array([embedding for _, embedding in observed]) @ PROJECTION.astype(np.float64),
        np.array([[prediction.probabilities[name] for name in CLASSES] for prediction, _ in observed]),
    )  # fmt: skip
    summary = DriftReference(groups=len(own), source="left-out", file=REFERENCE_FILE)
    parts = {"model.onnx": colour_model(scale), "card.md": b"# By hand\n",
             REFERENCE_FILE: encode_reference(Reference(own, PROJECTION))}  # fmt: skip
    return write_bundle(folder, info(drift=summary), parts)
