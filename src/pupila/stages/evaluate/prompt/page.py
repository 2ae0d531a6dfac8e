"""What the page of an evaluation by prompts shows."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report import charts
from pupila.artifacts.report.page import Section, Table
from pupila.core.messages import listing, say, say_count
from pupila.stages.evaluate.cells import told
from pupila.stages.evaluate.comparisons import compared_cells, compared_header
from pupila.stages.evaluate.evaluator import Evaluation
from pupila.stages.evaluate.predictions import Answers
from pupila.stages.evaluate.prompt.panels import Panels, key_of, panels
from pupila.stages.evaluate.prompt.predicted_iou import expected, sensitivity
from pupila.stages.evaluate.prompt.predictions import PromptAnswers
from pupila.stages.evaluate.prompt.sentences import way_titles
from pupila.stages.evaluate.verdicts import verdicts
from pupila.statistics.metrics.overlap import FIGURES
from pupila.tasks.prompt_strategies import BOX

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
        *sensitivity(e),
        *expected(e),
        _figures(e),
    ]


def footnote() -> str:
    """How prompts were drawn and intervals made."""
    return say(
        "Prompts are drawn from the masks by a seed, the image's hash and the class alone, and lie in prompts.jsonl: "
        "every model answers the same. Intervals: 2000 draws of whole groups; McNemar's takes each mask for itself. "
        "Unlabelled pixels never count."
    )


def _how_good(e: Evaluation, way: str) -> Section:
    title, everyone = way_titles()[way], [*e["models"], *e["baselines"]]
    means = {
        one["name"]: {name: one["ways"][way]["per_mask"][name]["mean"] for name in _BARS} for one in everyone
    }
    bars = {one: {name: 100 * row["value"] for name, row in own.items()} for one, own in means.items()}
    points = {one: tuple(own["IoU"].values()) for one, own in means.items()}
    header = [say("model")]
    for name in _BARS:
        header += [name, say("95 % interval")]
    rows = [
        [one["name"], *(cell for row in means[one["name"]].values() for cell in told(row)),
         str(one["ways"][way]["failures"]["masks"])]
        for one in everyone
    ]  # fmt: skip
    return Section(
        say("How good it is with {way}", way=title), [_asked(e, way), *_unasked(e)],
        charts=[
            charts.grouped_bars(say("Means over the masks"), bars),
            charts.intervals(say("Mean IoU, 95 % intervals"), points),
        ],
        tables=[Table([*header, say("failures")], rows), _compared(e, way)],
    )  # fmt: skip


def _compared(e: Evaluation, way: str) -> Table:
    rows = []
    for row in (row for row in e["comparisons"] if row["way"] == way):
        for name in _BARS:
            metric = f"{name} per mask"
            word = verdicts()[row["verdict"]] if metric == row["by"] else ""
            rows.append([row["name"], name, *compared_cells(row["metrics"][metric]), word])
        failed = row["failures"]
        change = f"{failed['first'] / failed['other'] - 1:+.1%}" if failed["other"] else ""
        test = say("McNemar p = {p:.3g}", p=failed["p_value"])
        rows.append(
            [row["name"], say("failures"), str(failed["first"]), str(failed["other"]), change, "", test]
        )
    return Table([say("against"), say("figure"), *compared_header(e), say("verdict")], rows)


def _asked(e: Evaluation, way: str) -> str:
    asked, times = e["asked"][way], e["enlarged"]
    if way == BOX.name:
        return say("A box around the mask, each of its sides off by up to {jitter:.0%} of the box. Filled, it is the "
                   "filled box.", jitter=asked["jitter"])  # fmt: skip
    told = say("{points} points in the mask and {negatives} beside it, drawn at random.",
               points=asked["points"], negatives=asked["negatives"])  # fmt: skip
    if times is None:
        return say(
            "{told} The filled box is the whole picture, which fits the training split best.", told=told
        )
    return say("{told} The filled box is the one around the points in the mask, {times:g} times as large: so it fits "
               "the training split best.", told=told, times=times)  # fmt: skip


def _unasked(e: Evaluation) -> list[str]:
    names = [one["name"] for one in e["models"] if not one["prompted"]]
    return [say("Without a prompt: {names}.", names=listing(names))] if names else []


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
        keys = [key for key in dict.fromkeys(key for line in log for key in line) if word in key.split("_")]
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
    galleries = [
        (f"{_kind(kind, one)}: {_said(e, one)}", drawn[key_of(way, one)])
        for kind in ("best", "median", "worst") for one in e["shown"][way][kind]
    ]  # fmt: skip
    title = (
        say("With {way}: the largest gain, the median and the largest loss", way=way_titles()[way])
        if len(e["models"]) > 1
        else say("With {way}: the best, the median and the worst", way=way_titles()[way])
    )
    legend = say("Points that belong to it are green, those that don't red; the box is yellow.")
    return Section(title, [legend], galleries=galleries)


def _kind(kind: str, one: dict[str, Any]) -> str:
    if kind == "median":
        return say("Median")
    if one["rival"] is None:
        return say("Best") if kind == "best" else say("Worst")
    if one["IoU"] >= one["rival"]:
        return say("Largest gain") if kind == "best" else say("Smallest gain")
    return say("Smallest loss") if kind == "best" else say("Largest loss")


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


def _figures(e: Evaluation) -> Section:
    header = [say("model"), say("prompt"), say("figure"), say("mean of the masks"), say("95 % interval"), say("median"),
              say("worst"), say("pooled"), say("95 % interval")]  # fmt: skip
    rows, classes = [], []
    for one in [*e["models"], *e["baselines"]]:
        for way, title in way_titles().items():
            judged = one["ways"][way]
            for name in FIGURES:
                own = judged["per_mask"][name]
                inner = [f"{own[kind]['value']:.3f}" for kind in ("median", "worst")]
                rows.append(
                    [one["name"], title, name, *told(own["mean"]), *inner, *told(judged["pooled"][name])]
                )
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
        tables.insert(0, Table(own, classes))
    return Section(say("All figures"), tables=tables)
