"""The summary of a segmentation model's evaluation in sentences."""

from pupila.artifacts.report.evaluation.report import Comparison
from pupila.artifacts.report.evaluation.segment import AnnotationAgreement, SegmentModel, SegmentReport
from pupila.core.messages import listing, number, percent, say, say_count
from pupila.stages.evaluate.segment.model_report import few_groups, is_collapsed
from pupila.stages.evaluate.verdicts import (
    comparison_sentence,
    count_pairs,
    few_groups_warning,
    never_recognised,
)
from pupila.statistics.estimate import p_text
from pupila.statistics.metrics.segment import headline_metric, selection_metric
from pupila.statistics.metrics.titles import metric_title, sentence_title
from pupila.statistics.tests import BETTER, LEAST_GROUPS, WORSE


def verdict(e: SegmentReport) -> list[str]:
    """The metrics, baselines, classes of recall 0, failures, the agreement of annotations, and the comparisons."""
    model = e.models[0]
    texts = [
        _two_classes(e, model) if len(e.classes) == 2 else _many_classes(e, model),
        _baseline(e, model),
        _pixel_accuracy(model),
        *never_recognised({name: (row.images, row.pooled["recall"]) for name, row in model.classes.items()}),
    ]
    failed = model.failures
    texts.append(say_count(
        "{n} of {all} images has an IoU below {below}.", "{n} of {all} images have an IoU below {below}.",
        failed.images, all=model.images, below=number(failed.below, 1),
    ))  # fmt: skip
    texts += [agreement_sentence(model.annotation_agreement)] if model.annotation_agreement else []
    return texts + [comparison_sentence(row, e, evidence(row, e)) for row in e.comparisons]


def evidence(row: Comparison, e: SegmentReport) -> str:
    """The metric of both, and the test."""
    metric = row.metrics[row.primary_metric]
    values = {
        "metric": sentence_title(row.primary_metric), "first": number(metric.first),
        "second": number(metric.other), "p": p_text(row.p_holm), "n": len(e.comparisons),
    }  # fmt: skip
    if len(e.comparisons) > 1:
        return say(
            "{metric}: {first} against {second} (sign-flip test over groups, Holm-corrected for {n} comparisons, {p}).",
            **values,
        )  # fmt: skip
    return say("{metric}: {first} against {second} (sign-flip test over groups, {p}).", **values)


def warnings(e: SegmentReport) -> list[str]:
    """A collapse, images without labels, classes with too few groups."""
    model, texts = e.models[0], []
    if is_collapsed(model):
        texts.append(say("The model predicts a single class (collapsed)."))
    if model.unlabelled:
        texts.append(say_count(
            "{n} image without a labelled pixel is skipped.", "{n} images without a labelled pixel are skipped.",
            model.unlabelled,
        ))  # fmt: skip
    texts += _without_ground_truth(e, model)
    few = few_groups(model)
    if few:
        texts.append(few_groups_warning(e, few))
    return texts


def _without_ground_truth(e: SegmentReport, model: SegmentModel) -> list[str]:
    """Classes that no image has: they count in no mean, and of two classes the metrics tell false positives alone."""
    absent = [f"'{name}'" for name, row in model.classes.items() if not row.images]
    if not absent:
        return []
    if len(e.classes) == 2:
        return [say("No {split} image has {names}: these metrics only tell whether it is predicted where it is not.",
                    split=e.split, names=absent[0])]  # fmt: skip
    return [say("No {split} image has {names}: IoU and the other metrics of masks are means over the other classes.",
                split=e.split, names=listing(absent, len(absent)))]  # fmt: skip


def _two_classes(e: SegmentReport, model: SegmentModel) -> str:
    row = model.per_image["dice"].mean
    values = {
        "name": model.name, "class_name": e.classes[1], "dice": row.value_text(), "interval": row.interval_text(),
        "iou": model.per_image["iou"].mean.value_text(), "images": model.images, "split": e.split,
        "groups": model.groups,
    }  # fmt: skip
    if row.low is None:
        return say_count(
            "{name}: mean Dice {dice} (too few groups for a confidence interval) and mean IoU {iou} for class "
            "'{class_name}', n = {images} {split} images in {n} group.",
            "{name}: mean Dice {dice} (too few groups for a confidence interval) and mean IoU {iou} for class "
            "'{class_name}', n = {images} {split} images in {n} groups.", model.groups, **values,
        )  # fmt: skip
    return say(
        "{name}: mean Dice {dice} (95 % CI {interval}) and mean IoU {iou} for class '{class_name}', "
        "n = {images} {split} images in {groups} groups.", **values,
    )  # fmt: skip


