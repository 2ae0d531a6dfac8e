"""What the explore page shows of masks: the classes' areas, and pictures with their masks laid over them."""

import random

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report import charts
from pupila.artifacts.report.gallery import SIDE, picture_of
from pupila.artifacts.report.page import Picture, Section, Table
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.vocabulary import IGNORE, SPLITS
from pupila.imaging.masks.codec import resized
from pupila.imaging.masks.drawing import overlay
from pupila.imaging.masks.label_map import colours
from pupila.stages.explore.fingerprint import Fingerprint
from pupila.statistics.metrics.segment import judged

OF_EACH = 7  # overlays with most of a class, typical ones, and ones with least: a row of the page each
OF_A_SPLIT = 14  # overlays of each split
MOST_CLASSES = 24  # shown as contact sheets and bars
SEED = 23


def areas(f: Fingerprint) -> Section:
    """Class shares of the area, and in how many images each class occurs."""
    shown = dict(list(f["classes"].items())[:MOST_CLASSES])
    shares = {name: 100 * row["share"] for name, row in shown.items()}
    rest = 100 - sum(shares.values())
    whole = {**shares, say("all others"): rest} if len(shown) < len(f["classes"]) else shares
    rows = [
        [name, f"{row['share']:.2%}", str(row["images"]), str(row["groups"])]
        for name, row in f["classes"].items()
    ]
    if f["unlabelled"]:
        rows.append([say("without a mask"), "", str(f["unlabelled"]), ""])
    return Section(
        say("Classes"),
        charts=[
            charts.bars(say("Share of an average image's area"), shares, "{:.2f} %"),
            charts.pie(say("Share of the area"), whole),
            charts.bars(say("Images in which a class occurs"), {name: row["images"] for name, row in shown.items()}),
        ],
        tables=[Table([say("class"), say("area"), say("images"), say("groups")], rows)],
    )  # fmt: skip


def overlays(data: Dataset, sides: list[str] | None) -> Section:
    """Pictures with their masks laid over: of each class those with most, typical and least of it; some of each split.

    Args:
        data: the data set.
        sides: the split of each row, where the data are split.
    """
    galleries = [(say("Colours"), _colours(data))]
    for index in judged(len(data.classes))[:MOST_CLASSES]:
        share = data.shares[:, index]
        order = np.flatnonzero(share > 0)[np.argsort(-share[share > 0], kind="stable")].tolist()
        heading = say(
            "{name}, in {n} images: most, typical and least of it", name=data.classes[index], n=len(order)
        )
        told = [laid_over(data, row, f"{share[row]:.2%}") for row in _spread(order)]
        galleries.append((heading, told))
    usable = data.images["target"].is_not_null().to_list()
    for split in SPLITS if sides else ():
        rows = [row for row, side in enumerate(sides or []) if side == split and usable[row]]
        chosen = sorted(random.Random(SEED).sample(rows, min(OF_A_SPLIT, len(rows))))
        if rows:
            heading = say(
                "{split}, {shown} of {n}, drawn at random", split=split, shown=len(chosen), n=len(rows)
            )
            galleries.append((heading, [laid_over(data, row) for row in chosen]))
    return Section(say("Masks laid over their pictures"), galleries=galleries)


def laid_over(data: Dataset, row: int, told: str = "") -> Picture:
    """The row's picture with its mask over it; the picture alone where there is no mask."""
    image = data.images["image"][row]
    caption = " ".join(part for part in (image.rpartition("/")[2], told) if part)
    try:
        rgb = data.pixels(row, SIDE)
        if data.images["target"][row] is not None:
            rgb = overlay(rgb, resized(data.mask(row), *rgb.shape[:2]), len(data.classes))
    except PupilaError as fault:
        return Picture("data:,", f"{caption} ({fault})", image)
    return picture_of(rgb, caption, image)


def _spread(order: list[int]) -> list[int]:
    """The first few, the middle few and the last few, each once."""
    middle = max((len(order) - OF_EACH) // 2, 0)
    return list(dict.fromkeys([*order[:OF_EACH], *order[middle : middle + OF_EACH], *order[-OF_EACH:]]))


def _colours(data: Dataset) -> list[Picture]:
    """A patch of each class's colour."""
    table, names = colours(len(data.classes)), dict(enumerate(data.classes))
    if len(names) == 2:
        del names[0]  # the background stays as it is
    return [
        picture_of(np.tile(table[index], (24, 64, 1)), name)
        for index, name in {**dict(list(names.items())[:MOST_CLASSES]), IGNORE: say("no label")}.items()
    ]
