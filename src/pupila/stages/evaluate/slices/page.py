"""Slices on the page and in the verdict: a chart and a table of every column, and the weakest slice in words."""

from pupila.artifacts.report import charts
from pupila.artifacts.report.evaluation.slices import Slice, SliceReport
from pupila.artifacts.report.figure import shorten
from pupila.artifacts.report.page import Section, Table
from pupila.core.messages import integer, listing, number, percent, say, say_count, say_images, signed_number
from pupila.stages.evaluate.slices.columns import SIZE
from pupila.stages.evaluate.verdicts import verdict_words
from pupila.statistics.estimate import p_text
from pupila.statistics.intervals import MIN_GROUPS
from pupila.statistics.metrics.titles import metric_title, sentence_title
from pupila.statistics.tests import WORSE

SHOWN = 30  # slices of a chart and a table, the weakest first
_NAMED = 5  # in a sentence


def sections(reports: list[SliceReport]) -> list[Section]:
    """One section for each column and metric."""
    return [_section(report) for report in reports]


def sentences(reports: list[SliceReport]) -> list[str]:
    """The weakest slice of every column and metric, whether it is significantly worse, and what was not tested."""
    return [" ".join(_describe(report)) for report in reports]


def slice_title(row: Slice, by: str) -> str:
    """What the images of a slice have in common: "north", "up to 0.12", "0.12 to 0.40", "no value"."""
    if row.value is not None:
        return row.value
    low, high = (None if end is None else _number(end, by) for end in (row.low, row.high))
    if low is None and high is None:
        return say("no value")
    if low is None:
        return say("up to {high}", high=high)
    return say("above {low}", low=low) if high is None else say("{low} to {high}", low=low, high=high)


def _number(value: float, by: str) -> str:
    """Three significant digits, none after a whole number; the size of an object as a percentage."""
    if by == SIZE:
        return percent(value, 2 if value < 0.01 else 1)
    if abs(value) >= 100 or value == round(value):
        return integer(round(value))
    return number(value, 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3)


def _title(report: SliceReport) -> str:
    """The column, as it is called in sentences and headings."""
    if report.by == SIZE:
        return say("size of the object (share of the labelled pixels)")
    return say("{by} (thirds)", by=report.by) if report.thirds else report.by


def _count(row: Slice, report: SliceReport) -> str:
    images = (
        say_count("{n} mask", "{n} masks", row.n) if report.unit == "masks"
        else say_images(row.n)
    )  # fmt: skip
    return say_count("{images} in {n} group", "{images} in {n} groups", row.groups, images=images)


def _describe(report: SliceReport) -> list[str]:
    if len(report.slices) < 2:
        name = slice_title(report.slices[0], report.by)
        return [
            say(
                "By {by}: all images are '{name}', so there is nothing to compare.",
                by=_title(report),
                name=name,
            )
        ]
    tested = [row for row in report.slices if row.p_holm is not None]
    untested = [f"'{slice_title(row, report.by)}'" for row in report.slices if row.p_holm is None]
    weakest, lowest = _ascending(tested or report.slices)[0], _ascending(report.slices)[0]
    is_lower = lowest.estimate.value != weakest.estimate.value  # and not tested
    by = say("{by} (slices with a test)", by=_title(report)) if is_lower else _title(report)
    texts = [_weakest(weakest, report, by)]
    others = [row for row in _ascending(tested)[1:] if row.verdict == WORSE]
    if others:
        names = listing([f"'{slice_title(row, report.by)}'" for row in others], _NAMED)
        texts.append(say("Also significantly lower: {names}.", names=names))
    if untested and not tested:
        texts.append(say(
            "Too few groups for a test in every slice: one needs {n} in it and {n} outside.", n=MIN_GROUPS,
        ))  # fmt: skip
    elif untested:
        names = listing(untested, _NAMED)
        texts.append(say("Too few groups for a test (fewer than {n}): {names}.", n=MIN_GROUPS, names=names))
    if is_lower:
        texts.append(say(
            "Lower, but in too few groups: '{name}' with {value} ({count}).", name=slice_title(lowest, report.by),
            value=lowest.estimate.value_text(), count=_count(lowest, report),
        ))  # fmt: skip
    return texts


