"""The report of a run: a summary in sentences, the learning curves, and the plan with its reasons."""

import re
from collections.abc import Set
from dataclasses import dataclass
from typing import Any

from pupila.artifacts.bundle.averaging import describe_averaging
from pupila.artifacts.bundle.clean_up import describe_clean_up
from pupila.artifacts.bundle.probe import describe_probe
from pupila.artifacts.bundle.schema import BundleInfo
from pupila.artifacts.bundle.thresholds import describe_thresholds
from pupila.artifacts.bundle.validation import ValidationSummary
from pupila.artifacts.dataset.versions.identity import SHORT, hash_version
from pupila.artifacts.report import charts
from pupila.artifacts.report.gallery import embed_wide
from pupila.artifacts.report.page import Page, Section, Table
from pupila.artifacts.run.log import EpochLog
from pupila.artifacts.run.plan import COLLAPSED, INTERRUPTED, RunState
from pupila.core.messages import listing, mark, number, say, say_count, say_images, translate
from pupila.core.settings import yaml_text
from pupila.core.vocabulary import REDRAW
from pupila.imaging.images.decode import decode
from pupila.stages.train.catalogue import RECIPES
from pupila.stages.train.phases import FINETUNE, HEAD
from pupila.stages.train.settings import TrainPlan
from pupila.statistics.metrics.titles import sentence_title

_CURVES = ("mean_average_precision", "macro_f1", "mean_dice", "mean_iou")  # metrics of the log that are drawn


def make_run_page(
    plan: TrainPlan,
    state: RunState,
    log: list[EpochLog],
    info: BundleInfo,
    examples: dict[str, bytes],
    unused: Set[str],
) -> Page:
    """The report page of a run.

    Args:
        plan: of the run.
        state: "completed", "collapsed" or "interrupted".
        log: one line per epoch.
        info: of the bundle.
        examples: name of an epoch to a PNG of the predictions after it.
        unused: settings without effect in this plan.
    """
    settings = list_settings(plan, unused)
    return Page(
        title=say("Training {model}", model=plan.model),
        verdict=describe_run(plan, state, info),
        sections=[
            *_curve_sections(plan, log),
            *_example_sections(examples),
            Section(say("Plan"), tables=[Table([say("Setting"), say("Value"), say("Reason")], settings)]),
        ],
        footnote=say(
            "Data version {version}, data hash {hash}, splits hash {splits}.",
            version=hash_version(plan.data_hash, plan.splits_hash)[:SHORT],
            hash=plan.data_hash[:12],
            splits=plan.splits_hash[:12],
        ),
    )


def _curve_sections(plan: TrainPlan, log: list[EpochLog]) -> list[Section]:
    """The learning curves; a single epoch has none."""
    if all(line.epoch == 1 for line in log):
        return []
    folds = [say("Mean of {n} cross-validation folds.", n=plan.folds)] if plan.folds else []
    return [Section(say("Learning curves"), folds, charts=draw_learning_curves(log))]


def draw_learning_curves(log: list[EpochLog]) -> list[Any]:
    """Losses and metrics over the epochs, with a curve for each part of the run; the mean over folds."""
    points = _average_folds(log)
    parts = list(dict.fromkeys(point.part for point in points))
    titles = {name: say("{metric} on validation", metric=sentence_title(name)) for name in _CURVES}
    drawn = [(say("Loss"), list(_LOSSES)), *((title, [name]) for name, title in titles.items())]
    curves = []
    for title, keys in drawn:
        series = {
            _name_curve(part if len(parts) > 1 else "", key if len(keys) > 1 else ""): [
                (float(_count_head_epochs(part, points) + point.epoch), point.values[key])
                for point in points if point.part == part
            ]
            for part in parts for key in keys if any(key in p.values for p in points if p.part == part)
        }  # fmt: skip
        if series:
            curves.append(charts.lines(title, series, (say("Epoch"), title)))
    return curves


def list_settings(plan: TrainPlan, unused: Set[str]) -> list[list[str]]:
    """Name, value as YAML and reason of every setting that has an effect.

    Args:
        plan: of the run.
        unused: settings without effect in this plan.
    """
    hidden = {"reasons", "classes", "task", *unused} | (set() if plan.folds else {"folds"})
    return [
        [
            name,
            yaml_text(float(f"{value:.12g}") if isinstance(value, float) else value),
            plan.reasons.get(name, ""),
        ]
        for name, value in plan.model_dump(mode="json").items()
        if name not in hidden
    ]


_AGAINST_COLLAPSE = {"class_weights": "inverse", "sampling": "balanced"}  # where the task has the setting
_LOSSES = {"train_loss": mark("training"), "validation_loss": mark("validation")}


def _name_curve(part: str, key: str) -> str:
    """The name of a curve in the legend: "finetune, training"."""
    loss = translate(_LOSSES[key]) if key else ""
    return say("{phase}, {split}", phase=part, split=loss) if part and loss else part or loss


@dataclass(frozen=True, slots=True)
class _Point:
    """An epoch of the learning curves; with folds, the mean of the folds that reached it."""

    part: str
    epoch: int
    values: dict[str, float]  # losses and metrics


