"""Whether the strongest cells of a map matter to the model: the image is uncovered, or covered, in their order."""

from collections.abc import Callable, Sequence

import numpy as np

from pupila.artifacts.report.explanation import Faithfulness
from pupila.core.messages import say
from pupila.core.progress import progress
from pupila.imaging.images.decode import Array
from pupila.imaging.images.preprocess import resize_plane
from pupila.stages.explain.estimates import estimate_difference
from pupila.statistics.localisation import centred_bump

STEPS = 10  # shares of the image that are uncovered one after the other
RANDOM_MAPS = 20
_CELLS = 7  # of a random smooth map along each side
Probability = Callable[[Array], Array]  # (N, 3, H, W) inputs to (N,) probabilities of the class


def check_faithfulness(
    inputs: Sequence[Array], heats: Sequence[Array], probabilities: Sequence[Probability], groups: Array
) -> Faithfulness:
    """Insertion and deletion (Petsiuk et al. 2018) against random smooth maps and a bump in the middle.

    Args:
        inputs: (3, H, W) float32 of N images, normalised.
        heats: (H, W) map of each.
        probabilities: the model's probability of the explained class, of each.
        groups: (N,) group numbers.
    """
    own, chance, centre = [], [], []
    with progress(say("uncovering images"), len(inputs)) as advance:
        for number, (pixels, heat, probability) in enumerate(zip(inputs, heats, probabilities, strict=True)):
            shape = heat.shape
            own.append(areas(pixels, heat, probability))
            random = [
                areas(pixels, random_map((shape[0], shape[1]), (number, each)), probability)
                for each in range(RANDOM_MAPS)
            ]
            chance.append(tuple(np.mean(random, axis=0)))
            centre.append(areas(pixels, centred_bump(*shape), probability))
            advance(1)
    ours, random_areas, centred = (np.array(each) for each in (own, chance, centre))
    return Faithfulness(
        images=len(inputs), groups=len(np.unique(groups)),
        insertion=estimate_difference(ours[:, 0], random_areas[:, 0], groups),
        deletion=estimate_difference(ours[:, 1], random_areas[:, 1], groups),
        centre=estimate_difference(ours[:, 0], centred[:, 0], groups),
    )  # fmt: skip


def areas(pixels: Array, heat: Array, probability: Probability) -> tuple[float, float]:
    """Areas under the curves of insertion and deletion, 0..1: the mean probability over the steps, ends included."""
    places: Array = np.empty(heat.size, np.int64)
    places[np.argsort(-heat, axis=None, kind="stable")] = np.arange(heat.size)
    rank = places.reshape(heat.shape)
    shown = np.stack([rank < heat.size * step / STEPS for step in range(STEPS + 1)])
    masks = np.concatenate([shown, ~shown])[:, None]
    values = probability((pixels * masks).astype(np.float32))
    return float(np.trapezoid(values[: STEPS + 1], dx=1 / STEPS)), float(
        np.trapezoid(values[STEPS + 1 :], dx=1 / STEPS)
    )


def random_map(shape: tuple[int, int], seed: tuple[int, int]) -> Array:
    """(height, width) float32: random cells, enlarged smoothly."""
    cells = np.random.default_rng(seed).random((_CELLS, _CELLS), dtype=np.float32)
    return resize_plane(cells, *shape)
