"""The corrupted versions of an image, and where other backgrounds come from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.imaging.corruptions.background import GREY, background_alone
from pupila.imaging.corruptions.catalogue import BACKGROUND, CORRUPTIONS, Scene
from pupila.imaging.corruptions.detail import limit_side
from pupila.imaging.images.decode import Array
from pupila.imaging.masks.codec import resize_mask
from pupila.tasks.prompt_strategies import seeded_random
from pupila.tasks.segment import foreground_classes

SEED = 0  # of the images that are drawn, and of their corruptions
_DONORS = 16  # images that lend their backgrounds
_DONOR_SIDE = 512  # pixels of their shorter side in memory
_LEAST_BACKGROUND = 0.1  # share of a donor's pixels


@dataclass(frozen=True, slots=True)
class Donor:
    """An image that lends its background to others."""

    group: int
    rgb: Array  # (h, w, 3) uint8, without its objects


def background_classes(data: Dataset) -> list[int]:
    """The classes of a data set of masks that are background; none where every class is an object of its own."""
    return sorted(set(range(len(data.classes))) - foreground_classes(data.classes).keys())


def find_background(data: Dataset, row: int) -> Array:
    """(H, W) bool: the labelled background of a row."""
    return np.isin(data.mask(row), background_classes(data))


def find_donors(data: Dataset, rows: Sequence[int], groups: Sequence[int]) -> list[Donor]:
    """Up to 16 images of different groups that have a background, the first of the rows."""
    donors: dict[int, Donor] = {}
    for row, group in zip(rows, groups, strict=True):
        if len(donors) == _DONORS:
            break
        if group in donors or (background := find_background(data, row)).mean() < _LEAST_BACKGROUND:
            continue
        rgb = limit_side(data.pixels(row, _DONOR_SIDE), _DONOR_SIDE)
        background = resize_mask(background.astype(np.uint8), *rgb.shape[:2]).astype(bool)
        donors[group] = Donor(group, background_alone(rgb, background))
    return list(donors.values())


def pick_background(donors: Sequence[Donor], group: int, sha256: str) -> Array:
    """(h, w, 3) uint8: the background of a donor of another group; plain grey where there is none."""
    others = [donor for donor in donors if donor.group != group]
    if not others:
        return np.full((1, 1, 3), GREY, dtype=np.uint8)
    return others[int(seeded_random(SEED, sha256, BACKGROUND).integers(len(others)))].rgb


def make_versions(scene: Scene, sha256: str, names: Sequence[str]) -> Iterator[list[Array]]:
    """The versions of an image at all levels, corruption by corruption: the same ones in every evaluation.

    Args:
        scene: the image.
        sha256: of its file.
        names: ids of corruptions.
    """
    for name in names:
        corruption = CORRUPTIONS[name]
        yield [
            corruption.apply(scene, amount, seeded_random(SEED, sha256, name))
            for amount in corruption.amounts
        ]


def make_scene(rgb: Array, view_side: int | None, least_side: int | None) -> Scene:
    """An image as its corruptions see it: at most twice as large as the model's input, as large photos are decoded.

    Args:
        rgb: (H, W, 3) uint8, decoded for the model.
        view_side: side of a model's tiles, pixels, where it sees an image in tiles at full resolution.
        least_side: what the shorter side has to keep, pixels; None: all.
    """
    limited = limit_side(rgb, least_side)
    shorter = min(limited.shape[:2])
    return Scene(limited, float(shorter if view_side is None else min(shorter, view_side)))


def add_background(scene: Scene, data: Dataset, row: int, group: int, donors: Sequence[Donor]) -> Scene:
    """The scene of a row of this group, with its background and that of a donor, which replaces it."""
    other = pick_background(donors, group, str(data.images["sha256"][row]))
    return replace(scene, background=find_background(data, row), other=other)
