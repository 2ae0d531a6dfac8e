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
from pupila.core.messages import listing, say, say_count, say_images
from pupila.core.version import __version__
from pupila.core.vocabulary import ADDED_FOLDER, SPLITS, TEST, TRAIN, UNUSED, VALIDATION
from pupila.stages.split.allocate import Array
from pupila.stages.split.allocators import find_allocator
from pupila.stages.split.audit import measure_balance, name_parts
from pupila.stages.split.by import read_by

_Place = tuple[str, int | None]  # split and fold


def extend_split(data: Dataset, old: SplitFile) -> SplitFile:
    """The split with the new images of the data.

    A new group with images that were drawn at random from a service is placed as the settings say, test split
    included, by these images alone. New images of a group that has a part, or alike to its images, join it; but what
    was chosen for its prediction would bias the test split, and is unused where its group is in it. All others are
    training images.

    Args:
        data: with all images of the split, unchanged, and new ones.
        old: the split, which is the result where no image is new.

    Raises:
        PupilaError: images of the split are gone or have changed, or its expression does not match a new image.
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
    names = _name_groups(data, old)
    components = data.components(names)
    places = [before.get(row) for row in rows]
    at_random, chosen = _find_added(data, is_new)
    _share_out(data, old, places, components, at_random)
    drawn = sum(places[row] is not None for row in np.flatnonzero(is_new))
    joined = _join(places, components, chosen)
    given: list[_Place] = [place or (TRAIN, None) for place in places]
    _give_folds(data, old, given, components, is_new)
    assigned, folds = [split for split, _ in given], [fold for _, fold in given]
    parts = name_parts(assigned, folds)
    leaks = find_leaks(data, names, [None if part == UNUSED else part for part in parts])
    new = Counter(assigned[row] for row in np.flatnonzero(is_new))
    alone = sum(names[row] is None for row in np.flatnonzero(is_new & ~at_random & ~chosen))
    sentences = [old.origin, *_describe(new, joined, drawn, components[is_new])]
    without = data.images["target"].is_null().to_numpy()
    sentences += _describe_unlabelled(Counter(assigned[row] for row in np.flatnonzero(is_new & without)))
    if alone and any(name is not None for name in names):
        sentences.append(say_count("{n} new image names no group.", "{n} new images name no group.", alone))
    return replace(
        old, data_hash=data.hash, verdict=LEAKING if leaks else CLEAN, leaks=leaks, origin=" ".join(sentences),
        balance=measure_balance(data, assigned, parts, components.tolist()),
        images=[Assignment(image, digest, split, fold, part) for (image, digest), (split, fold), part in
                zip(rows, given, components.tolist(), strict=True)],
        made_by=f"pupila {__version__}",
    )  # fmt: skip


def _name_groups(data: Dataset, old: SplitFile) -> Names:
    """The groups by the split's own expression; of images that Pupila added those that the client named.

    Raises:
        PupilaError: the expression does not match an image.
    """
    names: Names = data.images["group"].to_list()
    if old.settings.by is None:
        return names
    own = np.array([f"/{ADDED_FOLDER}/" not in f"/{image}" for image in data.images["image"]])
    groups, _ = read_by(replace(data, images=data.images.filter(pl.Series(own))), old.settings.by)
    for row, group in zip(np.flatnonzero(own).tolist(), groups or [], strict=groups is not None):
        names[row] = group
    return names


def _find_added(data: Dataset, is_new: Array) -> tuple[Array, Array]:
    """(N,) bool: new images of a service that were drawn at random; those that were chosen for their prediction."""
    added = {image.sha256: image.at_random for image in read_added(data.home)}
    digests = data.images["sha256"].to_list()
    at_random = np.array([added.get(digest) is True for digest in digests])
    chosen = np.array([added.get(digest) is False for digest in digests])
    return is_new & at_random, is_new & chosen


def _join(places: list[_Place | None], components: Array, chosen: Array) -> Counter[str]:
    """Put new images into the part of their group, chosen ones of the test split into none; images by split.

    A divided group goes by the sealed part first.
    """
    parts: dict[int, list[_Place]] = {}
    for place, component in zip(places, components.tolist(), strict=True):
        if place is not None and place[0] != UNUSED:
            parts.setdefault(component, []).append(place)
    order = {TEST: 0, VALIDATION: 1, TRAIN: 2}
    joined: Counter[str] = Counter()
    for row, component in enumerate(components.tolist()):
        if places[row] is None and component in parts:
            place = min(parts[component], key=lambda own: order[own[0]])
            places[row] = place = (UNUSED, None) if chosen[row] and place[0] == TEST else place
            joined[place[0]] += 1
    return joined


def _share_out(
    data: Dataset, old: SplitFile, places: list[_Place | None], components: Array, at_random: Array
) -> None:
    """Draw the parts of the new groups with such images as those of the split were drawn, by these images alone."""
    known = np.array([place is not None and place[0] != UNUSED for place in places])
    rows, own = np.flatnonzero(at_random & ~np.isin(components, components[known])), old.settings
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
        [
            r
            for r, (split, fold) in enumerate(places)
            if is_new[r] and split not in (TEST, UNUSED) and fold is None
        ]
    )
    if not count or not len(rows):
        return
    _, component = np.unique(components[rows], return_inverse=True)
    parts = find_allocator(data)(data, rows, component, [1 / count] * count, old.settings.seed)[component]
    for row, part in zip(rows.tolist(), parts.tolist(), strict=True):
        places[row] = places[row][0], part


def _describe(new: Counter[str], joined: Counter[str], drawn: int, components: Array) -> list[str]:
    """What came where, in sentences."""
    shares = listing([f"{name} {new[name]}" for name in (*SPLITS, UNUSED) if new[name]])
    sentences = [say("Extended by {images}: {shares}.", shares=shares,
                     images=count_images(len(components), len(np.unique(components))))]  # fmt: skip
    if total := joined.total() - joined[UNUSED]:
        into = listing([f"{name} {joined[name]}" for name in SPLITS if joined[name]])
        sentences.append(say("{photos} joined groups of the split ({shares}).", shares=into,
                             photos=say_images(total)))  # fmt: skip
    if joined[UNUSED]:
        sentences.append(say_count(
            "{n} image of a group of the test split is unused: it was chosen for its prediction, which would bias it.",
            "{n} images of groups of the test split are unused: they were chosen for their predictions, which would "
            "bias it.", joined[UNUSED],
        ))  # fmt: skip
    if drawn:
        sentences.append(say("{images} drawn at random were shared out as the settings say.",
                             images=say_images(drawn)))  # fmt: skip
    if len(components) > joined.total() + drawn:
        sentences.append(say("All others are training images."))
    return sentences


def _describe_unlabelled(without: Counter[str]) -> list[str]:
    """That new images of a split that is evaluated have no label yet, by split."""
    return [
        say_count("{n} new image of the {split} split came without a label: no metric counts it until it has one.",
                  "{n} new images of the {split} split came without labels: no metric counts them until they have "
                  "some.",
                  without[name], split=name)
        for name in (VALIDATION, TEST) if without[name]
    ]  # fmt: skip
