"""Compare torch and ONNX Runtime: an export that predicts something else is refused."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from pupila.artifacts.bundle.validation import Parity
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.imaging.images.decode import Array

TOLERANCE = 1e-3  # largest difference of a logit between torch and ONNX Runtime, over the largest logit


_BATCH_PIXELS = (
    16 * 256 * 256
)  # of the inputs that are computed at once: memory grows with them, speed hardly does


def in_batches(inputs: Iterable[Array]) -> Iterator[list[Array]]:
    """The (K, 3, H, W) inputs of images in lists, each of as many pixels as are computed at once."""
    batch: list[Array] = []
    for pixels in inputs:
        if batch and sum(len(other) for other in (*batch, pixels)) * pixels[0, 0].size > _BATCH_PIXELS:
            yield batch
            batch = []
        batch.append(pixels)
    if batch:
        yield batch


def split_like(outputs: Array, images: list[Array]) -> list[Array]:
    """The outputs of a batch, one array for each of its images."""
    return np.split(outputs, np.cumsum([len(pixels) for pixels in images])[:-1])


def share_of_equal_classes(ours: Array, theirs: Array) -> float:
    """Share of images, or of pixels, whose (K, C, ...) logits have the same most probable class."""
    return float((ours.argmax(axis=1) == theirs.argmax(axis=1)).mean())


def check_logits(
    both: Iterable[tuple[Array, Array]],
    agreement: Callable[[Array, Array], float] = share_of_equal_classes,
) -> Parity:
    """Compare logits of torch and of ONNX Runtime.

    Args:
        both: for every image its (K, C, ...) logits by torch, and by ONNX Runtime.
        agreement: of both logits, the share of equal predictions.

    Raises:
        PupilaError: they differ by more than the tolerance.
    """
    figures = [
        (float(np.abs(ours).max()), float(np.abs(ours - theirs).max()),
         agreement(ours, theirs))
        for ours, theirs in both
    ]  # fmt: skip
    scales, differences, agreements = zip(*figures, strict=True)
    parity = Parity(
        images=len(figures),
        largest_difference=float(np.max(differences)) / max(*scales, 1e-6),
        label_agreement=float(np.mean(agreements)),
        tolerance=TOLERANCE,
    )
    _refuse_above(parity.largest_difference, TOLERANCE)
    return parity


def check_difference(ours: Array, theirs: Array, tolerance: float) -> None:
    """Refuse arrays whose largest difference, over the largest absolute value of the first, is above the tolerance.

    Raises:
        PupilaError: it is above the tolerance, or no number.
    """
    _refuse_above(float(np.abs(ours - theirs).max()) / max(float(np.abs(ours).max()), 1e-6), tolerance)


def _refuse_above(difference: float, tolerance: float) -> None:
    if not difference <= tolerance:
        raise PupilaError(
            say("The exported model does not match the trained model"),
            actual=say(
                "a difference of {difference} relative to the largest value",
                difference=f"{difference:.2g}",
            ),
            expected=say("at most {tolerance}", tolerance=f"{tolerance:.0e}"),
            remedy=say("report this with the output of pupila doctor; the checkpoints of the run are kept"),
        )
