"""Segmentation: one class per pixel."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from pupila.core.messages import mark, percent, say
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.preprocess import (
    Preprocessing,
    min_decode_side,
    normalise,
    preprocess,
    resize_plane,
)
from pupila.imaging.masks.drawing import overlay
from pupila.imaging.regions import drop_small, fill_holes, smooth
from pupila.imaging.tiles import ImageReader, blend_strips, blend_tiles, cut_tiles, origins
from pupila.tasks.classify import select_classes, softmax
from pupila.tasks.task import Array, PostProcessing, PredictionSpec, PreprocessedImage, Task

_DIGEST = 4  # cells a side, over which the logits of a golden picture are averaged


@dataclass(frozen=True, slots=True)
class MaskPrediction:
    """The prediction for one image."""

    mask: Array  # (H, W) uint8 class index, at the size of the upright image; IGNORE where it has no data
    shares: dict[str, float]  # of the predicted pixels, per class
    confidence: float  # mean calibrated probability of the predicted class over these pixels
    abstained: bool  # whether the confidence is below the abstention threshold

    def __str__(self) -> str:
        texts = {name: f"{name} {percent(share)}" if share else "" for name, share in self.shares.items()}
        return describe_mask(texts, self.abstained)

    def class_names(self) -> tuple[str, ...]:
        """None: a mask has the classes of its pixels."""
        return ()

    def facts(self) -> dict[str, str]:
        """None beyond the shares of the classes."""
        return {}

    def draw(self, rgb: Array) -> Array:
        """The (H, W, 3) uint8 image of the mask's size with the classes drawn over it; no-data pixels stay."""
        valid = self.mask != IGNORE
        drawn = overlay(rgb, np.where(valid, self.mask, 0), len(self.shares))
        return np.where(valid[..., None], drawn, rgb)


def describe_mask(texts: dict[str, str], abstained: bool) -> str:
    """A predicted mask in words.

    Args:
        texts: of every class in the order of the logits; empty for one that the mask lacks.
        abstained: whether the model abstains.
    """
    names = foreground_classes(list(texts)).values()
    text = ", ".join(texts[name] for name in names if texts[name]) or say("background only")
    return say("{regions} (abstained)", regions=text) if abstained else text


def foreground_classes(classes: list[str]) -> dict[int, str]:
    """The classes other than background, by index; of two classes the first is the background."""
    bare = len(classes) == 2 or classes[0].casefold() == "background"
    return {index: name for index, name in enumerate(classes) if index or not bare}


def predict_probabilities(logits: Array, image: PreprocessedImage, spec: PredictionSpec) -> Array:
    """(C, H, W) float32 calibrated probabilities at the size of the upright image.

    Args:
        logits: (K, C, h, w) of the image's inputs: one, which is resized, or tiles, which are blended.
        image: as it was preprocessed.
        spec: how to read them.
    """
    shares = softmax(logits.astype(np.float32) / np.float32(spec.temperature))
    preprocessing = spec.preprocessing
    if preprocessing.view == "tile":
        places = origins(image.height, image.width, preprocessing.height, preprocessing.overlap)
        return np.asarray(blend_tiles(shares, places, image.height, image.width))
    # The probabilities sum to one, so of two classes one is enough.
    drawn = shares[0, 1:] if shares.shape[1] == 2 else shares[0]
    enlarged = np.stack([resize_plane(plane, image.height, image.width) for plane in drawn])
    return enlarged if len(drawn) > 1 else np.concatenate([1 - enlarged, enlarged])


def post_process(mask: Array, post_processing: PostProcessing, preprocessing: Preprocessing) -> Array:
    """The (H, W) mask after smoothing, filling holes and dropping small regions; sizes are shares of image or tile."""
    whole = preprocessing.height * preprocessing.width if preprocessing.view == "tile" else mask.size
    if post_processing.smooth:
        mask = smooth(mask, max(1, round(post_processing.smooth * whole**0.5 / 2)))
    if post_processing.largest_hole:
        mask = fill_holes(mask, int(post_processing.largest_hole * whole))
    if post_processing.smallest_region:
        mask = drop_small(mask, int(post_processing.smallest_region * whole))
    return mask


def predict_mask(probabilities: Array, spec: PredictionSpec, valid: Array | None = None) -> MaskPrediction:
    """The prediction from (C, H, W) probabilities, for the pixels that are valid, (H, W) bool, or for all."""
    mask = select_classes(probabilities[None], spec.classes, spec.post_processing)[0].astype(np.uint8)
    mask = post_process(mask, spec.post_processing, spec.preprocessing)
    best = np.take_along_axis(probabilities, mask[None].astype(np.intp), axis=0)[0]
    if valid is not None:
        mask = np.where(valid, mask, np.uint8(IGNORE))
        best = best[valid]
    confidence = float(best.mean()) if best.size else 0.0
    counts = np.bincount(mask.ravel(), minlength=len(spec.classes))[: len(spec.classes)]
    shares = dict(zip(spec.classes, (counts / max(1, best.size)).tolist(), strict=True))
    return MaskPrediction(mask, shares, confidence, confidence < spec.post_processing.abstain_below)


def predict_strips(
    scene: ImageReader, run: Callable[[Array], Array], spec: PredictionSpec
) -> Iterator[tuple[int, Array, Array]]:
    """The prediction for a scene of any size, tile by tile, in strips from the top, in constant memory.

    Post-processing needs the whole mask: `post_process` does it afterwards.

    Args:
        scene: the image.
        run: (N, 3, tile, tile) float32 to (N, C, tile, tile) logits; called from several threads.
        spec: how to read them; its view is `tile`.

    Yields:
        (top, (h, W) uint8 class indices, (h, W) calibrated probability of each pixel's class).
    """
    preprocessing = spec.preprocessing

    def predict_tile(tile: Array) -> Array:
        logits = run(normalise(tile, preprocessing)[None])
        return np.asarray(softmax(logits.astype(np.float32) / np.float32(spec.temperature))[0])

    for top, shares in blend_strips(scene, preprocessing.height, preprocessing.overlap, predict_tile):
        mask = select_classes(shares[None], spec.classes, spec.post_processing)[0]
        yield top, mask.astype(np.uint8), np.take_along_axis(shares, mask[None], axis=0)[0]


def _inputs(rgb: Array, preprocessing: Preprocessing) -> Array:
    if preprocessing.view == "resize":
        return preprocess(rgb, preprocessing)[None]
    return np.stack(
        [
            normalise(piece, preprocessing)
            for piece in cut_tiles(rgb, preprocessing.height, preprocessing.overlap)
        ]
    )


def _min_decode_side(preprocessing: Preprocessing) -> int | None:
    return min_decode_side(preprocessing) if preprocessing.view == "resize" else None


def _predict(logits: Array, image: PreprocessedImage, spec: PredictionSpec) -> MaskPrediction:
    return predict_mask(predict_probabilities(logits, image, spec), spec, image.valid)


def digest(logits: Array) -> list[float]:
    """(C, h, w) logits averaged over a few cells."""
    rows = np.array_split(logits, _DIGEST, axis=1)
    cells = [cell.mean(axis=(1, 2)) for row in rows for cell in np.array_split(row, _DIGEST, axis=2)]
    return [float(value) for value in np.stack(cells).ravel()]


SEGMENT = Task(
    "segment",
    mark("segmentation"),
    "mask",
    _min_decode_side,
    _inputs,
    _predict,
    digest,
    caches_features=False,
    finetunes_at_two_rates=True,
    predicts_masks=True,
)
