"""The report page of a segmentation model."""

from collections.abc import Sequence
from typing import cast

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report import charts
from pupila.artifacts.report.evaluation.segment import SegmentModel, SegmentReport
from pupila.artifacts.report.gallery import WIDE, embed_wide, make_thumbnail
from pupila.artifacts.report.page import PageImage, Section, Table
from pupila.core.messages import integer, number, say, say_count
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.decode import Array
from pupila.imaging.masks.codec import resize_mask
from pupila.imaging.masks.drawing import overlay
from pupila.stages.evaluate.comparisons import comparison_section
from pupila.stages.evaluate.predictions import Predictions
from pupila.stages.evaluate.segment.predictions import MaskPredictions
from pupila.statistics.intervals import RESAMPLES
from pupila.statistics.metrics.overlap import FIGURES
from pupila.statistics.metrics.titles import metric_title

_MISSED, _FALSE, _UNLABELLED = (220, 30, 40), (30, 110, 240), (128, 128, 128)


def sections(e: SegmentReport, data: Dataset, predictions: Sequence[Predictions]) -> list[Section]:
    """Metrics, metrics by class, comparisons, distributions over images, and the worst, median and best images."""
    model = e.models[0]
    return [
        _metrics(model),
        _classes(model),
        *comparison_section(e),
        _distributions(model),
        _panels(model, data, cast(MaskPredictions, predictions[0])),
    ]


def footnote() -> str:
    """How confidence intervals are computed, and what is counted."""
    return say(
        "Confidence intervals: cluster bootstrap, {resamples} resamples. A class that is absent from both ground truth "
        "and prediction scores 1 with two classes and is skipped with more; a class that only one of them has scores "
        "0. Of several classes, one that no ground truth has counts in no mean. Unlabelled pixels are ignored.",
        resamples=integer(RESAMPLES),
    )


def _metrics(model: SegmentModel) -> Section:
    baseline, header = model.baseline, [say("metric")]
    several = sum(row.images > 0 for row in model.classes.values())
    pooled = say("pooled, mean over {n} classes", n=several) if len(model.classes) > 1 else say("pooled")
    for kind in (say("mean per image"), say("median"), say("worst"), pooled):
        header += [kind, say("95 % CI")]
    header += [
        say("baseline, mean per image ({class_name} everywhere)", class_name=baseline.name),
        say("baseline, pooled"),
    ]
    rows = []
    for name, row in model.per_image.items():
        estimates = [row.mean, row.median, row.worst, model.pooled[name]]
        always = [baseline.metrics.get(f"{aggregation}_{name}") for aggregation in ("mean", "pooled")]
        cells = [cell for estimate in estimates for cell in estimate.cells()]
        rows.append([metric_title(name), *cells, *map(_cell, always)])
    accuracy = Table(
        [
            say("metric"),
            say("value"),
            say("95 % CI"),
            say("majority-class baseline ({class_name})", class_name=model.majority.name),
        ],
        [
            [
                metric_title("pixel_accuracy"),
                *model.pixel_accuracy.cells(),
                *map(number, model.majority.metrics.values()),
            ]
        ],
    )
    points = {metric_title(name): row.mean for name, row in model.per_image.items()}
    count = say_count(
        "{images} images in {n} group.",
        "{images} images in {n} groups.",
        model.groups,
        images=model.images,
    )
    return Section(
        say("Metrics"), [count],
        charts=[charts.intervals(say("Mean per image, with 95 % confidence intervals"), points)],
        tables=[Table(header, rows), accuracy],
    )  # fmt: skip


def _cell(value: float | None) -> str:
    return "" if value is None else number(value)


def _classes(model: SegmentModel) -> Section:
    header = [say("class"), say("images"), say("groups"), say("averaging")]
    for name in FIGURES:
        header += [metric_title(name), say("95 % CI")]
    rows = []
    for name, row in model.classes.items():
        for figures, title in ((row.pooled, say("pooled")), (row.per_image, say("mean per image"))):
            cells = [cell for metric in FIGURES for cell in figures[metric].cells()]
            rows.append([name, str(row.images), str(row.groups), title, *cells])
    points = {name: row.pooled["iou"] for name, row in model.classes.items()}
    return Section(
        say("Metrics by class"), charts=[charts.intervals(say("IoU by class, pooled over all images"), points)],
        tables=[Table(header, rows)],
    )  # fmt: skip


def _distributions(model: SegmentModel) -> Section:
    drawings = []
    for name, counts in model.histograms.items():
        edges = np.linspace(0, 1, len(counts) + 1).tolist()
        title = metric_title(name)
        drawings.append(charts.histogram(say("{metric} per image", metric=title), edges, counts, title))
    return Section(say("Distribution over the images"), charts=drawings)


def _panels(model: SegmentModel, data: Dataset, predictions: MaskPredictions) -> Section:
    titles = {"worst": say("Worst"), "median": say("Median"), "best": say("Best")}
    examples = [(titles[kind], example) for kind, part in model.examples for example in part]
    masks = predictions.masks([example.row for _, example in examples])
    galleries = [
        (
            say("{kind}: {image}, IoU {iou}, Dice {dice}", kind=title, image=example.image,
                iou=number(example.scores["iou"]), dice=number(example.scores["dice"])),
            _panel(data, example.row, mask),
        )
        for (title, example), mask in zip(examples, masks, strict=True)
    ]  # fmt: skip
    failed = model.failures
    colour_key = say("Errors: false negatives are red, false positives blue, unlabelled pixels grey.")
    if len(model.classes) > 1:
        colour_key = say("Errors: wrong pixels are red, unlabelled pixels grey.")
    count = say("Failures (IoU below {below}): {n}.", below=number(failed.below, 1), n=failed.images)
    return Section(say("Worst, median and best images"), [count, colour_key], galleries=galleries)


def _panel(data: Dataset, row: int, prediction: Array) -> list[PageImage]:
    """Thumbnails of the image, the ground truth, the prediction and the errors."""
    classes = len(data.classes)
    rgb = make_thumbnail(data.pixels(row, WIDE), WIDE)
    target, prediction = (resize_mask(mask, *rgb.shape[:2]) for mask in (data.mask(row), prediction))
    return [
        embed_wide(rgb, say("image")),
        embed_wide(overlay(rgb, target, classes), say("ground truth")),
        embed_wide(overlay(rgb, prediction, classes), say("prediction")),
        embed_wide(_errors(rgb, target, prediction, classes), say("errors")),
    ]


def _errors(rgb: Array, target: Array, prediction: Array, classes: int) -> Array:
    grey = np.repeat(rgb.mean(axis=2, keepdims=True), 3, axis=2) / 2 + 100  # pale, so that colours stand out
    wrong = target != prediction
    grey[wrong] = _MISSED
    if classes == 2:
        grey[wrong & (prediction == 1)] = _FALSE
    grey[target == IGNORE] = _UNLABELLED
    return grey.astype(np.uint8)
