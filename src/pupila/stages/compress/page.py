"""The page of a compression."""

from pupila.artifacts.report import charts
from pupila.artifacts.report.compression import CompressedModel, CompressReport, Latency
from pupila.artifacts.report.page import Page, Section, Table
from pupila.core.messages import mark, number, say, say_count, signed_number, translate
from pupila.stages.compress.choose import single
from pupila.stages.compress.sentences import describe_front, interval_in_points, sentences
from pupila.statistics.metrics.titles import metric_title

_OUTCOMES = {
    "chosen": mark("chosen"),
    "possible": mark("possible"),
    "worse": mark("refused: worse"),
    "not faster": mark("refused: not faster"),
    "failed": mark("could not be made"),
}


def compression_page(report: CompressReport) -> Page:
    """The report as a page."""
    measured = [model for model in report.models if model.latencies]
    title = say("Times as fast as the parent, one image on one core")
    speed_ups = {model.title: single(model.latencies).speed_up.value or 0.0 for model in measured}
    chart = [charts.bars(title, speed_ups, "{:.1f}")] if speed_ups else []
    return Page(
        title=say("Compression of {model}", model=report.parent),
        verdict=[*sentences(report), *describe_front(report)],
        sections=[
            Section(say("Models"), charts=chart, tables=[_models(report)]),
            Section(say("Times and sizes"), [say(
                "Times in milliseconds for a batch: the median, and the 95th percentile. Memory is what a process that "
                "predicts one image takes at most, beside the runtime."
            )],
                    tables=[_times(report, measured)]),
        ],
        footnote=" ".join(_footnotes(report)),
    )  # fmt: skip


def _footnotes(report: CompressReport) -> list[str]:
    features = ", ".join(report.cpu_features) or say("unknown instructions")
    texts = [
        say("Parent {parent}; processor with {features}.", parent=report.version[:12], features=features)
    ]
    if report.calibration_images:
        texts.append(say_count("{n} calibration image, a training image.",
                               "{n} calibration images, all of them training images.",
                               report.calibration_images))  # fmt: skip
    return texts


def _models(report: CompressReport) -> Table:
    metric = metric_title(report.metric) if report.metric else ""  # nothing could be compared
    header = [say("model"), say("outcome"), say("MB"), say("times as fast"), metric, say("points"), say("95 % CI"),
              say("verdict"), say("largest change of a logit")]  # fmt: skip
    rows = [
        [say("parent"), "", number(report.bytes / 1e6, 1), number(1, 2), _parent_metric(report), *[""] * 4]
    ]
    for model in report.models:
        given = model.difference
        figures = [""] * 3 if given is None else [
            number(given.first), signed_number(100 * (given.first - given.other), 1), interval_in_points(model)
        ]  # fmt: skip
        change = "" if model.largest_difference is None else number(model.largest_difference)
        size = number(model.bytes / 1e6, 1) if model.bytes else ""
        faster = single(model.latencies).speed_up.text(2) if model.latencies else ""
        rows.append(
            [
                model.title,
                translate(_OUTCOMES[model.outcome]),
                size,
                faster,
                *figures,
                model.verdict or "",
                change,
            ]
        )
    return Table(header, rows)


def _parent_metric(report: CompressReport) -> str:
    values = [model.difference.other for model in report.models if model.difference is not None]
    return number(values[0]) if values else ""


def _times(report: CompressReport, measured: list[CompressedModel]) -> Table:
    header = [say("model")]
    header += [_describe_setting(each) for each in report.latencies]
    header += [say("million weights"), say("memory, MB")]
    rows = [[say("parent"), *map(_time, report.latencies), *_sizes(report)]]
    rows += [[model.title, *map(_time, model.latencies), *_sizes(model)] for model in measured]
    return Table(header, rows)


def _sizes(given: CompressReport | CompressedModel) -> list[str]:
    memory = number(given.memory / 1e6, 0) if given.memory else say("unknown")
    return [number(given.parameters / 1e6, 2), memory]


def _describe_setting(given: Latency) -> str:
    return say_count(
        "{n} core, batch of {batch}", "{n} cores, batch of {batch}", given.threads, batch=given.batch
    )


def _time(given: Latency) -> str:
    ends = f"{number(1e3 * given.p50, 1)} / {number(1e3 * given.p95, 1)}"
    return f"{ends} ({given.speed_up.value_text(1)}x)"
