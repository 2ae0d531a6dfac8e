"""Segmentation: one class per pixel."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.prepare import Preparation, normalise, prepare, resampled, side_to_decode
from pupila.imaging.regions import drop_small, fill_holes, smooth
from pupila.imaging.tiles import Readable, blend, blended_strips, cut, origins
from pupila.tasks.classify import chosen, softmax
from pupila.tasks.task import Array, Decision, Prepared, Task, Told

_DIGEST = 4  # cells a side, over which the logits of a golden picture are averaged


@dataclass(frozen=True, slots=True)
class MaskAnswer:
    """What the model says of one image."""

    mask: Array  # (H, W) uint8 class index, at the size of the upright image; IGNORE where it has no data
    shares: dict[str, float]  # of the answered pixels, of every class
    confidence: float  # mean over them of the calibrated probability of the answered class
    abstained: bool  # whether the model is too unsure for its answer to count


def things(classes: list[str]) -> dict[int, str]:
    """The classes that are there to be found, by index: all but the background, which is the first of two."""
    bare = len(classes) == 2 or classes[0].casefold() == "background"
    return {index: name for index, name in enumerate(classes) if index or not bare}


def probabilities_of(logits: Array, image: Prepared, told: Told) -> Array:
    """(C, H, W) float32 calibrated probabilities at the size of the upright image.

    Args:
        logits: (K, C, h, w) of the image's inputs: one, which is resized, or tiles, which are blended.
        image: as it was prepared.
        told: how to read them.
    """
    shares = softmax(logits.astype(np.float32) / np.float32(told.temperature))
    spec = told.preparation
    if spec.view == "tile":
        places = origins(image.height, image.width, spec.height, spec.overlap)
        return np.asarray(blend(shares, places, image.height, image.width))
    # The probabilities sum to one, so of two classes one is enough.
    drawn = shares[0, 1:] if shares.shape[1] == 2 else shares[0]
    enlarged = np.stack([resampled(plane, image.height, image.width) for plane in drawn])
    return enlarged if len(drawn) > 1 else np.concatenate([1 - enlarged, enlarged])


def refined(mask: Array, decision: Decision, spec: Preparation) -> Array:
    """The (H, W) mask after the post-processing that was decided, in shares of the picture, in tiles of a tile."""
    whole = spec.height * spec.width if spec.view == "tile" else mask.size
    if decision.smooth:
        mask = smooth(mask, max(1, round(decision.smooth * whole**0.5 / 2)))
    if decision.largest_hole:
        mask = fill_holes(mask, int(decision.largest_hole * whole))
    if decision.smallest_region:
        mask = drop_small(mask, int(decision.smallest_region * whole))
    return mask


def answer_of(probabilities: Array, told: Told, valid: Array | None = None) -> MaskAnswer:
    """What (C, H, W) probabilities say where pixels are valid, (H, W) bool, or everywhere."""
    mask = chosen(probabilities[None], told.classes, told.decision)[0].astype(np.uint8)
    mask = refined(mask, told.decision, told.preparation)
    surest = np.take_along_axis(probabilities, mask[None].astype(np.intp), axis=0)[0]
    if valid is not None:
        mask = np.where(valid, mask, np.uint8(IGNORE))
        surest = surest[valid]
    sure = float(surest.mean()) if surest.size else 0.0
    counts = np.bincount(mask.ravel(), minlength=len(told.classes))[: len(told.classes)]
    shares = dict(zip(told.classes, (counts / max(1, surest.size)).tolist(), strict=True))
    return MaskAnswer(mask, shares, sure, sure < told.decision.abstain_below)


def answered_strips(
    scene: Readable, run: Callable[[Array], Array], told: Told
) -> Iterator[tuple[int, Array, Array]]:
    """The answer to a scene of any size in tiles, strip by strip from the top, in flat memory.

    Post-processing, which has to see the whole mask, is left to `refined`.

    Args:
        scene: the picture.
        run: (N, 3, tile, tile) float32 to (N, C, tile, tile) logits; called from several threads.
        told: how to read them; its view is `tile`.

    Yields:
        (top, (h, W) uint8 class indices, (h, W) calibrated probability of each pixel's class).
    """
    spec = told.preparation

    def shares_of(tile: Array) -> Array:
        logits = run(normalise(tile, spec)[None])
        return np.asarray(softmax(logits.astype(np.float32) / np.float32(told.temperature))[0])

    for top, shares in blended_strips(scene, spec.height, spec.overlap, shares_of):
        mask = chosen(shares[None], told.classes, told.decision)[0]
        yield top, mask.astype(np.uint8), np.take_along_axis(shares, mask[None], axis=0)[0]


def _inputs(rgb: Array, spec: Preparation) -> Array:
    if spec.view == "resize":
        return prepare(rgb, spec)[None]
    return np.stack([normalise(piece, spec) for piece in cut(rgb, spec.height, spec.overlap)])


def _at_least(spec: Preparation) -> int | None:
    return side_to_decode(spec) if spec.view == "resize" else None


def _answer(logits: Array, image: Prepared, told: Told) -> MaskAnswer:
    return answer_of(probabilities_of(logits, image, told), told, image.valid)


def digest(logits: Array) -> list[float]:
    """(C, h, w) logits averaged over a few cells."""
    rows = np.array_split(logits, _DIGEST, axis=1)
    cells = [cell.mean(axis=(1, 2)) for row in rows for cell in np.array_split(row, _DIGEST, axis=2)]
    return [float(value) for value in np.stack(cells).ravel()]


SEGMENT = Task("segment", "mask", _at_least, _inputs, _answer, digest)
