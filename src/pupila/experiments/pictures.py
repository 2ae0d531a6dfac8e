"""The pictures of a sweep: scores by setting of a grid, and the trials of a search."""

import itertools
from collections.abc import Sequence
from typing import Any

from pupila.artifacts.report import charts
from pupila.artifacts.report.sweep import Configuration, SweepReport
from pupila.artifacts.report.sweep_charts import (
    Bar,
    Coordinate,
    Reference,
    Trial,
    estimate_bars,
    parallel_coordinates,
)
from pupila.artifacts.sweep.definition import REPEATING, Axis
from pupila.core.messages import number, say
from pupila.experiments.scales import make_scale
from pupila.experiments.space import value_text
from pupila.experiments.verdict import name_baseline, name_configuration
from pupila.statistics.metrics.titles import metric_title, sentence_title

_MOST_FIGURES = 6  # of a grid with three settings or more
_MOST_BARS = 48  # of a figure
_MOST_COLOURS = 8
_MOST_NAMED = 15  # of the best trials
_ABSENT = "–"  # a setting that does not apply


def draw_grid(report: SweepReport) -> list[Any]:
    """Bars with intervals: values of one setting in colours, those of another beside each other, a figure for each
    combination of the others; none where there would be too many.
    """
    axes = _list_axes(report)
    if not axes:
        return []
    colour, cluster, others = _choose_axes(axes)
    figures: dict[str, dict[str, dict[str, Bar]]] = {}
    for configuration in report.configurations:
        name = ", ".join(f"{axis.name}={_text(configuration, axis)}" for axis in others)
        outer = f"{colour.name}={_text(configuration, colour)}" if colour else ""
        row = figures.setdefault(name, {}).setdefault(outer, {})
        row.setdefault(_text(configuration, cluster), _make_bar(report, configuration))
    most = max(sum(map(len, figure.values())) for figure in figures.values())
    if len(figures) > _MOST_FIGURES or most > _MOST_BARS:
        return []
    by = say(" and ").join(axis.name for axis in (colour, cluster) if axis)
    title = say("{metric} on validation by {settings}", metric=sentence_title(report.metric), settings=by)
    return [
        estimate_bars(
            f"{title}: {name}" if name else title, _order(figure, colour, cluster), _axis_label(report),
            _find_baseline(report),
        )
        for name, figure in sorted(figures.items())
    ]  # fmt: skip


def draw_levels(report: SweepReport) -> list[Any]:
    """The mean score of each value of each setting, over all values of the others."""
    drawn = []
    for name, levels in itertools.groupby(report.levels, lambda level: level.setting):
        row = {value_text(level.value): Bar(level.score) for level in levels}
        title = say("Mean {metric} by {setting}, over all other settings",
                    metric=metric_title(report.metric), setting=name)  # fmt: skip
        drawn.append(estimate_bars(title, {"": row}, _axis_label(report), _find_baseline(report)))
    return drawn


def draw_search(report: SweepReport) -> list[Any]:
    """The best trials with intervals, all of them as parallel coordinates, and the importance of each setting."""
    scored = [
        configuration for configuration in report.configurations if configuration.score.value is not None
    ]
    best = {
        name_configuration(report, configuration): _make_bar(report, configuration)
        for configuration in scored[:_MOST_NAMED]
    }
    title = say("The best trials") if len(scored) > _MOST_NAMED else say("The trials")
    drawn = [estimate_bars(title, {"": best}, _axis_label(report), _find_baseline(report))]
    if _list_axes(report) and len(scored) > 1:
        drawn.append(_draw_coordinates(report, scored))
    if report.importance and report.importance.settings:
        ranked = {row.setting: row.share for row in report.importance.settings}
        drawn.append(
            charts.bars(
                say("Importance of each setting, %"),
                {n: 100 * share for n, share in ranked.items()},
                "{:.0f} %",
            )
        )
    return drawn


