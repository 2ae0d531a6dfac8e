"""What the page of an evaluation shows of masks."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report import charts
from pupila.artifacts.report.gallery import WIDE, drawn, thumbnail
from pupila.artifacts.report.page import Picture, Section, Table
from pupila.core.messages import say
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.decode import Array
from pupila.imaging.masks.codec import resized
from pupila.imaging.masks.drawing import overlay
from pupila.stages.evaluate.cells import told
from pupila.stages.evaluate.comparisons import compared_section
from pupila.stages.evaluate.evaluator import Evaluation
from pupila.stages.evaluate.predictions import Answers
from pupila.stages.evaluate.segment.predictions import MaskAnswers
from pupila.statistics.metrics.overlap import FIGURES, PER_IMAGE

_MISSED, _FALSE, _UNLABELLED = (220, 30, 40), (30, 110, 240), (128, 128, 128)


def sections(e: Evaluation, data: Dataset, answers: Sequence[Answers]) -> list[Section]:
    """How good it is, class by class, how the images spread, the worst, the median and the best of them."""
    judged = e["models"][0]
    return [
        _metrics(judged),
        _classes(judged),
        *compared_section(e),
        _spread(judged),
        _panels(judged, data, cast(MaskAnswers, answers[0])),
    ]


def footnote() -> str:
    """How intervals were made."""
    return say(
        "Intervals: 2000 draws of whole groups. A class that neither truth nor answer has counts 1 with two classes "
        "and not at all with more; one that only one of them has counts 0. Unlabelled pixels never count."
    )


def _metrics(judged: dict[str, Any]) -> Section:
    base, header = judged["baseline"], [say("metric")]
    for kind in (say("mean of the images"), say("median"), say("worst"), say("pooled")):
        header += [kind, say("interval")]
    header += [say("mean with {name} everywhere", name=base["class"]), say("pooled with it")]
    rows = []
    for name in FIGURES:
        every = [*(judged["per_image"][name][kind] for kind in PER_IMAGE), judged["pooled"][name]]
        always = [base[place].get(name) for place in ("per_image", "pooled")]
        rows.append([name, *(cell for row in every for cell in told(row)), *map(_cell, always)])
    pixels, most = judged["pixel accuracy"], base["pixel accuracy"]
    accuracy = Table(
        [say("metric"), say("value"), say("95 % interval"), say("always {name}", name=most["class"])],
        [[say("pixel accuracy"), *told(pixels), _cell(most["value"])]],
    )
    points = {name: tuple(judged["per_image"][name]["mean"].values()) for name in FIGURES}
    count = say("{n} images in {groups} groups.", n=judged["images"], groups=judged["groups"])
    return Section(
        say("How good it is"), [count], charts=[charts.intervals(say("Mean per image, 95 % intervals"), points)],
        tables=[Table(header, rows), accuracy],
    )  # fmt: skip


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _classes(judged: dict[str, Any]) -> Section:
    header = [say("class"), say("images"), say("groups"), say("figures")]
    for name in FIGURES:
        header += [name, say("interval")]
    rows = []
    for name, row in judged["classes"].items():
        for kind, title in (("pooled", say("pooled")), ("per_image", say("mean per image"))):
            cells = [cell for figure in FIGURES for cell in told(row[kind][figure])]
            rows.append([name, str(row["images"]), str(row["groups"]), title, *cells])
    points = {
        name: tuple(row["pooled"]["IoU"].values())
        for name, row in judged["classes"].items()
        if row["pooled"]["IoU"]["value"] is not None
    }
    return Section(
        say("Class by class"), charts=[charts.intervals(say("IoU, pixels of all images pooled"), points)],
        tables=[Table(header, rows)],
    )  # fmt: skip


def _spread(judged: dict[str, Any]) -> Section:
    drawings = []
    for name, counts in judged["histograms"].items():
        edges = np.linspace(0, 1, len(counts) + 1).tolist()
        drawings.append(charts.histogram(say("{name} of each image", name=name), edges, counts, name))
    return Section(say("How the images spread"), charts=drawings)


def _panels(judged: dict[str, Any], data: Dataset, answers: MaskAnswers) -> Section:
    titles = {"worst": say("Worst"), "median": say("Median"), "best": say("Best")}
    shown = [(kind, one) for kind, part in judged["shown"].items() for one in part]
    masks = answers.masks([one["row"] for _, one in shown])
    galleries = [
        (
            say("{kind}: {image}, IoU {iou:.3f}, Dice {dice:.3f}",
                kind=titles[kind], image=one["image"], iou=one["IoU"], dice=one["Dice"]),
            _panel(data, one["row"], mask),
        )
        for (kind, one), mask in zip(shown, masks, strict=True)
    ]  # fmt: skip
    failed = judged["failures"]
    legend = say(
        "Errors: what truth has and the model missed is red, what it answered in vain blue, unlabelled grey."
    )
    if len(judged["classes"]) > 1:
        legend = say("Errors: wrong pixels are red, unlabelled ones grey.")
    count = say("Failures (IoU below {below}): {n}.", below=failed["below"], n=failed["images"])
    return Section(say("The worst, the median and the best"), [count, legend], galleries=galleries)


def _panel(data: Dataset, row: int, answer: Array) -> list[Picture]:
    """Image, truth, prediction and errors, small."""
    classes = len(data.classes)
    rgb = thumbnail(data.pixels(row, WIDE), WIDE)
    truth, answer = (resized(mask, *rgb.shape[:2]) for mask in (data.mask(row), answer))
    return [
        drawn(rgb, say("image")),
        drawn(overlay(rgb, truth, classes), say("truth")),
        drawn(overlay(rgb, answer, classes), say("prediction")),
        drawn(_errors(rgb, truth, answer, classes), say("errors")),
    ]


def _errors(rgb: Array, truth: Array, answer: Array, classes: int) -> Array:
    grey = np.repeat(rgb.mean(axis=2, keepdims=True), 3, axis=2) / 2 + 100  # pale, so that colours stand out
    wrong = truth != answer
    grey[wrong] = _MISSED
    if classes == 2:
        grey[wrong & (answer == 1)] = _FALSE
    grey[truth == IGNORE] = _UNLABELLED
    return grey.astype(np.uint8)
