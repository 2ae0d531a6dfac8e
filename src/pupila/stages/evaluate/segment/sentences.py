"""The summary of a segmentation model's evaluation in sentences."""

from typing import Any

from pupila.core.messages import number, percent, say, say_count
from pupila.stages.evaluate.cells import p_text
from pupila.stages.evaluate.evaluator import Comparison, Evaluation
from pupila.stages.evaluate.segment.model_report import few_groups, is_collapsed
from pupila.stages.evaluate.verdicts import comparison_sentences, few_groups_warning
from pupila.statistics.metrics.segment import selection_metric
from pupila.statistics.metrics.titles import metric_title, sentence_title


def verdict(e: Evaluation) -> list[str]:
    """The metrics, the baselines, failures, the agreement of annotations, and the comparisons with other models."""
    model = e["models"][0]
    texts = [
        _two_classes(e, model) if len(e["classes"]) == 2 else _many_classes(e, model),
        _baseline(e, model),
        _pixel_accuracy(model),
    ]
    failed = model["failures"]
    texts.append(say_count(
        "{n} of {all} images has an IoU below {below}.", "{n} of {all} images have an IoU below {below}.",
        failed["images"], all=model["images"], below=number(failed["below"], 1),
    ))  # fmt: skip
    texts += [agreement_sentence(model["annotation_agreement"])] if model["annotation_agreement"] else []
    return texts + comparison_sentences(e, evidence)


def evidence(row: Comparison, e: Evaluation) -> str:
    """The metric of both, and the test."""
    metric = row["metrics"][row["primary_metric"]]
    values = {
        "metric": sentence_title(row["primary_metric"]), "first": number(metric["first"]),
        "second": number(metric["other"]), "p": p_text(row["p_holm"]), "n": len(e["comparisons"]),
    }  # fmt: skip
    if len(e["comparisons"]) > 1:
        return say(
            "{metric}: {first} against {second} (sign-flip test over groups, Holm-corrected for {n} comparisons, {p}).",
            **values,
        )  # fmt: skip
    return say("{metric}: {first} against {second} (sign-flip test over groups, {p}).", **values)


def warnings(e: Evaluation) -> list[str]:
    """A collapse, images without labels, classes with too few groups."""
    model, texts = e["models"][0], []
    if is_collapsed(model):
        texts.append(say("The model predicts a single class (collapsed)."))
    if model["unlabelled"]:
        texts.append(say_count(
            "{n} image without a labelled pixel is skipped.", "{n} images without a labelled pixel are skipped.",
            model["unlabelled"],
        ))  # fmt: skip
    few = few_groups(model)
    if few:
        texts.append(few_groups_warning(e, few))
    return texts


def _two_classes(e: Evaluation, model: dict[str, Any]) -> str:
    row = model["per_image"]["dice"]["mean"]
    values = {
        "name": model["name"], "class_name": e["classes"][1], "dice": number(row["value"]),
        "iou": number(model["per_image"]["iou"]["mean"]["value"]), "images": model["images"], "split": e["split"],
        "groups": model["groups"],
    }  # fmt: skip
    if row["low"] is None:
        return say_count(
            "{name}: mean Dice {dice} (too few groups for a confidence interval) and mean IoU {iou} for class "
            "'{class_name}', n = {images} {split} images in {n} group.",
            "{name}: mean Dice {dice} (too few groups for a confidence interval) and mean IoU {iou} for class "
            "'{class_name}', n = {images} {split} images in {n} groups.", model["groups"], **values,
        )  # fmt: skip
    return say(
        "{name}: mean Dice {dice} (95 % CI {low} to {high}) and mean IoU {iou} for class '{class_name}', "
        "n = {images} {split} images in {groups} groups.",
        low=number(row["low"]), high=number(row["high"]), **values,
    )  # fmt: skip


def _many_classes(e: Evaluation, model: dict[str, Any]) -> str:
    row = model["pooled"]["iou"]
    there = {name: cells["pooled"]["iou"]["value"] for name, cells in model["classes"].items()}
    worst = min((name for name in there if there[name] is not None), key=lambda name: there[name])
    values = {
        "name": model["name"], "iou": number(row["value"]), "classes": len(there), "images": model["images"],
        "split": e["split"], "groups": model["groups"], "worst": worst, "worst_iou": number(there[worst]),
    }  # fmt: skip
    if row["low"] is None:
        return say_count(
            "{name}: mean IoU {iou} (too few groups for a confidence interval) over {classes} classes, pooled over "
            "{images} {split} images in {n} group; the lowest is '{worst}' with {worst_iou}.",
            "{name}: mean IoU {iou} (too few groups for a confidence interval) over {classes} classes, pooled over "
            "{images} {split} images in {n} groups; the lowest is '{worst}' with {worst_iou}.",
            model["groups"], **values,
        )  # fmt: skip
    return say(
        "{name}: mean IoU {iou} (95 % CI {low} to {high}) over {classes} classes, pooled over {images} {split} images "
        "in {groups} groups; the lowest is '{worst}' with {worst_iou}.",
        low=number(row["low"]), high=number(row["high"]), **values,
    )  # fmt: skip


def _baseline(e: Evaluation, model: dict[str, Any]) -> str:
    metric = selection_metric(len(e["classes"]))
    place = "per_image" if len(e["classes"]) == 2 else "pooled"
    row, base = model[place][metric], model["baseline"]
    row = row["mean"] if place == "per_image" else row
    values = {
        "metric": metric_title(metric), "value": number(row["value"]), "baseline": number(base[place][metric]),
        "class_name": base["class"],
    }  # fmt: skip
    if row["low"] is None:
        return say(
            "Mean {metric} {value}, single-class baseline {baseline} ('{class_name}' everywhere).", **values
        )
    if row["low"] > base[place][metric]:
        return say(
            "Mean {metric} {value} is significantly above the best single-class baseline of {baseline} "
            "('{class_name}' everywhere).", **values,
        )  # fmt: skip
    return say(
        "Mean {metric} {value} is not significantly above the best single-class baseline of {baseline} "
        "('{class_name}' everywhere).", **values,
    )  # fmt: skip


def _pixel_accuracy(model: dict[str, Any]) -> str:
    base = model["baseline"]["pixel_accuracy"]
    return say(
        "Pixel accuracy {value}, majority-class baseline {baseline} (class '{class_name}').",
        value=percent(model["pixel_accuracy"]["value"]), baseline=percent(base["value"]), class_name=base["class"],
    )  # fmt: skip


def agreement_sentence(agreement: dict[str, Any]) -> str:
    """How well annotations of the same image agree."""
    dice, values = agreement["dice"], {"iou": number(agreement["iou"]["value"])}
    if dice["low"] is None:
        return say_count(
            "{n} pair of duplicate images has different masks, which agree with Dice {dice} and IoU {iou}: about the "
            "highest score that these labels allow.",
            "{n} pairs of duplicate images have different masks, which agree with mean Dice {dice} and mean IoU "
            "{iou}: about the highest score that these labels allow.",
            agreement["pairs"], dice=number(dice["value"]), **values,
        )  # fmt: skip
    return say_count(
        "{n} pair of duplicate images has different masks, which agree with Dice {dice} (95 % CI {low} to {high}) and "
        "IoU {iou}: about the highest score that these labels allow.",
        "{n} pairs of duplicate images have different masks, which agree with mean Dice {dice} (95 % CI {low} to "
        "{high}) and mean IoU {iou}: about the highest score that these labels allow.",
        agreement["pairs"], dice=number(dice["value"]), low=number(dice["low"]), high=number(dice["high"]), **values,
    )  # fmt: skip