def _average_folds(log: list[EpochLog]) -> list[_Point]:
    """One point per epoch for all folds."""
    epochs: dict[tuple[str, int], list[dict[str, float]]] = {}
    for line in log:
        key = re.sub(r"^fold\d+-", "", line.part), line.epoch
        losses = {"train_loss": line.train_loss} | (
            {} if line.validation_loss is None else {"validation_loss": line.validation_loss}
        )
        epochs.setdefault(key, []).append(losses | line.metrics)
    return [
        _Point(part, epoch, {name: _mean([each[name] for each in lines if name in each]) for name in names})
        for (part, epoch), lines in epochs.items()
        if (names := dict.fromkeys(name for each in lines for name in each))
    ]


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _count_head_epochs(part: str, points: list[_Point]) -> int:
    """Epochs of the head phase, after which those with unfrozen blocks are drawn."""
    head = f"{part.removesuffix(FINETUNE)}{HEAD}"
    return sum(point.part == head for point in points) if part.endswith(FINETUNE) else 0


def _example_sections(examples: dict[str, bytes]) -> list[Section]:
    if not examples:
        return []
    text = say("Validation images, with their ground truth, and with the prediction after the given epoch.")
    images = [embed_wide(decode(png), _caption_example(name)) for name, png in examples.items()]
    return [Section(say("Training progress"), [text], galleries=[("", images)])]


def _caption_example(name: str) -> str:
    """`fold0-finetune-007` as a caption."""
    part, _, epoch = name.rpartition("-")
    return say("{phase}, after epoch {n}", phase=part, n=int(epoch))


def describe_run(plan: TrainPlan, state: RunState, info: BundleInfo) -> list[str]:
    """The outcome of the run in sentences, the most severe first."""
    sentences = []
    if state == INTERRUPTED:
        sentences.append(
            say(
                "The run was interrupted and the bundle has the best weights so far. Use --resume to continue."
            )
        )
    if state == COLLAPSED:
        own = [
            f"{name}={value}" for name, value in _AGAINST_COLLAPSE.items() if name in type(plan).model_fields
        ]
        remedies = [say("a lower learning rate"), *own, say("pretrained weights")]
        collapse = translate(RECIPES[plan.task].collapse)
        sentences.append(say("{collapse} Try: {remedies}.", collapse=collapse, remedies=listing(remedies)))
    if plan.leaking:
        sentences.append(
            say(
                "The split leaks: related images are in different splits, which biases these figures upwards. "
                "Draw another split (with the same --by and --folds, if any) and train again: {command}",
                command=REDRAW,
            )
        )
    if info.validation is None:
        return [*sentences, _explain_no_validation(plan)]
    metric = RECIPES[info.task].metric(len(info.classes))
    if _is_below(info.validation.metrics[metric].value, info.validation.baseline.metrics.get(metric)):
        sentences.append(
            say(
                "The model is below the baseline. Try: more epochs, another learning rate or pretrained weights."
            )
        )
    sentences.append(_describe_score(info, info.validation))
    if plan.unfreeze and plan.epochs and "unfreeze" in plan.reasons:
        sentences.append(say("Fine-tuning: {outcome}.", outcome=plan.reasons["unfreeze"]))
    sentences += [
        *describe_averaging(info),
        *describe_probe(info.validation.probe),
        *describe_thresholds(info),
        *describe_clean_up(info),
    ]
    if plan.epochs == 1 and not plan.unfreeze:
        return [
            *sentences,
            say(
                "No epoch was selected on validation, but settings, thresholds and temperatures can depend on it. "
                "Evaluate the model on the sealed test split."
            ),
        ]
    sentences.append(
        say("These figures are optimistically biased: the epoch was selected on validation. "
            "Evaluate the model on the sealed test split.")
    )  # fmt: skip
    return sentences


def _is_below(value: float | None, baseline: float | None) -> bool:
    return value is not None and baseline is not None and value < baseline


def _describe_score(info: BundleInfo, validation: ValidationSummary) -> str:
    """The main metric on validation with its interval, beside the baseline."""
    recipe = RECIPES[info.task]
    metric = recipe.metric(len(info.classes))
    row, base = validation.metrics[metric], validation.baseline
    if row.value is None or metric not in base.metrics:
        return say("{metric} is not measurable on validation (n = {images}).",
                   metric=sentence_title(metric), images=say_images(validation.n))  # fmt: skip
    values = {
        "metric": sentence_title(metric, len(info.classes)), "value": row.value_text(),
        "images": say_images(validation.n),
        "groups": validation.groups, "baseline_value": number(base.metrics[metric]),
        "baseline": translate(recipe.baseline_name).format(name=base.name),
    }  # fmt: skip
    if row.low is None:
        return say_count(
            "{metric} {value} on validation (no CI: a class occurs in too few groups, n = {images} in {n} "
            "group), baseline ({baseline}) {baseline_value}.",
            "{metric} {value} on validation (no CI: a class occurs in too few groups, n = {images} in {n} "
            "groups), baseline ({baseline}) {baseline_value}.", validation.groups, **values,
        )  # fmt: skip
    return say(
        "{metric} {value} on validation (95 % CI {interval}, n = {images} in {groups} groups), "
        "baseline ({baseline}) {baseline_value}.", interval=row.interval_text(), **values,
    )  # fmt: skip


def _explain_no_validation(plan: TrainPlan) -> str:
    if plan.epochs or plan.unfreeze:
        return say("The model was not validated: there is no validation split.")
    return say_count(
        "The model was not validated: its classes differ from the {n} class of the data.",
        "The model was not validated: its classes differ from the {n} classes of the data.",
        len(plan.classes),
    )
