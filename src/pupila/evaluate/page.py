"""The page of an evaluation."""

from typing import Any

from pupila.dataset.manifest import Dataset
from pupila.evaluate.sentences import Evaluation, sentences, verdicts
from pupila.messages import say
from pupila.report import charts
from pupila.report.gallery import picture
from pupila.report.page import Page, Section, Table


def evaluation_page(e: Evaluation, data: Dataset) -> Page:
    """The page.

    Args:
        e: what `report.json` holds.
        data: for the photos of the worst mistakes.
    """
    judged = e["models"][0]
    sections = [_metrics(judged), _classes(judged, e["classes"])]
    if e["comparisons"]:
        sections.append(_comparisons(judged["name"], e["comparisons"]))
    if "calibration" in judged:
        sections.append(_confidence(judged))
    sections.append(_mistakes(judged, data))
    return Page(
        title=say("{name} on the {split} split", name=judged["name"], split=e["split"]),
        verdict=sentences(e),
        sections=sections,
        footnote=say(
            "Model {model}, data {data}, splits {splits}. Intervals: Wilson where each image is its own group, "
            "else 2000 draws of whole groups; of a difference in accuracy Tango's, for what the groups are worth.",
            model=judged["version"][:12], data=e["data_hash"][:12], splits=e["splits_hash"][:12],
        ),
    )  # fmt: skip


def told(row: dict[str, Any], digits: int = 3) -> list[str]:
    """A value and its interval as cells."""
    if row["value"] is None:
        return ["", ""]
    interval = (
        say("too few groups")
        if row["low"] is None
        else f"{row['low']:.{digits}f} .. {row['high']:.{digits}f}"
    )
    return [f"{row['value']:.{digits}f}", interval]


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


def _comparisons(name: str, rows: list[dict[str, Any]]) -> Section:
    header = [
        say("against"),
        say("metric"),
        name,
        say("other"),
        say("change"),
        say("difference, 95 %"),
        say("verdict"),
    ]
    cells = []
    for row in rows:
        for metric, m in row["metrics"].items():
            change = "" if m["change"] is None else f"{m['change']:+.1%}"
            interval = say("too few groups") if m["low"] is None else f"{m['low']:+.3f} .. {m['high']:+.3f}"
            word = verdicts()[row["verdict"]] if metric == "accuracy" else ""
            cells.append(
                [row["name"], metric, f"{m['first']:.3f}", f"{m['other']:.3f}", change, interval, word]
            )
    return Section(say("Compared on the same images"), tables=[Table(header, cells)])


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
                truth=m["truth"], answer=m["answer"], sure=m["confidence"]))
        for m in judged["mistakes"]
    ]  # fmt: skip
    return Section(say("The worst mistakes"), galleries=[(say("The surest wrong answers first"), photos)])
