"""Charts as SVG: bars, pies, histograms, curves, scatter plots and confusion matrices, with numbers on them."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from markupsafe import Markup

from pupila.artifacts.report.figure import COLOURS, draw_figure, shorten
from pupila.core.messages import number, percent, say
from pupila.statistics.estimate import Estimate

_CHANNELS = {"red": "#cf222e", "green": "#2da44e", "blue": "#1f6feb"}
_FEW = 12  # curves with at most this many points have markers


def bars(title: str, values: dict[str, float], form: str = "{:,.0f}") -> Markup:
    """Horizontal bars, each with its number in the given format."""
    with draw_figure(title, 5.2, 0.9 + 0.34 * max(len(values), 1)) as (axes, out):
        names = [shorten(name) for name in values]
        drawn = axes.barh(range(len(names)), list(values.values()), color=COLOURS[0])
        axes.set_yticks(range(len(names)), names)
        axes.bar_label(drawn, fmt=form, padding=3)
        axes.invert_yaxis()
        axes.margins(x=0.15)
        axes.set_xticks([])
    return out[0]


def pie(title: str, values: dict[str, float]) -> Markup:
    """Shares of a whole; small slices have no number."""
    with draw_figure(title, 4.6, 3.4) as (axes, out):
        shown = [shorten(name) for name in values]
        colours = _cycle_colours(len(shown))
        axes.pie(list(values.values()), labels=shown, colors=colours, startangle=90, counterclock=False,
                 autopct=lambda share: percent(share / 100) if share >= 3 else "",
                 wedgeprops={"edgecolor": "white", "linewidth": 1.5})  # fmt: skip
    return out[0]


def grouped_bars(title: str, table: dict[str, dict[str, float]]) -> Markup:
    """Shares in percent: one cluster of bars for each inner key, one colour for each outer key."""
    outer = list(table)
    inner = list(dict.fromkeys(key for row in table.values() for key in row))
    height = 1.1 + 0.24 * len(inner) * len(outer)
    with draw_figure(title, 5.3, height) as (axes, out):
        thick = 0.8 / max(len(outer), 1)
        for index, name in enumerate(outer):
            places = [i + (index - (len(outer) - 1) / 2) * thick for i in range(len(inner))]
            drawn = axes.barh(
                places,
                [table[name].get(key, 0) for key in inner],
                thick,
                label=name,
                color=COLOURS[index % len(COLOURS)],
            )
            axes.bar_label(drawn, fmt=lambda share: percent(share / 100), padding=3, fontsize=8)
        axes.set_yticks(range(len(inner)), [shorten(name) for name in inner])
        axes.invert_yaxis()
        axes.margins(x=0.18)
        axes.set_xticks([])
        axes.legend(
            frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, 0), ncols=min(len(outer), 3)
        )
    return out[0]


def stacked_bars(title: str, table: dict[str, dict[str, float]]) -> Markup:
    """Shares in percent that add up to a bar: one bar for each inner key, one colour for each outer key."""
    outer = list(table)
    inner = list(dict.fromkeys(key for row in table.values() for key in row))
    with draw_figure(title, 5.3, 1.2 + 0.3 * len(inner)) as (axes, out):
        left = [0.0] * len(inner)
        for index, name in enumerate(outer):
            widths = [table[name].get(key, 0) for key in inner]
            colour = COLOURS[index % len(COLOURS)]
            drawn = axes.barh(range(len(inner)), widths, 0.8, left, label=shorten(name), color=colour)
            numbers = [percent(width / 100, 0) if width >= 8 else "" for width in widths]  # where it fits
            axes.bar_label(drawn, numbers, label_type="center", fontsize=8, color="white")
            left = [low + width for low, width in zip(left, widths, strict=True)]
        axes.set_yticks(range(len(inner)), [shorten(name) for name in inner])
        axes.invert_yaxis()
        axes.set_xlim(0, 100)
        axes.set_xticks([])
        axes.legend(
            frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, 0), ncols=min(len(outer), 3)
        )
    return out[0]


def channels(title: str, edges: list[float], counts: dict[str, list[int]]) -> Markup:
    """Histograms of the red, green and blue channels, in their colours."""
    with draw_figure(title, 4.6, 3.0) as (axes, out):
        whole = max(sum(next(iter(counts.values()))), 1)
        for name, own in counts.items():
            shares = [100 * count / whole for count in own]
            axes.stairs(shares, edges, fill=True, color=_CHANNELS[name], alpha=0.2)
            axes.stairs(shares, edges, color=_CHANNELS[name], linewidth=1.6)
        axes.set_xlabel(say("Pixel value (0 to 255)"))
        axes.set_ylabel(say("Share of pixels (%)"))
    return out[0]


def histogram(title: str, edges: list[float], counts: list[int], label: str) -> Markup:
    """A histogram from its bin counts."""
    with draw_figure(title, 4.6, 3.0) as (axes, out):
        widths = [high - low for low, high in pairwise(edges)]
        axes.bar(edges[:-1], counts, widths, align="edge", color=COLOURS[0], edgecolor="white", linewidth=0.5)
        axes.set_xlabel(label)
    return out[0]


def histograms(
    title: str, edges: list[float], counts: Mapping[str, Sequence[float]], label: str, height: str = ""
) -> Markup:
    """Overlaid histograms from their bin counts, each with its name; `height` labels the vertical axis."""
    with draw_figure(title, 4.6, 3.0) as (axes, out):
        for index, (name, own) in enumerate(counts.items()):
            colour = COLOURS[index % len(COLOURS)]
            axes.stairs(own, edges, fill=True, color=colour, alpha=0.25)
            axes.stairs(own, edges, color=colour, linewidth=1.6, label=shorten(name))
        axes.set_xlabel(label)
        axes.set_ylabel(height)
        axes.locator_params(axis="x", nbins=5)  # numbers of a narrow range are long
        axes.yaxis.get_major_locator().set_params(integer=True)
        if len(counts) > 1:
            axes.legend(frameon=False, fontsize=8, loc="best")
    return out[0]


def scatter(title: str, points: list[tuple[float, float, int]], labels: tuple[str, str]) -> Markup:
    """Points whose area shows their count."""
    with draw_figure(title, 4.6, 3.4) as (axes, out):
        most = max((count for _, _, count in points), default=1)
        sizes = [12 + 240 * count / most for _, _, count in points]
        axes.scatter(
            [x for x, _, _ in points],
            [y for _, y, _ in points],
            s=sizes,
            alpha=0.5,
            color=COLOURS[0],
            linewidths=0,
        )
        axes.set_xlabel(labels[0])
        axes.set_ylabel(labels[1])
        axes.margins(0.15)
    return out[0]


def _cycle_colours(count: int) -> list[str]:
    return [COLOURS[i % len(COLOURS)] for i in range(count)]


def lines(title: str, series: dict[str, list[tuple[float, float]]], labels: tuple[str, str]) -> Markup:
    """Curves, each with its name."""
    with draw_figure(title, 4.8, 3.2) as (axes, out):
        for index, (name, points) in enumerate(series.items()):
            xs, ys = [x for x, _ in points], [y for _, y in points]
            mark = "o" if len(points) <= _FEW else None  # a single point would be invisible
            axes.plot(
                xs,
                ys,
                marker=mark,
                markersize=4,
                label=shorten(name),
                color=COLOURS[index % len(COLOURS)],
                linewidth=1.6,
            )
        if all(float(x).is_integer() for points in series.values() for x, _ in points):
            axes.locator_params(axis="x", integer=True)  # epochs have no decimals
        axes.set_xlabel(labels[0])
        axes.set_ylabel(labels[1])
        if len(series) > 1:
            axes.legend(frameon=False, fontsize=8)
    return out[0]


def threshold_curve(
    title: str,
    points: Sequence[tuple[float, float]],
    threshold: float,
    marks: Mapping[str, float],
    labels: tuple[str, str],
) -> Markup:
    """A curve on a logarithmic scale that may reach a threshold; what is far above it leaves the chart.

    Args:
        title: of the chart.
        points: (x, value); values below 1 are drawn at 1.
        threshold: a value.
        marks: name of an event -> its x.
        labels: of the horizontal and of the vertical axis.
    """
    with draw_figure(title, 5.0, 3.2) as (axes, out):
        axes.plot([x for x, _ in points], [max(y, 1.0) for _, y in points], color=COLOURS[0], linewidth=1.6)
        axes.axhline(threshold, color=COLOURS[7], linewidth=1, linestyle="--", label=say("threshold"))
        for index, (name, x) in enumerate(marks.items()):
            axes.axvline(x, color=COLOURS[8 - 7 * index], linewidth=1.2, linestyle=":", label=shorten(name))
        axes.set_yscale("log")
        axes.set_ylim(1, 100 * threshold)
        axes.set_xlabel(labels[0])
        axes.set_ylabel(labels[1])
        axes.legend(frameon=False, fontsize=8, loc="best")
    return out[0]


def intervals(title: str, estimates: Mapping[str, Estimate]) -> Markup:
    """Points in 0..1 or -1..1 with their 95 % CI; without one for too few groups; undefined ones are left out."""
    known = {name: (row.value, row.low, row.high) for name, row in estimates.items() if row.value is not None}
    with draw_figure(title, 5.2, 0.9 + 0.36 * max(len(known), 1)) as (axes, out):
        for place, (value, low, high) in enumerate(known.values()):
            if low is not None and high is not None:
                axes.plot([low, high], [place, place], color=COLOURS[0], linewidth=2.5, alpha=0.5)
            axes.plot([value], [place], "o", color=COLOURS[0])
            axes.annotate(
                number(value), (value, place), (0, 6), textcoords="offset points", ha="center", fontsize=8
            )
        axes.set_yticks(range(len(known)), [shorten(name) for name in known])
        axes.invert_yaxis()
        below = any(value < 0 or (low or 0) < 0 for value, low, _ in known.values())
        axes.set_xlim(-1.02 if below else 0, 1.02)
        axes.margins(y=0.3)
    return out[0]


def level_curve(
    title: str,
    points: Sequence[tuple[float, float, float]],
    ticks: list[str],
    labels: tuple[str, str],
    scale: tuple[float, float],
) -> Markup:
    """A small curve over levels with its band, beside a line at the first of them.

    Args:
        title: of the chart.
        points: (value, low, high) of each level.
        ticks: names of the levels, as many.
        labels: of the horizontal and of the vertical axis.
        scale: lowest and highest value of all charts that stand side by side.
    """
    with draw_figure(title, 3.2, 2.5) as (axes, out):
        places = range(len(points))
        values, lows, highs = zip(*points, strict=True)
        axes.axhline(values[0], color=COLOURS[8], linewidth=1, linestyle="--")
        axes.fill_between(places, lows, highs, color=COLOURS[0], alpha=0.2, linewidth=0)
        axes.plot(places, values, marker="o", markersize=4, color=COLOURS[0], linewidth=1.6)
        axes.set_xticks(places, ticks)
        room = 0.05 * max(scale[1] - scale[0], 0.1)
        axes.set_ylim(scale[0] - room, scale[1] + room)
        axes.set_xlabel(labels[0])
        axes.set_ylabel(labels[1])
    return out[0]


def confusion_matrix(title: str, counts: list[list[int]], names: list[str]) -> Markup:
    """A confusion matrix: rows the true classes, columns the predicted ones, counts in the cells."""
    shares = [[n / max(sum(row), 1) for n in row] for row in counts]
    cells = [[str(n) for n in row] for row in counts]
    return heat_map(title, shares, cells, names, (say("Predicted class"), say("True class")))


def heat_map(
    title: str, shares: list[list[float]], cells: list[list[str]], names: list[str], labels: tuple[str, str]
) -> Markup:
    """A square matrix of shares of 0..1 as colours, with a text in each cell.

    Args:
        title: of the chart.
        shares: K rows of K.
        cells: the texts, as many.
        names: of the rows and of the columns.
        labels: of the horizontal and of the vertical axis.
    """
    side = 1.8 + 0.55 * len(names)
    with draw_figure(title, max(side, 3.4), max(side, 3.0)) as (axes, out):
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for i, row in enumerate(cells):
            for j, text in enumerate(row):
                axes.text(
                    j, i, text, ha="center", va="center", color="white" if shares[i][j] > 0.6 else "black"
                )
        shown = [shorten(name, 16) for name in names]
        axes.set_xticks(range(len(names)), shown, rotation=30, ha="right")
        axes.set_yticks(range(len(names)), shown)
        axes.set_xlabel(labels[0])
        axes.set_ylabel(labels[1])
    return out[0]
