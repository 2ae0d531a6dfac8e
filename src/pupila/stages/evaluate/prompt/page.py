"""The report page of a promptable model."""

from collections.abc import Sequence
from typing import cast

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report import charts
from pupila.artifacts.report.evaluation.prompt import PromptBaseline, PromptExample, PromptModel, PromptReport
from pupila.artifacts.report.page import Section, Table
from pupila.artifacts.run.log import EpochLog
from pupila.core.messages import (
    integer,
    listing,
    number,
    percent,
    say,
    say_count,
    signed_number,
    signed_percent,
)
from pupila.stages.evaluate.comparisons import comparison_header
from pupila.stages.evaluate.predictions import Predictions
from pupila.stages.evaluate.prompt.panels import Panels, draw_panels, panel_key
from pupila.stages.evaluate.prompt.predicted_iou import predicted_iou_sections, sensitivity_sections
from pupila.stages.evaluate.prompt.predictions import PromptPredictions
from pupila.stages.evaluate.prompt.sentences import strategy_titles
from pupila.stages.evaluate.verdicts import verdict_words
from pupila.statistics.estimate import p_text
from pupila.statistics.intervals import RESAMPLES
from pupila.statistics.metrics.titles import metric_title

_BARS = ("iou", "dice", "precision", "recall")
_SIDE_BY_SIDE = 2  # models in the panels


def sections(e: PromptReport, data: Dataset, predictions: Sequence[Predictions]) -> list[Section]:
    """Metrics of each prompt strategy, distributions, training curves, examples, failures, sensitivity, all metrics."""
    models = cast(Sequence[PromptPredictions], predictions)[:_SIDE_BY_SIDE]
    drawn = draw_panels(e, data, models[::-1])  # the model before fine-tuning comes first
    return [
        *(_metrics(e, strategy) for strategy in e.strategies),
        _distributions(e),
        *_curves(e.training_log),
        *(_examples(e, strategy, drawn) for strategy in e.strategies),
        *(_failures(e, strategy, drawn) for strategy in e.strategies),
        *sensitivity_sections(e),
        *predicted_iou_sections(e),
        _all_metrics(e),
    ]


def footnote() -> str:
    """How prompts are drawn and confidence intervals computed."""
    return say(
        "Prompts are drawn from the masks with a fixed seed per image and class, are the same for every model, and are "
        "stored in prompts.jsonl. Confidence intervals: cluster bootstrap, {resamples} resamples; the McNemar test "
        "ignores groups. Unlabelled pixels are ignored.",
        resamples=integer(RESAMPLES),
    )


def _metrics(e: PromptReport, strategy: str) -> Section:
    title = strategy_titles()[strategy]
    results = {model.name: model.strategies[strategy] for model in _everyone(e)}
    means = {name: {bar: result.per_mask[bar].mean for bar in _BARS} for name, result in results.items()}
    bars = {
        name: {metric_title(bar): 100 * row.value for bar, row in own.items() if row.value is not None}
        for name, own in means.items()
    }
    points = {name: own["iou"] for name, own in means.items()}
    header = [say("model")]
    for name in _BARS:
        header += [metric_title(name), say("95 % CI")]
    rows = [
        [name, *(cell for row in means[name].values() for cell in row.cells()), str(result.failures.masks)]
        for name, result in results.items()
    ]
    return Section(
        say("Metrics with {prompts}", prompts=title), [_describe_prompts(e, strategy), *_list_unprompted(e)],
        charts=[
            charts.grouped_bars(say("Mean over the masks, %"), bars),
            charts.intervals(say("Mean IoU with 95 % confidence intervals"), points),
        ],
        tables=[Table([*header, say("failures")], rows), _comparison_table(e, strategy)],
    )  # fmt: skip


def _everyone(e: PromptReport) -> list[PromptModel | PromptBaseline]:
    return [*e.models, *e.baselines]


def _comparison_table(e: PromptReport, strategy: str) -> Table:
    rows = []
    for row in (row for row in e.comparisons if row.strategy == strategy):
        for name in _BARS:
            metric = f"mean_{name}"
            word = verdict_words()[row.verdict] if metric == row.primary_metric else ""
            rows.append([row.name, metric_title(name), *row.metrics[metric].cells(), word])
        failed = row.failures
        change = signed_percent(failed.first / failed.other - 1) if failed.other else ""
        test = say("McNemar test, {p}", p=p_text(failed.p_value))
        rows.append([row.name, say("failures"), str(failed.first), str(failed.other), change, "", test])
    return Table([say("compared with"), say("metric"), *comparison_header(e), say("verdict")], rows)


def _describe_prompts(e: PromptReport, strategy: str) -> str:
    prompt, times = e.strategies[strategy], e.box_scale
    if prompt.jitter is not None:
        return say("Prompt: a box around the mask, each side shifted by up to {jitter} of the box side. Baseline: the "
                   "same box, filled.", jitter=percent(prompt.jitter, 0))  # fmt: skip
    counts = {"points": prompt.points, "negatives": prompt.negatives}
    if times is None:
        return say("Prompt: random points, {points} foreground and {negatives} background. Baseline: the whole "
                   "image, the box scale that fits the training split best.", **counts)  # fmt: skip
    return say("Prompt: random points, {points} foreground and {negatives} background. Baseline: the filled box "
               "around the foreground points, scaled by {scale}, which fits the training split best.",
               scale=number(times, 1), **counts)  # fmt: skip


