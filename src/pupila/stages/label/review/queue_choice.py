"""Which images of a log are reviewed: some at random, the others because a label of them is worth most."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from pupila.imaging.images.decode import Array
from pupila.stages.label.review.queue_file import QueuePart
from pupila.stages.label.review.queue_log import LoggedImage
from pupila.stages.label.review.sample import hash_order

_NEIGHBOURS = 5  # whose mean distance tells how unlike an image is
_MOST = 1_000  # images that others are compared with
_AT_ONCE = 256  # rows of distances in memory

Choice = tuple[LoggedImage, QueuePart]


@dataclass(frozen=True, slots=True)
class QueueSizes:
    """How many images are chosen."""

    random: int
    others: int
    seed: int


def choose_images(
    images: Sequence[LoggedImage],
    sizes: QueueSizes,
    labelled: Collection[str],
    is_corrected: Callable[[LoggedImage], bool],
    unlikeness: Array,
) -> list[Choice]:
    """The images to review.

    The random part is drawn from all images, labelled ones too: else it would lack those that an earlier queue chose.
    The other part takes turns: the latest corrected by feedback, the least confident, the most unlike; one image of
    a group comes before the second one of any, as a series of one object teaches little more than one image.

    Args:
        images: that the service stored.
        sizes: of both parts.
        labelled: hashes of images that need no label; the other part leaves them out.
        is_corrected: whether feedback contradicts the prediction.
        unlikeness: of each image; NaN where it is unknown.
    """
    order = sorted(images, key=lambda image: hash_order(sizes.seed, "queue", image.record.image))
    chosen: dict[str, Choice] = {image.record.image: (image, "random") for image in order[: sizes.random]}
    open_ = [n for n, image in enumerate(images) if image.record.image not in labelled]
    corrected = [images[n] for n in open_ if is_corrected(images[n])]
    turns: list[tuple[QueuePart, list[LoggedImage]]] = [
        ("corrected", sorted(corrected, key=lambda image: image.record.time, reverse=True)),
        ("uncertain", sorted((images[n] for n in open_), key=lambda image: image.record.confidence)),
        ("drifted", [images[n] for n in sorted(open_, key=lambda n: -unlikeness[n])
                     if np.isfinite(unlikeness[n])]),
    ]  # fmt: skip
    others = _take_turns(turns, sizes.others, chosen.keys())
    return [*chosen.values(), *others.values()]


def _take_turns(
    turns: Sequence[tuple[QueuePart, list[LoggedImage]]], count: int, chosen: Collection[str]
) -> dict[str, Choice]:
    """So many images by hash, from all parts in turns: one of each group before the second one of any."""
    others: dict[str, Choice] = {}
    of_group: Counter[str] = Counter()
    most, before = 0, -1
    while before < len(others) < count:
        before, most = len(others), most + 1
        queues = {part: iter(ranked) for part, ranked in turns}
        while queues and len(others) < count:
            for part in list(queues):
                free = (image for image in queues[part] if image.record.image not in chosen
                        and image.record.image not in others and of_group[_group(image)] < most)  # fmt: skip
                following = next(free, None)
                if following is None:
                    del queues[part]
                elif len(others) < count:
                    others[following.record.image] = following, part
                    of_group[_group(following)] += 1
    return others


def _group(image: LoggedImage) -> str:
    """Of related images; an image without one is a group of its own."""
    return image.record.group or image.record.image


def measure_unlikeness(embeddings: Sequence[Sequence[float]], reference: Array | None) -> Array:
    """(N,) mean distance to the nearest neighbours, in standard deviations of the reference; NaN without embedding.

    Args:
        embeddings: of N images, K projections of each, or none.
        reference: (G, K) of the images that the model knows; None: the images are compared with each other.
    """
    result = np.full(len(embeddings), np.nan)
    width = max(map(len, embeddings), default=0) if reference is None else reference.shape[1]
    own = np.array([n for n, each in enumerate(embeddings) if width and len(each) == width])
    if not len(own):
        return result
    values = np.array([embeddings[n] for n in own], dtype=np.float64)
    others = values if reference is None else np.asarray(reference, dtype=np.float64)
    spread = np.maximum(others.std(axis=0), 1e-9)
    others = others[np.linspace(0, len(others) - 1, min(_MOST, len(others))).astype(int)] / spread
    first = int(reference is None)  # the nearest one is the image itself
    most = min(_NEIGHBOURS + first, len(others))
    if most <= first:
        return result
    for rows in _chunks(len(own)):
        distances = np.linalg.norm(values[rows, None] / spread - others[None], axis=2)
        nearest = np.sort(np.partition(distances, most - 1, axis=1)[:, :most], axis=1)[:, first:]
        result[own[rows]] = nearest.mean(axis=1)
    return result


def _chunks(count: int) -> Iterator[Array]:
    numbers = iter(range(count))
    while rows := list(islice(numbers, _AT_ONCE)):
        yield np.array(rows)
