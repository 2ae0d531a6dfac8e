"""The map as a section of the page: what it shows, in words, and the images that lie among another class."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report.gallery import picture
from pupila.artifacts.report.page import Picture, Section, Table
from pupila.artifacts.report.scatter import Point, picture_map
from pupila.core.messages import say
from pupila.stages.explore.explained_variance import class_codes
from pupila.stages.explore.masks import laid_over
from pupila.stages.explore.neighbours import NEIGHBOURS, Map
from pupila.statistics.metrics.segment import judged

MOST_FOREIGN = 14  # images shown that lie among another class
MOST_KINDS = 10  # colours; further classes share the last one

Array = NDArray[Any]


def map_section(data: Dataset, f: dict[str, Any], found: Map) -> Section:
    """The map, what it says of the classes, and what lies where it should not."""
    kinds, names = _kinds(data)
    widths, heights = data.images["width"].to_list(), data.images["height"].to_list()
    images = data.images["image"].to_list()
    points = [
        Point(float(x), float(y), int(kinds[row]), widths[row] / heights[row], _caption(images[row], names, kinds[row]))
        for row, (x, y) in zip(found.rows, found.places.tolist(), strict=True)
    ]  # fmt: skip
    title = say("Images that look alike to the bundle lie together") if found.bundle else say(
        "Images of alike colours lie together")  # fmt: skip
    drawn = picture_map(title, points, names, data.miniatures(found.rows))
    galleries = []
    if found.foreign and _tells(f):
        shown = [_photo(data, row) for row in found.foreign[:MOST_FOREIGN]]
        heading = say("Among another class, {shown} of {n}", shown=len(shown), n=len(found.foreign))
        galleries.append((heading, shown))
    told = f["map"]["classes"] if f["map"] else None
    tables = [Table(
        [say("class"), say("images"), say("nearest neighbour is of the same class")],
        [[name, str(row["images"]), f"{row['agreement']:.1%}"] for name, row in told.items()],
    )] if told else []  # fmt: skip
    return Section(say("Map of the images"), _notes(data, f, found), [drawn], galleries, tables)


def _notes(data: Dataset, f: dict[str, Any], found: Map) -> list[str]:
    notes = [
        say("By the embedding of the bundle {hash}, laid out by t-SNE: neighbours mean something, distances and "
            "directions do not.", hash=found.bundle[:12])
        if found.bundle else
        say("By histograms of their colours (64 bins), the two directions in which these differ most; "
            "--with BUNDLE lays them out by what a model sees.")
    ]  # fmt: skip
    if len(found.rows) < len(data):
        notes.append(say("{n} of {all} images, drawn at random.", n=len(found.rows), all=len(data)))
    told = f["map"]
    if told is None:
        return notes
    notes.append(
        say("The nearest neighbour of an image, copies and members of its group left out, is of its own class for "
            "{agreement:.1%} of {n} images ({low:.1%} to {high:.1%}, {groups} groups); by chance it would be for "
            "{chance:.1%}.",
            n=told["images"], **{key: told[key] for key in ("agreement", "low", "high", "groups", "chance")})
    )  # fmt: skip
    if not _tells(f):
        notes.append(say("So the map says little of the classes."))
    elif found.foreign:
        why = (
            say("a wrong label, or an image that is hard to tell")
            if found.bundle
            else say("of unusual colours for its class")
        )
        notes.append(
            say("{n} images have at least {most:.0f} of their {k} nearest neighbours in other classes: {why}.",
                n=told["foreign"], most=0.8 * NEIGHBOURS, k=NEIGHBOURS, why=why)
        )  # fmt: skip
    return notes


def _tells(f: dict[str, Any]) -> bool:
    """Whether neighbours say something of the classes, so that an image among another class is worth a look."""
    return f["map"] is not None and bool(f["map"]["low"] > f["map"]["chance"])


def _photo(data: Dataset, row: int) -> Picture:
    if data.legend is not None:
        return laid_over(data, row)
    image, target = data.images["image"][row], data.images["target"][row]
    return picture(data.path(row), f"{image.rpartition('/')[2]} ({target})", data.bands, data.limits)


def _caption(image: str, names: list[str], kind: int) -> str:
    return f"{image.rpartition('/')[2]} ({names[kind]})" if len(names) > 1 else image.rpartition("/")[2]


def _kinds(data: Dataset) -> tuple[Array, list[str]]:
    """(N,) number of each image's colour, and what the colours mean."""
    codes, names = class_codes(data) if data.legend is None else _covered(data)
    if not names:
        return np.zeros(len(data), dtype=int), [say("images")]
    shown = names[: MOST_KINDS - 1] if len(names) > MOST_KINDS else names
    kinds = np.where(codes < len(shown), codes, len(shown))
    told = [*shown, say("all others")] if len(shown) < len(names) else list(shown)
    if (codes < 0).any():
        kinds[codes < 0] = len(told)
        told.append(say("without a label"))
    return kinds, told


def _covered(data: Dataset) -> tuple[Array, list[str]]:
    """Of masks: which class covers most of an image; of a single one, whether it has little, some or much of it."""
    shares, classes = data.shares, judged(len(data.classes))
    blank = shares.sum(axis=1) == 0
    if len(classes) > 1:
        codes = shares.argmax(axis=1)
        return np.where(blank, -1, codes), data.classes
    share, name = shares[:, classes[0]], data.classes[classes[0]]
    low, high = np.quantile(share[~blank], (1 / 3, 2 / 3))
    codes = np.where(blank, -1, (share > low).astype(int) + (share > high))
    return codes, [say("least {name} (up to {low:.0%})", name=name, low=low), say("between"),
                   say("most {name} (over {high:.0%})", name=name, high=high)]  # fmt: skip
