"""The page of a sweep: the verdict, the pictures, and the table."""

import re
from collections.abc import Sequence

from pupila.artifacts.report.page import Page, Section, Table
from pupila.artifacts.report.sweep import Configuration, SweepReport, SweepRow
from pupila.artifacts.run.log import EpochLog
from pupila.core.messages import integer, number, percent, say, signed_number
from pupila.experiments.importance import describe_importance
from pupila.experiments.pictures import draw_grid, draw_levels, draw_search
from pupila.experiments.space import value_text
from pupila.experiments.table import list_settings
from pupila.experiments.verdict import describe_sweep, name_configuration
from pupila.stages.train.page import draw_learning_curves
from pupila.statistics.estimate import Estimate, p_text
from pupila.statistics.metrics.titles import metric_title

_UNBROKEN = re.compile(r"\S{24}(?=\S)")  # letters of a value after which a line may break


def make_sweep_page(report: SweepReport, log: list[EpochLog], folder: str) -> Page:
    """The page of a sweep.

    Args:
        report: of the sweep.
        log: of the winner's run; empty where there is none.
        folder: of the sweep.
    """
    return Page(
        title=say("Sweep {name}", name=report.name),
        verdict=describe_sweep(report, folder),
        sections=[
            *_picture_sections(report), *_curve_sections(report, log), _configuration_section(report),
            *_row_sections(report),
        ],
        footnote=say(
            "Intervals are 95 % confidence intervals over groups of related images. Table hash {table} (without times "
            "and machines), data hash {data}, splits hash {splits}.", table=report.table_hash[:12],
            data=report.data_hash[:12], splits=report.splits_hash[:12],
        ),
    )  # fmt: skip


def _picture_sections(report: SweepReport) -> list[Section]:
    if report.is_curve or all(configuration.score.value is None for configuration in report.configurations):
        return []
    if report.search:
        sentences = describe_importance(report.importance) if report.importance else []
        return [Section(say("Trials"), sentences, charts=draw_search(report))]
    charts = draw_grid(report) + draw_levels(report)
    return [Section(say("Scores by setting"), charts=charts)] if charts else []


def _curve_sections(report: SweepReport, log: list[EpochLog]) -> list[Section]:
    if report.winner is None or not log:
        return []
    winner = report.configurations[report.winner.configuration]
    text = say(
        "{name}, seed {seed}.",
        name=name_configuration(report, winner),
        seed=report.rows[report.winner.row].seed,
    )
    return [Section(say("Learning curves of the winner"), [text], charts=draw_learning_curves(log))]


def summarise_configurations(report: SweepReport) -> Table:
    """The configurations, the best first: settings, score and verdict."""
    settings = list_settings(report)
    header = [
        say("Rank"), *settings, say("{metric} (95 % CI)", metric=metric_title(report.metric)), say("verdict"),
    ]  # fmt: skip
    rows = [
        [integer(rank), *(_setting_text(configuration.settings, name) for name in settings),
         _estimate_text(configuration.score), break_words(describe_state(report, configuration))]
        for rank, configuration in enumerate(report.configurations, start=1)
    ]  # fmt: skip
    return Table(header, rows)


def _tabulate_configurations(report: SweepReport) -> Table:
    """`summarise_configurations` with the comparison with the winner, the size and the speed, where they vary."""
    summary = summarise_configurations(report)
    columns: dict[str, Sequence[str]] = {}
    if any(configuration.comparison is not None for configuration in report.configurations):
        gaps, p_values = zip(*map(_comparison_cells, report.configurations), strict=True)
        columns |= {say("winner minus this (95 % CI)"): gaps, say("p, Holm-corrected"): p_values}
    if report.is_curve:
        firsts = [report.rows[configuration.rows[0]] for configuration in report.configurations]
        columns[say("share")] = ["" if row.share is None else percent(row.share) for row in firsts]
        columns[say("repeat")] = ["" if row.repeat is None else integer(row.repeat + 1) for row in firsts]
    if any(len(configuration.rows) > 1 for configuration in report.configurations):
        columns[say("seeds")] = [_count_seeds(configuration) for configuration in report.configurations]
    sizes = [configuration.parameters for configuration in report.configurations]
    if len({size for size in sizes if size is not None}) > 1:
        columns[say("parameters")] = ["" if size is None else integer(size) for size in sizes]
    times = [configuration.milliseconds for configuration in report.configurations]
    if any(time is not None for time in times):
        columns[say("ms an image")] = ["" if time is None else number(time, 2) for time in times]
    added = zip(*columns.values(), strict=True) if columns else [()] * len(summary.rows)
    rows = [[*row, *cells] for row, cells in zip(summary.rows, added, strict=True)]
    return Table([*summary.header, *columns], rows)