def _list_unprompted(e: PromptReport) -> list[str]:
    names = [model.name for model in e.models if not model.promptable]
    return [say("Models that take no prompt: {names}.", names=listing(names))] if names else []


def _distributions(e: PromptReport) -> Section:
    drawings = []
    for strategy, title in strategy_titles().items():
        for name in _BARS:
            counts = {model.name: model.strategies[strategy].histograms[name] for model in e.models}
            edges = np.linspace(0, 1, len(next(iter(counts.values()))) + 1).tolist()
            drawings.append(
                charts.histograms(
                    say("{metric} per mask, {prompts}", metric=metric_title(name), prompts=title),
                    edges,
                    counts,
                    metric_title(name),
                )
            )
    return Section(say("Distribution over the masks"), charts=drawings)


def _curves(log: list[EpochLog]) -> list[Section]:
    parts = list(dict.fromkeys(line.part for line in log))
    drawings = []
    for title, word in ((say("Loss"), "loss"), (say("Validation IoU"), "iou")):
        names = [
            name
            for name in dict.fromkeys(name for line in log for name in _figures(line))
            if word in name.split("_")
        ]
        series = {
            f"{part} {name}" if len(parts) > 1 else name: [
                (float(line.epoch), _figures(line)[name]) for line in log
                if line.part == part and name in _figures(line)
            ]
            for part in parts for name in names
        }  # fmt: skip
        series = {name: points for name, points in series.items() if points}
        if series:
            drawings.append(charts.lines(title, series, (say("epoch"), title)))
    return [Section(say("Training curves"), charts=drawings)] if drawings else []


def _figures(line: EpochLog) -> dict[str, float]:
    """The losses and metrics of an epoch."""
    losses = {"train_loss": line.train_loss, "validation_loss": line.validation_loss}
    return {name: loss for name, loss in losses.items() if loss is not None} | line.metrics


def _examples(e: PromptReport, strategy: str, drawn: Panels) -> Section:
    galleries = [
        (f"{_kind(kind, example)}: {_caption(e, example)}", drawn[panel_key(strategy, example)])
        for kind in ("best", "median", "worst") for example in getattr(e.examples[strategy], kind)
    ]  # fmt: skip
    title = (
        say("Largest gain, median and largest loss with {prompts}", prompts=strategy_titles()[strategy])
        if len(e.models) > 1
        else say("Best, median and worst masks with {prompts}", prompts=strategy_titles()[strategy])
    )
    colour_key = say("Foreground points are green, background points red; the box is yellow.")
    return Section(title, [colour_key], galleries=galleries)


def _kind(kind: str, example: PromptExample) -> str:
    if kind == "median":
        return say("Median")
    if example.rival_iou is None:
        return say("Best") if kind == "best" else say("Worst")
    if example.iou >= example.rival_iou:
        return say("Largest gain") if kind == "best" else say("Smallest gain")
    return say("Smallest loss") if kind == "best" else say("Largest loss")


def _failures(e: PromptReport, strategy: str, drawn: Panels) -> Section:
    shown = e.examples[strategy].failures
    counts = [
        say_count(
            "{name}: {n} failure.", "{name}: {n} failures.", model.strategies[strategy].failures.masks,
            name=model.name,
        )
        for model in e.models
    ]  # fmt: skip
    return Section(
        say("Failures with {prompts}", prompts=strategy_titles()[strategy]),
        [say("A mask with an IoU below {below} is a failure.",
             below=number(e.models[0].strategies[strategy].failures.below, 1)), *counts],
        galleries=[(_caption(e, example), drawn[panel_key(strategy, example)]) for example in shown],
    )  # fmt: skip


def _caption(e: PromptReport, example: PromptExample) -> str:
    subject = f"{example.image}, {example.class_name}" if len(e.classes) > 2 else example.image
    names = [model.name for model in e.models[:_SIDE_BY_SIDE]]
    if example.rival_iou is None:
        return say("{subject}, IoU {iou}", subject=subject, iou=number(example.iou))
    return say(
        "{subject}, IoU {iou} with {name}, {rival} with {other} ({change})", subject=subject,
        iou=number(example.iou), name=names[0], rival=number(example.rival_iou), other=names[1],
        change=signed_number(example.iou - example.rival_iou),
    )  # fmt: skip


def _all_metrics(e: PromptReport) -> Section:
    header = [say("model"), say("prompt"), say("metric"), say("mean per mask"), say("95 % CI"), say("median"),
              say("worst"), say("pooled"), say("95 % CI")]  # fmt: skip
    rows, classes = [], []
    for model in _everyone(e):
        for strategy, title in strategy_titles().items():
            result = model.strategies[strategy]
            rows += [
                [model.name, title, metric_title(metric), *own.mean.cells(), own.median.value_text(),
                 own.worst.value_text(), *result.pooled[metric].cells()]
                for metric, own in result.per_mask.items()
            ]  # fmt: skip
            classes += [
                [model.name, title, name, str(row.masks), str(row.groups), *row.iou.cells()]
                for name, row in result.classes.items()
            ]
    tables = [Table(header, rows)]
    if len(e.classes) > 2:
        own_header = [say("model"), say("prompt"), say("class"), say("masks"), say("groups"), metric_title("iou"),
                      say("95 % CI")]  # fmt: skip
        tables.insert(0, Table(own_header, classes))
    return Section(say("All metrics"), tables=tables)