def _many_classes(e: SegmentReport, model: SegmentModel) -> str:
    row = model.pooled["iou"]
    values_of = {name: classes.pooled["iou"].value for name, classes in model.classes.items()}
    worst_value, worst = min((value, name) for name, value in values_of.items() if value is not None)
    values = {
        "name": model.name, "iou": row.value_text(), "images": model.images,
        "classes": sum(value is not None for value in values_of.values()),
        "split": e.split, "groups": model.groups, "worst": worst,
        "worst_iou": number(worst_value), "interval": row.interval_text(),
    }  # fmt: skip
    if row.low is None:
        return say_count(
            "{name}: mean IoU {iou} (too few groups for a confidence interval) over {classes} classes, pooled over "
            "{images} {split} images in {n} group; the lowest is '{worst}' with {worst_iou}.",
            "{name}: mean IoU {iou} (too few groups for a confidence interval) over {classes} classes, pooled over "
            "{images} {split} images in {n} groups; the lowest is '{worst}' with {worst_iou}.",
            model.groups, **values,
        )  # fmt: skip
    return say(
        "{name}: mean IoU {iou} (95 % CI {interval}) over {classes} classes, pooled over {images} "
        "{split} images in {groups} groups; the lowest is '{worst}' with {worst_iou}.", **values,
    )  # fmt: skip


def _baseline(e: SegmentReport, model: SegmentModel) -> str:
    """Whether the masks are better than one class everywhere, image by image."""
    metric, test = selection_metric(len(e.classes)), model.baseline_test
    row = model.per_image[metric].mean if len(e.classes) == 2 else model.pooled[metric]
    values = {
        "metric": metric_title(metric), "value": row.value_text(), "class_name": model.baseline.name,
        "baseline": number(model.baseline.metrics[headline_metric(len(e.classes))]), "pairs": count_pairs(test),
        "test": say("sign-flip test over groups") if len(e.classes) == 2 else say("permutation test over groups"),
        "p": p_text(test.p_value),
    }  # fmt: skip
    if test.verdict == BETTER:
        return say(
            "Mean {metric} {value} is significantly above the best single-class baseline of {baseline} "
            "('{class_name}' everywhere; {pairs}; {test}, {p}).", **values,
        )  # fmt: skip
    if test.verdict == WORSE:
        return say(
            "Mean {metric} {value} is significantly below the best single-class baseline of {baseline} "
            "('{class_name}' everywhere; {pairs}; {test}, {p}).", **values,
        )  # fmt: skip
    if model.groups < LEAST_GROUPS:
        return say(
            "Mean {metric} {value}, single-class baseline {baseline} ('{class_name}' everywhere; {pairs}): there are "
            "too few groups for a verdict.", **values,
        )  # fmt: skip
    return say(
        "Mean {metric} {value} is not significantly above the best single-class baseline of {baseline} "
        "('{class_name}' everywhere; {pairs}; {test}, {p}).", **values,
    )  # fmt: skip


def _pixel_accuracy(model: SegmentModel) -> str:
    return say(
        "Pixel accuracy {value}, majority-class baseline {baseline} (class '{class_name}').",
        value=model.pixel_accuracy.percent_text(), baseline=percent(model.majority.metrics["pixel_accuracy"]),
        class_name=model.majority.name,
    )  # fmt: skip


def agreement_sentence(agreement: AnnotationAgreement) -> str:
    """How well annotations of the same image agree."""
    dice = agreement.dice
    values = {
        "dice": dice.value_text(), "interval": dice.interval_text(), "iou": agreement.iou.value_text(),
    }  # fmt: skip
    if dice.low is None:
        return say_count(
            "{n} pair of duplicate images has different masks, which agree with Dice {dice} and IoU {iou}: about the "
            "highest score that these labels allow.",
            "{n} pairs of duplicate images have different masks, which agree with mean Dice {dice} and mean IoU "
            "{iou}: about the highest score that these labels allow.",
            agreement.pairs, **values,
        )  # fmt: skip
    return say_count(
        "{n} pair of duplicate images has different masks, which agree with Dice {dice} (95 % CI {interval}) and "
        "IoU {iou}: about the highest score that these labels allow.",
        "{n} pairs of duplicate images have different masks, which agree with mean Dice {dice} (95 % CI "
        "{interval}) and mean IoU {iou}: about the highest score that these labels allow.",
        agreement.pairs, **values,
    )  # fmt: skip
