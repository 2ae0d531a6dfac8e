"""What the page of an evaluation by prompts shows."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from pupila.dataset.manifest import Dataset
from pupila.evaluate.answers import Answers
from pupila.evaluate.cells import told
from pupila.evaluate.prompt.answers import PromptAnswers
from pupila.evaluate.prompt.panels import Panels, key_of, panels
from pupila.evaluate.prompt.sentences import way_titles
from pupila.evaluate.story import Evaluation, Judged
from pupila.messages import say, say_count
from pupila.metrics.overlap import FIGURES, PER_IMAGE
from pupila.report import charts
from pupila.report.page import Section, Table
from pupila.tasks.prompting import BOX, POINTS

_BARS = ("IoU", "Dice", "precision", "recall")
_SIDE_BY_SIDE = 2  # models in the pictures


def sections(e: Evaluation, data: Dataset, answers: Sequence[Answers]) -> list[Section]:
    """How good it is with points and with a box; how the masks spread, the curves, pictures, failures, sensitivity."""
    models = cast(Sequence[PromptAnswers], answers)[:_SIDE_BY_SIDE]
    drawn = panels(e, data, models[::-1])  # what it was before comes first
    return [
        *(_how_good(e, way) for way in e["asked"]),
        _spread(e),
        *_curves(e["log"]),
        *(_shown(e, way, drawn) for way in e["asked"]),
        *(_failed(e, way, drawn) for way in e["asked"]),
        *_sensitivity(e),
        *_expected(e),
        _figures(e),
    ]


def footnote() -> str:
    """How prompts were drawn and intervals made."""
    return say(
        "Prompts are drawn from the masks by a seed, the image's hash and the class alone, and lie in prompts.jsonl: "
        "every model answers the same. Intervals: 2000 draws of whole groups; McNemar's takes each mask for itself. "
        "Unlabelled pixels never count."
    )


def _everyone(e: Evaluation) -> list[Judged]:
    return [*e["models"], *e["baselines"]]


def _how_good(e: Evaluation, way: str) -> Section:
    title = way_titles()[way]
    table = {
        one["name"]: {name: 100 * one["ways"][way]["per_mask"][name]["mean"]["value"] for name in _BARS}
        for one in _everyone(e)
    }
    points = {
        one["name"]: tuple(one["ways"][way]["per_mask"]["IoU"]["mean"].values()) for one in _everyone(e)
    }
    header = [say("model")]
    for name in _BARS:
        header += [name, say("95 % interval")]
    header.append(say("failures"))
    rows = [
        [one["name"], *(cell for name in _BARS for cell in told(one["ways"][way]["per_mask"][name]["mean"])),
         str(one["ways"][way]["failures"]["masks"])]
        for one in _everyone(e)
    ]  # fmt: skip
    return Section(
        say("How good it is with {way}", way=title), [_asked(e, way)],
        charts=[
            charts.grouped_bars(say("Means over the masks, with {way}", way=title), table),
            charts.intervals(say("Mean IoU, 95 % intervals"), points),
        ],
        tables=[Table(header, rows)],
    )  # fmt: skip


def _asked(e: Evaluation, way: str) -> str:
    asked = e["asked"][way]
    if way == BOX.name:
        return say("A box around the mask, each of its sides off by up to {jitter:.0%} of the box.", **asked)
    told = say("{points} points in the mask and {negatives} beside it, all drawn at random.", **asked)
    times = e["enlarged"]
    box = say("The filled box is that around the points of the mask, {times:g} times as large", times=times) if times \
        else say("The filled box is the whole picture")  # fmt: skip
    return say("{told} {box}, which fits the training split best.", told=told, box=box)


def _spread(e: Evaluation) -> Section:
    drawings = []
    for way, title in way_titles().items():
        for name in _BARS:
            counts = {one["name"]: one["ways"][way]["histograms"][name] for one in e["models"]}
            edges = np.linspace(0, 1, len(next(iter(counts.values()))) + 1).tolist()
            drawings.append(
                charts.histograms(
                    say("{name} of each mask, with {way}", name=name, way=title), edges, counts, name
                )
            )
    return Section(say("How the masks spread"), charts=drawings)


def _curves(log: list[dict[str, Any]]) -> list[Section]:
    parts = list(dict.fromkeys(str(line.get("part", "")) for line in log))
    drawings = []
    for title, word in ((say("Loss"), "loss"), (say("IoU on validation"), "iou")):
        keys = [key for key in dict.fromkeys(key for line in log for key in line) if word in key]
        series = {
            f"{part} {key}" if len(parts) > 1 else key: [
                (line["epoch"], line[key]) for line in log if str(line.get("part", "")) == part and key in line
            ]
            for part in parts for key in keys
        }  # fmt: skip
        series = {name: points for name, points in series.items() if points}
        if series:
            drawings.append(charts.lines(title, series, (say("epoch"), title)))
    return [Section(say("How it was trained"), charts=drawings)] if drawings else []


def _shown(e: Evaluation, way: str, drawn: Panels) -> Section:
    rival = len(e["models"]) > 1
    kinds = {
        "best": say("Largest gain") if rival else say("Best"), "median": say("Median"),
        "worst": say("Largest loss") if rival else say("Worst"),
    }  # fmt: skip
    galleries = [
        (f"{title}: {_said(e, one)}", drawn[key_of(way, one)])
        for kind, title in kinds.items() for one in e["shown"][way][kind]
    ]  # fmt: skip
    title = (
        say("With {way}: the largest gain, the median and the largest loss", way=way_titles()[way]) if rival
        else say("With {way}: the best, the median and the worst", way=way_titles()[way])
    )  # fmt: skip
    legend = say("Points that belong to it are green, those that don't red; the box is yellow.")
    return Section(title, [legend], galleries=galleries)


def _failed(e: Evaluation, way: str, drawn: Panels) -> Section:
    shown = e["shown"][way]["failures"]
    counts = [
        say_count(
            "{name}: {n} failure.", "{name}: {n} failures.", one["ways"][way]["failures"]["masks"], name=one["name"]
        )
        for one in e["models"]
    ]  # fmt: skip
    return Section(
        say("With {way}: failures", way=way_titles()[way]),
        [say("A mask whose IoU is below {below} counts as failed.",
             below=e["models"][0]["ways"][way]["failures"]["below"]), *counts],
        galleries=[(_said(e, one), drawn[key_of(way, one)]) for one in shown],
    )  # fmt: skip


def _said(e: Evaluation, one: dict[str, Any]) -> str:
    subject = f"{one['image']}, {one['class']}" if len(e["classes"]) > 2 else one["image"]
    names = [model["name"] for model in e["models"][:_SIDE_BY_SIDE]]
    if one["rival"] is None:
        return say("{subject}, IoU {iou:.3f}", subject=subject, iou=one["IoU"])
    return say(
        "{subject}, IoU {iou:.3f} of {name}, {rival:.3f} of {other} ({change:+.3f})", subject=subject, iou=one["IoU"],
        name=names[0], rival=one["rival"], other=names[1], change=one["IoU"] - one["rival"],
    )  # fmt: skip


def _sensitivity(e: Evaluation) -> list[Section]:
    models = [one for one in e["models"] if one["sensitivity"]]
    if not models:
        return []
    titles = {
        "points": (say("IoU over the number of points"), say("points")),
        "jitter": (say("IoU over how far the box is off"), say("share of its sides")),
    }
    drawings = [
        charts.lines(
            title, {one["name"]: [(row["at"], row["value"]) for row in one["sensitivity"][kind]] for one in models},
            (label, "IoU"),
        )
        for kind, (title, label) in titles.items()
    ]  # fmt: skip
    border = {"anywhere": say("anywhere in the mask"), "at the border": say("at its border")}
    header, rows = [say("model"), say("prompt"), "IoU", say("95 % interval")], []
    for one in models:
        own = one["sensitivity"]
        said = [(say_count("{n} point", "{n} points", row["at"]), row) for row in own["points"]]
        said += [(say("box off by {at:.0%}", at=row["at"]), row) for row in own["jitter"]]
        said += [
            (say("{points} points and {negatives} beside, {where}",
                 points=POINTS.points, negatives=POINTS.negatives, where=where), own["border"][key])
            for key, where in border.items()
        ]  # fmt: skip
        rows += [[one["name"], title, *told(row)] for title, row in said]
    note = say("The more points are the fewer ones and others. A single point is ambiguous: the best of three masks, "
               "as the model expects, is its answer.")  # fmt: skip
    return [
        Section(
            say("How far it depends on the prompt"), [note], charts=drawings, tables=[Table(header, rows)]
        )
    ]


def _expected(e: Evaluation) -> list[Section]:
    drawings, rows = [], []
    for one in (one for one in e["models"] if one["prompted"]):
        for way, title in way_titles().items():
            found = one["ways"][way]["expected"]
            rows.append([one["name"], title, *told(found["error"])])
            if one is e["models"][0]:
                points = [(band["expected"], band["IoU"], band["masks"]) for band in found["bands"]]
                drawings.append(
                    charts.scatter(
                        say("With {way}", way=title), points, (say("expected IoU"), say("true IoU"))
                    )
                )
    header = [say("model"), say("prompt"), say("mean absolute error"), say("95 % interval")]
    return (
        [Section(say("What it expects of itself"), charts=drawings, tables=[Table(header, rows)])]
        if rows
        else []
    )


def _figures(e: Evaluation) -> Section:
    header = [say("model"), say("prompt"), say("figure")]
    for kind in (say("mean of the masks"), say("median"), say("worst"), say("pooled")):
        header += [kind, say("95 % interval")]
    rows, classes = [], []
    for one in _everyone(e):
        for way, title in way_titles().items():
            judged = one["ways"][way]
            for name in FIGURES:
                every = [*(judged["per_mask"][name][kind] for kind in PER_IMAGE), judged["pooled"][name]]
                rows.append([one["name"], title, name, *(cell for row in every for cell in told(row))])
            classes += [
                [one["name"], title, name, str(row["masks"]), str(row["groups"]), *told(row["IoU"])]
                for name, row in judged["classes"].items()
            ]  # fmt: skip
    tables = [Table(header, rows)]
    if len(e["classes"]) > 2:
        own = [
            say("model"),
            say("prompt"),
            say("class"),
            say("masks"),
            say("groups"),
            "IoU",
            say("95 % interval"),
        ]
        tables.append(Table(own, classes))
    return Section(say("All figures"), tables=tables)
