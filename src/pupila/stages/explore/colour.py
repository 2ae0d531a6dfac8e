"""Colour and brightness of all images and of each class, from their miniatures."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report import charts
from pupila.artifacts.report.fingerprint import (
    Channels,
    ClassColours,
    ColourFacts,
    ColourMeans,
    ExplainedVariance,
    Fingerprint,
)
from pupila.artifacts.report.page import Section, Table
from pupila.core.messages import number, percent, say
from pupila.stages.explore.explained_variance import explained_variance
from pupila.stages.explore.membership import Membership
from pupila.stages.explore.more_classes import note_more_classes

CHANNELS = ("red", "green", "blue")
PALETTE = 4**3  # bins of the colour histogram: four levels of each channel
MAX_CLASSES_DRAWN = 6  # classes in one histogram
_CHUNK = 1024  # images in memory at once
_LEVELS = 32  # bins of a channel's histogram
_GREY, _DARK, _BRIGHT = 0.03, 25, 235  # mean saturation of 0..1; mean brightness of 0..255

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class ColourStatistics:
    """The colours of N images."""

    means: Array  # (N, 3) float, 0..255: mean red, green and blue
    saturation: Array  # (N,) float, 0..1: mean of a pixel's largest minus smallest channel over its largest
    channels: Array  # (3, _LEVELS) int: pixels of all images at each level
    palette: Array  # (N, PALETTE) float: share of an image's pixels of each colour


def measure_colours(data: Dataset) -> ColourStatistics:
    """Measure the colours of all images on their miniatures."""
    means, saturation, palette = [], [], []
    channels = np.zeros((3, _LEVELS), dtype=np.int64)
    for start in range(0, len(data), _CHUNK):
        small = data.miniatures(list(range(start, min(start + _CHUNK, len(data))))).reshape(-1, 48 * 48, 3)
        most, least = small.max(axis=2).astype(np.float32), small.min(axis=2).astype(np.float32)
        means.append(small.mean(axis=1, dtype=np.float64))
        saturation.append(((most - least) / np.maximum(most, 1)).mean(axis=1, dtype=np.float64))
        for k in range(3):
            channels[k] += np.bincount(small[..., k].ravel() >> 3, minlength=_LEVELS)
        bins = (small[..., 0] >> 6) * 16 + (small[..., 1] >> 6) * 4 + (small[..., 2] >> 6)
        own = bins + PALETTE * np.arange(len(small))[:, None]
        counts = np.bincount(own.ravel(), minlength=PALETTE * len(small))
        palette.append(counts.reshape(-1, PALETTE) / small.shape[1])
    return ColourStatistics(
        np.concatenate(means), np.concatenate(saturation), channels, np.concatenate(palette)
    )


def colour_facts(
    data: Dataset, colours: ColourStatistics, groups: Array, membership: Membership
) -> ColourFacts:
    """The colours in the fingerprint.

    Args:
        data: the data set.
        colours: of its images.
        groups: (N,) component numbers.
        membership: the classes of its images.
    """
    brightness = data.images["brightness"].cast(float).to_numpy()
    by_measure = {"brightness": brightness, "saturation": 255 * colours.saturation,
            **dict(zip(CHANNELS, colours.means.T, strict=True))}  # fmt: skip
    codes, edges = membership.codes, np.linspace(0, 256, 17)
    saturation = by_measure["saturation"]
    return ColourFacts(
        edges=[8 * level for level in range(_LEVELS + 1)],
        channels=Channels(**dict(zip(CHANNELS, colours.channels.tolist(), strict=True))),
        mean=ColourMeans(**{name: round(float(values.mean()), 2) for name, values in by_measure.items()}),
        classes={
            name: ClassColours(
                brightness_counts=np.histogram(brightness[rows], edges)[0].tolist(),
                saturation_counts=np.histogram(saturation[rows], edges)[0].tolist(),
                **{key: round(float(values[rows].mean()), 2) for key, values in by_measure.items()},
            )
            for name, rows in zip(membership.names, membership.members.T, strict=True)
            if rows.any()
        },
        explained_variance=ExplainedVariance(
            brightness=explained_variance(brightness, codes, groups),
            saturation=explained_variance(saturation, codes, groups),
        ),
        saturation=np.histogram(saturation, edges)[0].tolist(),
        grey=int((colours.saturation < _GREY).sum()),
        dark=int((brightness < _DARK).sum()),
        bright=int((brightness > _BRIGHT).sum()),
    )


def colour_section(f: Fingerprint) -> Section:
    """Histograms of the channels, and brightness and saturation by class."""
    colour = f.colour
    levels = dict(colour.channels)
    drawn = [charts.channels(say("Colours of all pixels"), [*colour.edges], levels)]
    shown = dict(list(colour.classes.items())[:MAX_CLASSES_DRAWN])
    edges = [16.0 * step for step in range(17)]
    brightness, saturation = say("Mean brightness of an image"), say("Mean saturation of an image")
    if shown:
        dark = {name: _shares(row.brightness_counts) for name, row in shown.items()}
        pale = {name: _shares(row.saturation_counts) for name, row in shown.items()}
        drawn += [
            charts.histograms(brightness, edges, dark, say("0 black, 255 white; % of the class")),
            charts.histograms(saturation, edges, pale, say("0 grey, 255 pure colour; % of the class")),
        ]
    else:  # the brightness is shown with the sizes
        label = say("0 grey, 255 pure colour")
        drawn.append(charts.histogram(saturation, edges, colour.saturation, label))
    header = [say("class"), say("brightness"), say("saturation"), say("red"), say("green"), say("blue")]
    rows = [[name, *_cells(row)] for name, row in colour.classes.items()]
    rows.append([say("all images"), *_cells(colour.mean)])
    notes = [
        say("Means from 0 to 255, measured on copies of 48 x 48 pixels."),
        *note_more_classes(len(colour.classes), MAX_CLASSES_DRAWN),
    ]
    explained = colour.explained_variance
    if (share := explained.brightness) is not None:
        notes.append(
            say("The class explains {share} of the variance in brightness.", share=percent(share, 0))
        )
    if (share := explained.saturation) is not None:
        notes.append(
            say("The class explains {share} of the variance in saturation.", share=percent(share, 0))
        )
    return Section(say("Colour and brightness"), notes, drawn, tables=[Table(header, rows)])


def _cells(means: ColourMeans) -> list[str]:
    values = (means.brightness, means.saturation, means.red, means.green, means.blue)
    return [number(value, 0) for value in values]


def _shares(counts: list[int]) -> list[float]:
    return [100 * count / max(sum(counts), 1) for count in counts]
