"""The page of monitoring."""

from pathlib import Path
from typing import Any

from pupila.artifacts.predictions.log import IMAGES_FOLDER
from pupila.artifacts.report import charts
from pupila.artifacts.report.drift import DriftReport, StreamChange, UnlikeImage
from pupila.artifacts.report.gallery import load_image
from pupila.artifacts.report.page import Page, PageImage, Section, Table
from pupila.core.messages import integer, mark, number, percent, say, say_count, translate
from pupila.stages.monitor.sentences import (
    describe_accuracy,
    describe_evidence,
    has_no_shares,
    show_time,
    verdict,
    warn_of_estimates,
)
from pupila.stages.monitor.tasks import MONITORED

_CHARTS = 6  # streams that are drawn
_ROWS = 40  # classes in a table
_MUCH = 1_000_000_000  # evidence


def drift_page(report: DriftReport, home: Path) -> Page:
    """The report as a page.

    Args:
        report: of a log.
        home: folder of the log, beside which stored images lie.
    """
    sections = [
        Section(say("Evidence over time"), _explain_evidence(report), [_draw_evidence(report)]),
        Section(
            say("What is monitored"),
            _explain_streams(report),
            charts=_draw_streams(report),
            tables=[_tabulate_streams(report)],
        ),
        _class_section(report),
        Section(say("Accuracy without labels"), describe_accuracy(report)),
    ]
    if report.unlike:
        sections.insert(2, _image_section(report.unlike, home))
    return Page(
        title=say("Monitoring of {model}", model=report.bundle), verdict=verdict(report), sections=sections,
        is_alarm=report.alarm is not None,
        footnote=say_count("Bundle {version}; {n} group in its reference.",
                           "Bundle {version}; {n} groups in its reference.",
                           report.reference_groups, version=report.version[:12]),
    )  # fmt: skip


def _explain_evidence(report: DriftReport) -> list[str]:
    texts = [
        say("An alarm is raised where the evidence (a Shiryaev-Roberts statistic over all streams) reaches the "
            "threshold. It counts groups of related images, not images.")
    ]  # fmt: skip
    return texts if report.alarm else [*texts, describe_evidence(report)]


def _explain_streams(report: DriftReport) -> list[str]:
    """What the evidence of a stream is, beside that of the alarm."""
    return [
        say("The table has the largest evidence of each stream by itself. The evidence of the alarm is their weighted "
            "mean: confidence, brightness, sharpness, content and classes weigh the same. A stream has changed where "
            "its own evidence reached {limit} (the threshold times the number of streams), and in any case that with "
            "the most at the alarm.", limit=integer(report.false_alarm_every * len(report.streams)))
    ] if report.streams else []  # fmt: skip


def _draw_evidence(report: DriftReport) -> Any:
    alarm = report.alarm
    marks = {} if alarm is None else {say("change"): alarm.since_group, say("alarm"): alarm.group}
    return charts.threshold_curve(
        say("Evidence of a change"), [(point.group, point.evidence) for point in report.history],
        float(report.false_alarm_every), marks, (say("Group"), say("Evidence")),
    )  # fmt: skip


def _draw_streams(report: DriftReport) -> list[Any]:
    """The changed streams; without an alarm those that are no projections of the embedding."""
    chosen = [stream for stream in drop_mirrored(report.streams) if _is_drawn(stream, report)]
    after = say("log") if report.alarm is None else say("since the change")
    return [
        charts.histograms(
            stream.title, stream.edges,
            {name: [100 * share for share in shares]
             for name, shares in ((_baseline(stream), stream.reference_shares), (after, stream.stream_shares))
             if any(shares)},
            say("Value"), say("Share of the groups (%)"),
        )
        for stream in chosen[:_CHARTS]
    ]  # fmt: skip


def drop_mirrored(streams: list[StreamChange]) -> list[StreamChange]:
    """Without the second of two classes whose output is what the first one leaves of 1."""
    outputs = [stream for stream in streams if stream.name.startswith("outputs")]
    means = [stream.stream for stream in outputs if stream.stream is not None]
    if len(outputs) != 2 or len(means) != 2 or abs(sum(means) - 1) > 1e-3:
        return streams
    return [stream for stream in streams if stream is not outputs[1]]


