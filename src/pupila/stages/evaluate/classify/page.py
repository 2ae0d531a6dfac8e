"""What the page of an evaluation shows of a classifier."""

from collections.abc import Sequence
from typing import Any

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report import charts
from pupila.artifacts.report.gallery import picture
from pupila.artifacts.report.page import Section, Table
from pupila.core.messages import say
from pupila.stages.evaluate.cells import told
from pupila.stages.evaluate.comparisons import compared_section
from pupila.stages.evaluate.evaluator import Evaluation
from pupila.stages.evaluate.predictions import Answers


def sections(e: Evaluation, data: Dataset, answers: Sequence[Answers]) -> list[Section]:
    """How good it is, class by class, how far its confidence can be trusted, its worst mistakes."""
    judged = e["models"][0]
    sure = [_confidence(judged)] if "calibration" in judged else []
    return [
        _metrics(judged),
        _classes(judged, e["classes"]),
        *compared_section(e),
        *sure,
        _mistakes(judged, data),
    ]


def footnote() -> str:
    """How intervals were made."""
    return say(
        "Intervals: Wilson where each image is its own group, else 2000 draws of whole groups; of a difference in "
        "accuracy Tango's, for what the groups are worth."
    )


def _metrics(judged: dict[str, Any]) -> Section:
    shown = dict(judged["metrics"])
    shown |= {say("ROC-AUC of {name}", name=name): row for name, row in judged.get("auc", {}).items()}
    rows = [
        [name, *told(row), f"{judged['baseline'][name]:.3f}" if name in judged["baseline"] else ""]
        for name, row in shown.items()
    ]
    points = {
        name: (row["value"], row["low"], row["high"])
        for name, row in shown.items()
        if row["value"] is not None
    }
    header = [
        say("metric"),
        say("value"),
        say("95 % interval"),
        say("always {name}", name=judged["baseline"]["class"]),
    ]
    count = say("{n} images in {groups} groups.", n=judged["n"], groups=judged["groups"])
    return Section(
        say("How good it is"),
        [count],
        charts=[charts.intervals(say("With 95 % intervals"), points)],
        tables=[Table(header, rows)],
    )


def _classes(judged: dict[str, Any], names: list[str]) -> Section:
    header = [say("class"), say("images"), say("groups")]
    for metric in (say("precision"), say("recall"), "F1"):
        header += [metric, say("interval")]
    rows = [
        [
            name,
            str(row["images"]),
            str(row["groups"]),
            *told(row["precision"]),
            *told(row["recall"]),
            *told(row["F1"]),
        ]
        for name, row in judged["classes"].items()
    ]
    drawn = [charts.matrix(say("Confusion"), judged["confusion"], names)] if len(names) <= 20 else []
    return Section(say("Class by class"), charts=drawn, tables=[Table(header, rows)])


def _confidence(judged: dict[str, Any]) -> Section:
    bins = judged["calibration"]["bins"]
    rows = [
        [title, *told(judged["calibration"][name])]
        for name, title in (
            ("before", say("calibration error before temperature scaling")),
            ("after", say("calibration error as answered")),
        )
        if name in judged["calibration"]
    ]
    sure = [(confidence, share) for confidence, share, _ in bins]
    return Section(
        say("How far its confidence can be trusted"),
        charts=[
            charts.lines(
                say("Confidence against right answers"), {say("model"): sure, say("perfect"): [(0.0, 0.0), (1.0, 1.0)]},
                (say("confidence"), say("share right")),
            ),
            charts.lines(
                say("If only the surest are answered"), {say("wrong"): [(c, r) for c, r in judged["abstention"]]},
                (say("share answered"), say("share wrong")),
            ),
        ],
        tables=[Table([say("metric"), say("value"), say("95 % interval")], rows)],
    )  # fmt: skip


def _mistakes(judged: dict[str, Any], data: Dataset) -> Section:
    if not judged["mistakes"]:
        return Section(say("The worst mistakes"), [say("None that could be shown.")])
    photos = [
        picture(data.path(m["row"]), say("{truth}, answered {answer} ({sure:.0%})",
                truth=m["truth"], answer=m["answer"], sure=m["confidence"]), data.bands)
        for m in judged["mistakes"]
    ]  # fmt: skip
    return Section(say("The worst mistakes"), galleries=[(say("The surest wrong answers first"), photos)])
