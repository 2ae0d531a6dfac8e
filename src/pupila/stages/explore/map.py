"""The map as a section of the page: what it shows, in words, and the images that lie among another class."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report.fingerprint import Fingerprint, MapFacts
from pupila.artifacts.report.page import Section, Table
from pupila.artifacts.report.scatter import Point, draw_image_map
from pupila.core.messages import number, percent, say, say_count
from pupila.stages.explore.neighbours import NEIGHBOURS, OUTLIER_SHARE, ImageMap
from pupila.stages.explore.views import find_view

MAX_OUTLIERS = 14  # images shown that lie among another class
MAX_COLOURS = 10  # colours; further classes share the last one

Array = NDArray[Any]


def map_section(data: Dataset, f: Fingerprint, image_map: ImageMap) -> Section:
    """The map, how well it separates the classes, and the images that lie among other classes."""
    view = find_view(data)
    kinds, names = _group_points(*view.points(data))
    widths, heights = data.images["width"].to_list(), data.images["height"].to_list()
    images = data.images["image"].to_list()
    points = [
        Point(float(x), float(y), int(kinds[row]), widths[row] / heights[row], _caption(images[row], names, kinds[row]))
        for row, (x, y) in zip(image_map.rows, image_map.positions.tolist(), strict=True)
    ]  # fmt: skip
    title = (
        say("Images with similar embeddings are close together")
        if image_map.bundle
        else say("Images with similar colours are close together")
    )
    drawn = draw_image_map(title, points, names, data.miniatures(image_map.rows))
    galleries = []
    if image_map.outliers and _is_informative(f.map):
        shown = [view.picture(data, row, True) for row in image_map.outliers[:MAX_OUTLIERS]]
        heading = say_count(
            "Among other classes: {shown} of {n} image",
            "Among other classes: {shown} of {n} images",
            len(image_map.outliers),
            shown=len(shown),
        )
        galleries.append((heading, shown))
    classes = f.map.classes if f.map else None
    tables = [Table(
        [say("class"), say("images"), say("nearest neighbour has the same class")],
        [[name, str(row.images), percent(row.agreement)] for name, row in classes.items()],
    )] if classes else []  # fmt: skip
    return Section(say("Map of the images"), _notes(data, f, image_map), [drawn], galleries, tables)


def _notes(data: Dataset, f: Fingerprint, image_map: ImageMap) -> list[str]:
    notes = [
        say("Layout: t-SNE of the embeddings of bundle {hash}. Neighbours are meaningful, distances and directions "
            "are not.", hash=image_map.bundle[:12])
        if image_map.bundle else
        say("Layout: the first two principal components of the colour histograms (64 bins). "
            "Use --with BUNDLE for the embeddings of a model.")
    ]  # fmt: skip
    if len(image_map.rows) < len(data):
        notes.append(
            say_count(
                "{drawn} of {n} image, drawn at random.",
                "{drawn} of {n} images, drawn at random.",
                len(data),
                drawn=len(image_map.rows),
            )
        )
    facts = f.map
    if facts is None:
        return notes
    notes.append(
        say("The nearest neighbour of an image, outside its own group and duplicates, has the same class for "
            "{agreement} of the images (95 % CI {interval}, n = {n} images in {groups} groups); "
            "by chance {chance}.",
            n=facts.images, groups=facts.groups, agreement=facts.agreement.percent_text(),
            interval=facts.agreement.percent_interval_text(), chance=percent(facts.chance))
    )  # fmt: skip
    if not _is_informative(facts):
        notes.append(say("Neighbours do not share their class significantly more often than by chance, so read little "
                         "into the map."))  # fmt: skip
    elif image_map.outliers:
        least = number(OUTLIER_SHARE * NEIGHBOURS, 0)
        notes.append(
            say_count("{n} image has at least {least} of its {k} nearest neighbours in other classes: "
                      "the label may be wrong, or the image hard.",
                      "{n} images have at least {least} of their {k} nearest neighbours in other classes: "
                      "the labels may be wrong, or the images hard.",
                      facts.outliers, least=least, k=NEIGHBOURS)
            if image_map.bundle else
            say_count("{n} image has at least {least} of its {k} nearest neighbours in other classes: "
                      "its colours are unusual for its class.",
                      "{n} images have at least {least} of their {k} nearest neighbours in other classes: "
                      "their colours are unusual for their class.",
                      facts.outliers, least=least, k=NEIGHBOURS)
        )  # fmt: skip
    return notes


def _is_informative(facts: MapFacts | None) -> bool:
    """Whether neighbours share their class more often than by chance, so that outliers are worth inspecting."""
    return facts is not None and facts.above_chance


def _caption(image: str, names: list[str], kind: int) -> str:
    return f"{image.rpartition('/')[2]} ({names[kind]})" if len(names) > 1 else image.rpartition("/")[2]


def _group_points(codes: Array, names: list[str]) -> tuple[Array, list[str]]:
    """(N,) number of each image's colour, and what the colours mean."""
    if not names:
        return np.zeros(len(codes), dtype=int), [say("images")]
    shown = names[: MAX_COLOURS - 1] if len(names) > MAX_COLOURS else names
    kinds = np.where(codes < len(shown), codes, len(shown))
    labels = [*shown, say("all others")] if len(shown) < len(names) else list(shown)
    if (codes < 0).any():
        kinds[codes < 0] = len(labels)
        labels.append(say("without a label"))
    return kinds, labels