def _baseline(stream: StreamChange) -> str:
    return say("reference") if stream.baseline == "reference" else say("before the change")


def _is_drawn(stream: StreamChange, report: DriftReport) -> bool:
    return stream.changed if report.alarm else " " not in stream.name


def _tabulate_streams(report: DriftReport) -> Table:
    header = [say("Stream"), say("reference"), say("log") if report.alarm is None else say("since the change"),
              say("shift (sd)"), say("95 % CI"), say("largest evidence")]  # fmt: skip
    rows = []
    for stream in report.streams[:_ROWS]:
        is_known = stream.baseline == "reference"
        title = (
            stream.title
            if is_known
            else say("{title} (against the beginning of the log)", title=stream.title)
        )
        rows.append([title, _figure(stream.reference), _figure(stream.stream), *map(_join, stream.shift.cells(2)),
                     _evidence(stream.evidence)])  # fmt: skip
    return Table(header, rows)


def _join(cell: str) -> str:
    """The cell in one line, also on a narrow screen."""
    return cell.replace(" ", "\u00a0")


def _figure(value: float | None) -> str:
    return "" if value is None else number(value)


def _evidence(value: float) -> str:
    return say("over {limit}", limit=integer(_MUCH)) if value > _MUCH else integer(round(value))


def _class_section(report: DriftReport) -> Section:
    task = MONITORED[report.task]
    is_estimated = any(row.estimated.value is not None for row in report.classes)
    is_known = not has_no_shares(report)
    header = [say("Class"), *([say("reference")] if is_known else []), say("predicted")]
    header += [say("estimated"), say("95 % CI")] if is_estimated else []
    rows = []
    for row in report.classes[:_ROWS]:
        cells = (
            [_join(row.estimated.percent_text()), _join(row.estimated.percent_interval_text())]
            if is_estimated
            else []
        )
        shares = [row.reference, row.predicted] if is_known else [row.predicted]
        rows.append([row.name, *map(_share, shares), *cells])
    note = (
        task.shares_note
        if is_known
        else mark("The reference has no shares, so that these are not corrected.")
    )
    texts = [*warn_of_estimates(report), translate(note)]
    return Section(translate(task.shares_title), texts, tables=[Table(header, rows)])


def _share(value: float | None) -> str:
    return "" if value is None else _join(percent(value))


def _image_section(unlike: list[UnlikeImage], home: Path) -> Section:
    """Stored images as pictures, the others as rows."""
    pictures = [(image, file) for image in unlike if (file := _find_file(image, home)) is not None]
    drawn = {image.image for image, _ in pictures}
    rest = [image for image in unlike if image.image not in drawn]
    galleries = [(say("Stored images"), [_show(image, file) for image, file in pictures])] if pictures else []
    rows = [
        [image.image[:12], _join(show_time(image.time)), image.request_id, ", ".join(image.predicted),
         _join(percent(image.confidence))]
        for image in rest
    ]  # fmt: skip
    header = [say("SHA-256"), say("Time"), say("Request"), say("Prediction"), say("Confidence")]
    texts = [say("The groups that a classifier tells most easily from the reference, the least alike first.")]
    if rest:
        texts.append(say("Images that the service did not store have a row in the table."))
    return Section(
        say("Most unlike images"), texts, galleries=galleries, tables=[Table(header, rows)] if rows else []
    )


def _find_file(image: UnlikeImage, home: Path) -> Path | None:
    """The stored file: a regular one in the log's folder of images, which no link leaves."""
    try:
        file = (home / image.file).resolve(strict=True)
        is_inside = file.is_relative_to(home.resolve() / IMAGES_FOLDER)
        return file if is_inside and file.is_file() else None
    except (OSError, ValueError):  # it is gone, or this is no path
        return None


def _show(image: UnlikeImage, file: Path) -> PageImage:
    caption = say("{predicted} ({confidence}), {time}", predicted=", ".join(image.predicted) or say("nothing"),
                  confidence=percent(image.confidence), time=show_time(image.time))  # fmt: skip
    return load_image(str(file), caption)
