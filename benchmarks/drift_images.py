"""Observations of real photos through one bundle: as they are, by another camera, and in another light."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import pupila
from benchmarks.drift_heads import predict_out_of_fold
from benchmarks.measure import real_data
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.run.source import parse_predicting
from pupila.imaging.corruptions.detail import blur, compress_jpeg, lower_resolution
from pupila.imaging.corruptions.light import scale_brightness, to_uint8
from pupila.statistics.drift.observations import Observations

Array = NDArray[Any]

PROJECTIONS = 8
CHANGES = ("quiet", "camera", "darker", "brighter")
POPULATIONS = {
    "ants and bees": ("ants_bees",),
    "nuclei": ("dsb2018_nuclei",),
    "tiles and digits": ("magnetic_tile", "sign_digits"),
}


@dataclass(frozen=True, slots=True)
class Population:
    """P photos of real groups, under each change."""

    observations: dict[
        str, Observations
    ]  # by change; a row for each photo, its outputs from a head without its group
    embeddings: Array  # (P, E) of the unchanged photos
    groups: Array  # (P,) number of the group
    labels: Array  # (P,) number of the class


def change_photo(rgb: Array, change: str) -> Array:
    """A photo as after a change of what takes it."""
    side = float(min(rgb.shape[:2]))
    if change == "camera":  # another lens and tone curve, fewer pixels, a stronger compression
        softer = lower_resolution(blur(rgb, 0.004, side), round(0.7 * side), side)
        return compress_jpeg(to_uint8(255 * (softer / np.float32(255)) ** 0.9), 60)
    factor = {"darker": 0.75, "brighter": 1.25}.get(change)
    return rgb if factor is None else scale_brightness(rgb, factor)


def observe_populations(bundle: Path, changes: Sequence[str] = CHANGES) -> dict[str, Population]:
    """Those whose photos are there, under each change."""
    predictor = Predictor(parse_predicting(bundle).bundle)
    populations = {}
    for name, folders in POPULATIONS.items():
        parts = [_open(folder) for each in folders if (folder := real_data(each)) is not None]
        if len(parts) == len(folders):
            populations[name] = _observe(parts, predictor, changes)
    return populations


def _open(folder: Path) -> tuple[list[Path], Array, Array]:
    """The photos of a data set, the number of their group and of their class."""
    data = pupila.open(folder)
    paths = [folder / image for image in data.images["image"]]
    proposal = data.group_proposal
    groups = np.asarray(data.components(list(proposal.groups)) if proposal else data.components())
    if (folder / "masks").is_dir():  # one class below, one above the median share of the objects
        shares = np.array([np.asarray(Image.open(folder / "masks" / f"{p.stem}.png")).mean() for p in paths])
        return paths, groups, (shares > np.median(shares)).astype(int)
    return paths, groups, np.unique(data.images["target"].to_numpy(), return_inverse=True)[1]


def _observe(
    parts: list[tuple[list[Path], Array, Array]], predictor: Predictor, changes: Sequence[str]
) -> Population:
    paths = [path for part in parts for path in part[0]]
    sets = np.repeat(np.arange(len(parts)), [len(part[0]) for part in parts])
    groups = np.unique(
        np.stack([sets, np.concatenate([part[1] for part in parts])]), axis=1, return_inverse=True
    )[1]
    labels = np.unique(
        np.stack([sets, np.concatenate([part[2] for part in parts])]), axis=1, return_inverse=True
    )[1]
    measured = {change: [_measure(path, change, predictor) for path in paths] for change in changes}
    embeddings = {change: np.stack([row[0] for row in rows]) for change, rows in measured.items()}
    outputs = predict_out_of_fold(embeddings, groups, labels, 0, labels.max() + 1)
    random = np.random.default_rng(0).normal(size=(embeddings["quiet"].shape[1], PROJECTIONS))
    observations = {
        change: Observations(
            outputs[change].max(axis=1), np.array([row[1] for row in rows]), np.array([row[2] for row in rows]),
            embeddings[change] @ random, outputs[change],
        )
        for change, rows in measured.items()
    }  # fmt: skip
    return Population(observations, embeddings["quiet"], groups, labels)


def _measure(path: Path, change: str, predictor: Predictor) -> tuple[Array, float, float]:
    """Embedding, brightness and sharpness of a photo."""
    with Image.open(path) as photo:
        rgb = change_photo(np.asarray(photo.convert("RGB")), change)
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "PNG", compress_level=1)
    image = predictor.preprocess(buffer.getvalue())
    spec = predictor.info.preprocessing
    pixels = image.inputs[0] * np.reshape(spec.std, (3, 1, 1)) + np.reshape(spec.mean, (3, 1, 1))
    sharpness = (np.abs(np.diff(pixels, axis=1)).mean() + np.abs(np.diff(pixels, axis=2)).mean()) / 2
    return predictor.embedding(image), float(pixels.mean()), float(sharpness)