def _configuration_section(report: SweepReport) -> Section:
    sentences = []
    if any(configuration.comparison is not None for configuration in report.configurations):
        sentences.append(say(
            "Each configuration is compared with the winner on the same validation images. Their predictions are "
            "exchanged in groups of related images; the p-values are Holm-corrected."
        ))  # fmt: skip
    return Section(say("Configurations"), sentences, tables=[_tabulate_configurations(report)])


def _comparison_cells(configuration: Configuration) -> list[str]:
    comparison = configuration.comparison
    if comparison is None:
        return ["", ""]
    difference = comparison.difference
    gap = signed_number(difference.first - difference.other)
    if difference.low is not None and difference.high is not None:
        gap += f" {_bracket(signed_number(difference.low), signed_number(difference.high))}"
    return [_keep_together(gap), _keep_together(p_text(comparison.p_holm))]


def _estimate_text(estimate: Estimate) -> str:
    """In one line: "0.952 [0.898, 0.992]"; empty where it is undefined."""
    if estimate.low is None or estimate.high is None:
        return estimate.value_text()
    ends = _bracket(number(estimate.low), number(estimate.high))
    return _keep_together(f"{estimate.value_text()} {ends}")


def _bracket(low: str, high: str) -> str:
    return f"[{low}, {high}]"


def _keep_together(text: str) -> str:
    """The text without places at which a line may break."""
    return text.replace(" ", "\u00a0").replace("-", "\u2011")


def _count_seeds(configuration: Configuration) -> str:
    scored, planned = len(configuration.seeds), len(configuration.rows)
    return integer(planned) if scored == planned else say("{n} of {total}", n=scored, total=planned)


def describe_state(report: SweepReport, configuration: Configuration) -> str:
    """The verdict on a configuration in a few words, the problems of its cells with it."""
    words = []
    if report.winner is not None and configuration is report.configurations[report.winner.configuration]:
        words.append(say("winner"))
    elif configuration.comparison is not None and _is_candidate(configuration):
        distinct = configuration.comparison.distinguishable
        better = configuration.comparison.difference.first < configuration.comparison.difference.other
        words.append(
            (say("better") if better else say("worse"))
            if distinct
            else _keep_together(say("not distinguishable"))
        )
    if configuration.collapsed:
        count, total = configuration.collapsed, len(configuration.rows)
        words.append(
            say("collapsed") if total == 1 else say("{n} of {total} collapsed", n=count, total=total)
        )
    words += dict.fromkeys(
        _problem(report.rows[place]) for place in configuration.rows if _problem(report.rows[place])
    )
    return ", ".join(words)


def _is_candidate(configuration: Configuration) -> bool:
    """Whether it was significantly different, or is no model that collapsed: those are none of the winner's equals."""
    comparison = configuration.comparison
    collapsed = configuration.collapsed == len(configuration.seeds)
    return comparison is not None and (comparison.distinguishable or not collapsed)


def _problem(row: SweepRow) -> str:
    texts = {
        "failed": say("failed: {reason}", reason=row.reason), "running": say("not finished"),
        "impossible": say("not trained: {reason}", reason=row.reason), "waiting": say("not trained yet"),
    }  # fmt: skip
    return texts.get(row.state, "")


def _row_sections(report: SweepReport) -> list[Section]:
    """The cells one by one, where several are one configuration."""
    if all(len(configuration.rows) == 1 for configuration in report.configurations):
        return []
    settings = list_settings(report)
    header = [
        say("Cell"), *settings, say("seed"), say("{metric} (95 % CI)", metric=metric_title(report.metric)),
        say("best epoch"), say("epochs"), say("state"),
    ]  # fmt: skip
    ordered = [report.rows[place] for configuration in report.configurations for place in configuration.rows]
    rows = [
        [row.cell[:12], *(_setting_text(row.settings, name) for name in settings), str(row.seed),
         _estimate_text(row.metrics[report.metric]) if report.metric in row.metrics else "",
         "" if row.best_epoch is None else integer(row.best_epoch), "" if row.epochs is None else integer(row.epochs),
         break_words(_problem(row)) or (say("collapsed") if row.state == "collapsed" else say("completed"))]
        for row in ordered
    ]  # fmt: skip
    return [Section(say("Cells"), tables=[Table(header, rows)])]


def _setting_text(settings: dict[str, object], name: str) -> str:
    """The value for a table; empty where the setting does not apply."""
    return break_words(value_text(settings[name])) if name in settings else ""


def break_words(text: str) -> str:
    """The text with places in long words at which a line may break."""
    return _UNBROKEN.sub("\\g<0>\u200b", text)
