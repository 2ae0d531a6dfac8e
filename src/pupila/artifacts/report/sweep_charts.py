"""Charts of a sweep: bars with intervals by two settings, and parallel coordinates of a search."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from pupila.artifacts.report.figure import COLOURS, draw_figure, shorten
from pupila.core.messages import number
from pupila.statistics.estimate import Estimate

_WIDTH = 9.2  # inches of a chart as wide as the page
_LINE = 32  # letters of a line of a tick
_LINES = 3  # of a tick
_GREY = "#8c959f"


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar with its interval."""

    estimate: Estimate
    note: str = ""  # beside its figure: winner, collapsed, failed
    strong: bool = False  # outlined, its text bold
    faint: bool = False  # grey


@dataclass(frozen=True, slots=True)
class Reference:
    """A line across all bars."""

    value: float
    name: str


def estimate_bars(
    title: str, table: Mapping[str, Mapping[str, Bar]], label: str, reference: Reference | None = None
) -> Markup:
    """Bars in 0..1 with their 95 % CI: a cluster for each inner key, a colour for each outer key.

    Args:
        title: of the chart.
        table: outer key (its name in the legend; empty: no legend) to inner key to its bar.
        label: of the axis.
        reference: such as the baseline.
    """
    outer = list(table)
    inner = list(dict.fromkeys(key for row in table.values() for key in row))
    count = max(1, sum(len(row) for row in table.values()))
    lines = sum(wrap_name(key).count("\n") for key in inner)  # of names beyond their first
    with draw_figure(title, _WIDTH, 1.5 + 0.24 * count + 0.12 * len(inner) + 0.08 * lines) as (axes, out):
        thick, place, ticks = 1.0, 0.0, []
        for key in inner:
            own = [name for name in outer if key in table[name]]
            for offset, name in enumerate(own):
                _draw_bar(axes, place + offset, table[name][key], COLOURS[outer.index(name) % len(COLOURS)])
            ticks.append(place + (len(own) - 1) / 2)
            place += len(own) * thick + 0.6
        if reference is not None:
            axes.axvline(reference.value, color=_GREY, linestyle="--", linewidth=1.2)
        axes.set_yticks(ticks, [wrap_name(key) for key in inner])
        axes.set_xlim(0, 1)
        axes.set_ylim(place - 0.9, -0.9)
        axes.set_xlabel(label)
        _add_names(axes, outer, reference)
    return out[0]


def _draw_bar(axes: Any, place: float, bar: Bar, colour: str) -> None:
    estimate, words = bar.estimate, [bar.note] if bar.note else []
    if estimate.value is not None:
        fill = _GREY if bar.faint else colour
        axes.barh(
            place, estimate.value, 0.86, color=fill, alpha=0.45 if bar.faint else 0.85,
            hatch="///" if bar.faint else None, edgecolor="black" if bar.strong else "white",
            linewidth=1.8 if bar.strong else 0.5,
        )  # fmt: skip
        words.insert(0, number(estimate.value))
        if estimate.low is not None and estimate.high is not None:
            words[0] += f" [{number(estimate.low, 2)}, {number(estimate.high, 2)}]"
            axes.errorbar(
                estimate.value, place, xerr=[[estimate.value - estimate.low], [estimate.high - estimate.value]],
                color="black", capsize=2.5, linewidth=1.1,
            )  # fmt: skip
    axes.text(
        1.01, place, "  ".join(words), transform=axes.get_yaxis_transform(), va="center", fontsize=8.5,
        fontweight="bold" if bar.strong else "normal", color=_GREY if bar.faint else "black",
    )  # fmt: skip


def _add_names(axes: Any, outer: Sequence[str], reference: Reference | None) -> None:
    """The legend below the bars."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [
        Patch(color=COLOURS[place % len(COLOURS)], alpha=0.85, label=shorten(name, 40))
        for place, name in enumerate(outer) if name
    ]  # fmt: skip
    if reference is not None:
        handles.append(Line2D([], [], color=_GREY, linestyle="--", label=shorten(reference.name, 60)))
    if handles:
        axes.figure.legend(handles=handles, frameon=False, fontsize=9, loc="outside lower center", ncols=3)


def wrap_name(name: str) -> str:
    """The name in at most three lines; longer ones are shortened in the middle."""
    return (
        "\n".join(textwrap.wrap(shorten(name, _LINE * _LINES), _LINE, max_lines=_LINES, placeholder=" …"))
        or " "
    )


@dataclass(frozen=True, slots=True)
class Coordinate:
    """One axis of parallel coordinates: places in 0..1 (bottom to top) of its ticks."""

    name: str
    ticks: list[tuple[float, str]]


@dataclass(frozen=True, slots=True)
class Trial:
    """One line: its place on each axis, None where a setting does not apply."""

    places: list[float | None]
    score: float | None
    strong: bool = False
    faint: bool = False


def parallel_coordinates(title: str, coordinates: Sequence[Coordinate], trials: Sequence[Trial]) -> Markup:
    """A line for each trial across its settings, coloured by its score: the best are yellow; collapsed ones grey."""
    from matplotlib import colormaps

    scores = [trial.score for trial in trials if trial.score is not None and not trial.faint]
    low, high = min(scores, default=0.0), max(scores, default=1.0)
    with draw_figure(title, _WIDTH, 4.6) as (axes, out):
        for trial in sorted(trials, key=lambda t: (t.strong, not t.faint, t.score or 0.0)):
            points = [(x, y) for x, y in enumerate(trial.places) if y is not None]
            shade = 0.5 if high == low or trial.score is None else (trial.score - low) / (high - low)
            grey = trial.faint or trial.score is None
            axes.plot(
                [x for x, _ in points], [y for _, y in points],
                color=_GREY if grey else colormaps["viridis"](0.95 * shade), alpha=0.35 if grey else 0.85,
                linewidth=3.2 if trial.strong else 1.2, linestyle=":" if grey else "-",
                marker="o", markersize=6 if trial.strong else 2.5,
            )  # fmt: skip
        for x, coordinate in enumerate(coordinates):
            axes.axvline(x, color="black", linewidth=0.8)
            for y, text in coordinate.ticks:
                axes.text(
                    x - 0.02, y, wrap_name(text), ha="right", va="center", fontsize=8.5,
                    bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
                )  # fmt: skip
        names = [wrap_name(coordinate.name) for coordinate in coordinates]
        axes.set_xticks(range(len(coordinates)), names, fontweight="bold")
        axes.set_yticks([])
        axes.set_ylim(-0.06, 1.06)
        axes.set_xlim(-0.35, len(coordinates) - 0.9)
        axes.spines[["left", "bottom"]].set_visible(False)
        axes.tick_params(length=0)
    return out[0]