def _weakest(row: Slice, report: SliceReport, by: str) -> str:
    difference = row.difference
    assert difference is not None  # there are other slices
    values = {
        "by": by, "name": slice_title(row, report.by), "metric": metric_title(report.metric),
        "value": row.estimate.value_text(), "other": number(difference.other), "count": _count(row, report)
        if row.estimate.low is None
        else say("95 % CI {interval}; {count}", interval=row.estimate.interval_text(), count=_count(row, report)),
    }  # fmt: skip
    if row.p_holm is None:
        return say(
            "By {by}, {metric} is lowest for '{name}': {value} ({count}) against {other} elsewhere.", **values
        )
    values["test"] = say_count(
        "sign-flip test over groups, {p}", "sign-flip test over groups, Holm-corrected for {n} tests, {p}",
        report.tests, p=p_text(row.p_holm),
    )  # fmt: skip
    if row.verdict == WORSE:
        return say(
            "By {by}, {metric} is lowest for '{name}': {value} ({count}), significantly lower than {other} elsewhere "
            "({test}).", **values,
        )  # fmt: skip
    return say(
        "By {by}, {metric} is lowest for '{name}': {value} ({count}), not significantly lower than {other} elsewhere "
        "({test}).", **values,
    )  # fmt: skip


def _ascending(rows: list[Slice]) -> list[Slice]:
    return sorted(rows, key=lambda row: row.estimate.value or 0.0)


def _section(report: SliceReport) -> Section:
    rows = report.slices if report.thirds else _ascending(report.slices)
    texts = []
    if report.thirds:
        texts.append(
            say("The numbers of the evaluated images are cut into thirds; equal numbers stay together.")
        )
    texts.append(say(
        "Each slice is compared with all other images, with groups as units. An interval needs {n} groups, a test {n} "
        "in the slice and {n} outside.", n=MIN_GROUPS,
    ))  # fmt: skip
    if len(rows) > SHOWN:
        texts.append(say_count(
            "The {shown} lowest are shown; {n} more is in report.json.",
            "The {shown} lowest are shown; {n} more are in report.json.", len(rows) - SHOWN, shown=SHOWN,
        ))  # fmt: skip
    points = {_label(row, report): row.estimate for row in rows[:SHOWN]}
    title = say("{metric} by {by}", metric=sentence_title(report.metric), by=_title(report))
    header = [
        report.by, say("masks") if report.unit == "masks" else say("images"), say("groups"),
        metric_title(report.metric), say("95 % CI"), say("elsewhere"), say("difference"), say("difference (95 % CI)"),
        say("p (Holm-corrected)"), say("verdict"),
    ]  # fmt: skip
    return Section(
        title, texts, charts=[charts.intervals(say("{title} (95 % CI)", title=title), points)],
        tables=[Table(header, [_cells(row, report) for row in rows[:SHOWN]])],
    )  # fmt: skip


def _label(row: Slice, report: SliceReport) -> str:
    return say("{name} (n = {n})", name=shorten(slice_title(row, report.by), 20), n=row.n)


def _cells(row: Slice, report: SliceReport) -> list[str]:
    difference = row.difference
    paired = ["", "", ""] if difference is None else [
        number(difference.other), signed_number(difference.first - difference.other), difference.interval_text(),
    ]  # fmt: skip
    return [
        slice_title(row, report.by), integer(row.n), integer(row.groups), *row.estimate.cells(), *paired,
        p_text(row.p_holm) if row.p_holm is not None else "" if difference is None else say("too few groups"),
        verdict_words()[row.verdict] if row.verdict else "",
    ]  # fmt: skip