def _list_axes(report: SweepReport) -> list[Axis]:
    return [
        axis for axis in report.axes if axis.name not in REPEATING and (axis.range or len(axis.values) > 1)
    ]


def _choose_axes(axes: Sequence[Axis]) -> tuple[Axis | None, Axis, list[Axis]]:
    """The setting in colours (the one with fewest values), the one in clusters, and the others."""
    if len(axes) == 1:
        return None, axes[0], []
    first, second = sorted(axes, key=lambda axis: (len(axis.values) > _MOST_COLOURS, -len(axis.values)))[:2]
    colour, cluster = sorted((first, second), key=lambda axis: len(axis.values))
    return colour, cluster, [axis for axis in axes if axis is not colour and axis is not cluster]


def _order(
    figure: dict[str, dict[str, Bar]], colour: Axis | None, cluster: Axis
) -> dict[str, dict[str, Bar]]:
    """The bars in the order of the settings' values."""
    outer = [f"{colour.name}={value_text(value)}" for value in colour.values] if colour else [""]
    inner = [*map(value_text, cluster.values), _ABSENT]
    ordered = [*outer, *(name for name in figure if name not in outer)]
    return {
        name: {key: figure[name][key] for key in inner if key in figure[name]}
        for name in ordered
        if name in figure
    }


def _text(configuration: Configuration, axis: Axis) -> str:
    return value_text(configuration.settings[axis.name]) if axis.name in configuration.settings else _ABSENT


def _make_bar(report: SweepReport, configuration: Configuration) -> Bar:
    states = {report.rows[place].state for place in configuration.rows}
    if _is_winner(report, configuration):
        return Bar(configuration.score, say("winner"), strong=True)
    if configuration.score.value is None:
        failed = states & {"failed", "impossible"}
        return Bar(configuration.score, say("failed") if failed else say("not trained yet"), faint=True)
    if configuration.collapsed == len(configuration.seeds):
        return Bar(configuration.score, say("collapsed"), faint=True)
    equal = configuration.comparison is not None and not configuration.comparison.distinguishable
    return Bar(configuration.score, say("not distinguishable") if equal else "")


def _axis_label(report: SweepReport) -> str:
    return say("{metric} on validation, with 95 % CI", metric=sentence_title(report.metric))


def _find_baseline(report: SweepReport) -> Reference | None:
    baseline = report.baseline
    if baseline is None or report.metric not in baseline.metrics:
        return None
    return Reference(baseline.metrics[report.metric], say("baseline ({name})", name=name_baseline(report)))


def _draw_coordinates(report: SweepReport, scored: Sequence[Configuration]) -> Any:
    scales = {axis.name: make_scale(axis, _list_values(report, axis)) for axis in _list_axes(report)}
    scores = [configuration.score.value or 0.0 for configuration in scored]
    low, high = min(scores), max(scores)
    title = say("All trials: thick the winner, dotted what collapsed, the brighter the better")
    coordinates = [Coordinate(name, scale.ticks) for name, scale in scales.items()]
    coordinates.append(Coordinate(metric_title(report.metric), [(0.0, number(low)), (1.0, number(high))]))
    trials = [
        Trial(
            [*(scale.place(configuration.settings[name]) if name in configuration.settings else None
               for name, scale in scales.items()), (score - low) / (high - low) if high > low else 0.5],
            score, strong=_is_winner(report, configuration),
            faint=configuration.collapsed == len(configuration.seeds),
        )
        for configuration, score in zip(scored, scores, strict=True)
    ]  # fmt: skip
    return parallel_coordinates(title, coordinates, trials)


def _list_values(report: SweepReport, axis: Axis) -> list[Any]:
    return [c.settings[axis.name] for c in report.configurations if axis.name in c.settings]


def _is_winner(report: SweepReport, configuration: Configuration) -> bool:
    return report.winner is not None and configuration is report.configurations[report.winner.configuration]
