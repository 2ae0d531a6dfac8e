"""Extending a split by new images: what it has stays where it is."""

from collections import Counter
from dataclasses import replace

import numpy as np
import polars as pl

from pupila.artifacts.dataset.added import read_added
from pupila.artifacts.dataset.leaks import find_leaks
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.name_groups.expression import Names
from pupila.artifacts.dataset.splits import CLEAN, LEAKING, Assignment, SplitFile, count_images
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_images
from pupila.core.version import __version__
from pupila.core.vocabulary import SPLITS, TEST, TRAIN, VALIDATION
from pupila.stages.split.allocate import Array
from pupila.stages.split.allocators import find_allocator
from pupila.stages.split.audit import measure_balance, name_parts
from pupila.stages.split.by import read_by

_Place = tuple[str, int | None]  # split and fold


def extend_split(data: Dataset, old: SplitFile) -> SplitFile:
    """The split with the new images of the data.

    New images of a group that the split has, or alike to its images, join its part. Other groups that were drawn at
    random from a service are shared out as the settings say, test split included. All others are training images: an
    image that was chosen for its prediction would bias the test split.

    Args:
        data: with all images of the split, unchanged, and new ones.
        old: the split, which is the result where no image is new.

    Raises:
        PupilaError: images of the split are gone or have changed.
    """
    rows = list(data.images.select("image", "sha256").iter_rows())
    before: dict[tuple[str, str], _Place] = {(a.image, a.sha256): (a.split, a.fold) for a in old.images}
    if lost := sorted({image for image, _ in before.keys() - set(rows)}):
        raise PupilaError(
            say("Images of the split are gone or have changed"), actual=listing(lost, 3),
            expected=say("the images that were split, and new ones"),
            remedy=say("restore them; or --replace splits again and archives the old split"),
        )  # fmt: skip
    is_new = np.array([row not in before for row in rows])
    if not is_new.any():
        return old
    names = _name_groups(data, old, is_new)
    components = data.components(names)
    places = [before.get(row) for row in rows]
    joined = _join(places, components)
    free = np.array([place is None for place in places])
    drawn = _find_random(data, free, components)
    _share_out(data, old, places, components, drawn)
    given: list[_Place] = [place or (TRAIN, None) for place in places]
    _give_folds(data, old, given, components, is_new)
    assigned, folds = [split for split, _ in given], [fold for _, fold in given]
    parts = name_parts(assigned, folds)
    leaks = find_leaks(data, names, parts)
    new = Counter(assigned[row] for row in np.flatnonzero(is_new))
    return replace(
        old, data_hash=data.hash, verdict=LEAKING if leaks else CLEAN, leaks=leaks,
        origin=f"{old.origin} {_describe(new, joined, int(drawn.sum()), components[is_new])}",
        balance=measure_balance(data, assigned, parts, components.tolist()),
        images=[Assignment(image, digest, split, fold, part) for (image, digest), (split, fold), part in
                zip(rows, given, components.tolist(), strict=True)],
        made_by=f"pupila {__version__}",
    )  # fmt: skip


def _name_groups(data: Dataset, old: SplitFile, is_new: Array) -> Names:
    """The groups of the split by its own expression; those of new images as they came."""
    names: Names = data.images["group"].to_list()
    if old.settings.by is None:
        return names
    former = replace(data, images=data.images.filter(pl.Series(~is_new)))
    groups, _ = read_by(former, old.settings.by)
    for row, group in zip(np.flatnonzero(~is_new).tolist(), groups or [], strict=groups is not None):
        names[row] = group
    return names


def _join(places: list[_Place | None], components: Array) -> Counter[str]:
    """Put new images into the part of their group; images by split. A divided group goes by the sealed part first."""
    parts: dict[int, list[_Place]] = {}
    for place, component in zip(places, components.tolist(), strict=True):
        if place is not None:
            parts.setdefault(component, []).append(place)
    order = {TEST: 0, VALIDATION: 1, TRAIN: 2}
    joined: Counter[str] = Counter()
    for row, component in enumerate(components.tolist()):
        if places[row] is None and component in parts:
            places[row] = place = min(parts[component], key=lambda own: order[own[0]])
            joined[place[0]] += 1
    return joined


def _find_random(data: Dataset, free: Array, components: Array) -> Array:
    """(N,) bool: images of new groups, all of whose images were drawn at random."""
    chance = {image.sha256 for image in read_added(data.home) if image.at_random}
    at_random = np.array([digest in chance for digest in data.images["sha256"]])
    chosen = set(components[free & ~at_random].tolist())
    return np.asarray(free & at_random & ~np.isin(components, list(chosen)))


def _share_out(
    data: Dataset, old: SplitFile, places: list[_Place | None], components: Array, drawn: Array
) -> None:
    """Draw the parts of these images as those of the split were drawn."""
    rows, own = np.flatnonzero(drawn), old.settings
    if not len(rows):
        return
    shares = [1 - own.validation_share - own.test, own.validation_share, own.test]
    _, component = np.unique(components[rows], return_inverse=True)
    parts = find_allocator(data)(data, rows, component, shares, own.seed)[component]
    for row, part in zip(rows.tolist(), parts.tolist(), strict=True):
        places[row] = SPLITS[part], None


def _give_folds(
    data: Dataset, old: SplitFile, places: list[_Place], components: Array, is_new: Array
) -> None:
    """Share new images outside the test split among the folds, where there are some."""
    count = len({a.fold for a in old.images} - {None})
    rows = np.array(
        [r for r, (split, fold) in enumerate(places) if is_new[r] and split != TEST and fold is None]
    )
    if not count or not len(rows):
        return
    _, component = np.unique(components[rows], return_inverse=True)
    parts = find_allocator(data)(data, rows, component, [1 / count] * count, old.settings.seed)[component]
    for row, part in zip(rows.tolist(), parts.tolist(), strict=True):
        places[row] = places[row][0], part


def _describe(new: Counter[str], joined: Counter[str], drawn: int, components: Array) -> str:
    """What came where, in sentences."""
    shares = listing([f"{name} {new[name]}" for name in SPLITS if new[name]])
    sentences = [say("Extended by {images}: {shares}.", shares=shares,
                     images=count_images(len(components), len(np.unique(components))))]  # fmt: skip
    if joined:
        into = listing([f"{name} {joined[name]}" for name in SPLITS if joined[name]])
        sentences.append(say("{photos} joined groups of the split ({shares}).", shares=into,
                             photos=say_images(joined.total())))  # fmt: skip
    if drawn:
        sentences.append(say("{images} drawn at random were shared out as the settings say.",
                             images=say_images(drawn)))  # fmt: skip
    if len(components) > joined.total() + drawn:
        sentences.append(say("All others are training images."))
    return " ".join(sentences)
