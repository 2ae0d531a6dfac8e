"""The summary of an evaluation of several labels in sentences."""

from collections.abc import Sequence

from pupila.artifacts.report.evaluation.multilabel import (
    MultilabelComparison,
    MultilabelModel,
    MultilabelReport,
)
from pupila.core.messages import integer, listing, number, percent, say, say_count
from pupila.stages.evaluate.verdicts import (
    comparison_sentence,
    few_groups_warning,
    never_recognised,
    paired_test_words,
)
from pupila.statistics.estimate import Estimate, p_text
from pupila.statistics.metrics.label_estimates import LabelEstimates
from pupila.statistics.metrics.titles import metric_title, sentence_title
from pupila.statistics.tests import BETTER, WORSE

_NAMED = 6  # classes in a sentence; the table has all
_CHANCE = 0.5  # ROC AUC of a random ranking


def verdict(e: MultilabelReport) -> list[str]:
    """The metrics, the best and the worst classes, what is never recognised or not measurable, and the comparisons."""
    model = e.models[0]
    comparisons = [
        _baseline(row, e) if row.is_baseline else comparison_sentence(row, e, evidence(row, e))
        for row in e.comparisons
    ]
    return [
        _headline(e, model), *_missing_interval(model), *_extremes(model),
        *never_recognised({name: (row.positives, row.recall) for name, row in model.classes.items()}),
        *_below_chance(model), *_not_measurable(model), *_never_absent(model), _images(model), *comparisons,
    ]  # fmt: skip


def warnings(e: MultilabelReport) -> list[str]:
    """A collapse, missing labels and baselines, shared thresholds, and classes with too few groups."""
    model, texts = e.models[0], []
    rows = model.classes.values()
    varied = any(0 < row.positives < row.known for row in rows)
    if varied and all(row.predicted in (0, row.known) for row in rows):
        always = [_quote(name) for name, row in model.classes.items() if row.predicted]
        texts.append(say(
            "The model predicts the same labels for every image (collapsed): {names}.",
            names=listing(always, _NAMED) or say("none of the classes"),
        ))  # fmt: skip
    if e.unknown:
        texts.append(say(
            "{unknown} of {all} labels are unknown ({share}) and count in no figure.", unknown=integer(e.unknown),
            all=integer(e.known + e.unknown), share=percent(e.unknown / (e.known + e.unknown)),
        ))  # fmt: skip
    if e.images_without_labels:
        texts.append(say_count(
            "{n} image without any known label is left out.", "{n} images without any known label are left out.",
            e.images_without_labels,
        ))  # fmt: skip
    texts += _thresholds(model)
    if e.unfitted_baselines == "no-images":
        texts.append(say(
            "The baselines training prevalence and linear probe are left out: there is no labelled image to fit them "
            "on."
        ))  # fmt: skip
    if e.unfitted_baselines == "evaluated-images":
        texts.append(say(
            "The baselines training prevalence and linear probe are left out: they would be fitted on images that are "
            "evaluated here."
        ))  # fmt: skip
    there = {name: row.recall for name, row in model.classes.items() if row.positives}
    few = [name for name, recall in there.items() if recall.low is None]
    return texts + ([few_groups_warning(e, few if len(few) < len(there) else [])] if few else [])


def evidence(row: MultilabelComparison, e: MultilabelReport) -> str:
    """The metric that decides, its test, and the images that only one of both gets all right."""
    difference, count = row.metrics[row.primary_metric], len(e.comparisons)
    values = {
        "metric": sentence_title(row.primary_metric), "first": number(difference.first),
        "other": number(difference.other), "p": p_text(row.p_holm), "n": count,
    }  # fmt: skip
    if count > 1:
        text = say(
            "{metric}: {first} against {other} (permutation test over groups, Holm-corrected for {n} comparisons, "
            "{p}).", **values,
        )  # fmt: skip
    else:
        text = say("{metric}: {first} against {other} (permutation test over groups, {p}).", **values)
    return text + " " + say(
        "Images with all labels correct only with {name}: {a}, only with {other}: {b} ({test}, {p}).",
        test=paired_test_words(e.models[0]), name=e.models[0].name, other=row.name, a=row.only_first,
        b=row.only_other, p=p_text(row.p_images),
    )  # fmt: skip


def _headline(e: MultilabelReport, model: MultilabelModel) -> str:
    metrics, measurable = model.metrics, sum(row.positives > 0 for row in model.classes.values())
    values = {
        "name": model.name, "classes": len(model.classes), "images": model.n, "split": e.split, "groups": model.groups,
    }  # fmt: skip
    if not measurable:
        return say(
            "{name}: no {split} image of {images} shows a class, so neither F1 nor average precision is measurable.",
            **values,
        )
    shown = [*_describe_means(model, measurable), _describe_metrics(metrics, ("micro_f1",))]
    return say_count(
        "{name}: {metrics}; {images} {split} images in {n} group.",
        "{name}: {metrics}; {images} {split} images in {n} groups.", model.groups,
        metrics=listing(shown, len(shown)), **values,
    )  # fmt: skip


def _describe_means(model: MultilabelModel, measurable: int) -> list[str]:
    """The means over classes, each with the number of its classes, together where it is the same."""
    ranked, classes = (
        sum(row.average_precision.value is not None for row in model.classes.values()),
        len(model.classes),
    )
    if ranked not in (
        0,
        measurable,
    ):  # a class that is present everywhere has an F1, but no average precision
        return [
            say("{metrics} (mean over {measurable} of {classes} classes)", classes=classes, measurable=count,
                metrics=_describe_metrics(model.metrics, (name,)))
            for name, count in (("mean_average_precision", ranked), ("macro_f1", measurable))
        ]  # fmt: skip
    means = _describe_metrics(model.metrics, ("mean_average_precision", "macro_f1"))
    if measurable == classes:
        return [say_count(
            "{metrics} (of the {n} class)", "{metrics} (means over all {n} classes)", measurable, metrics=means,
        )]  # fmt: skip
    return [
        say("{metrics} (means over {measurable} of {classes} classes)", metrics=means, measurable=measurable,
            classes=classes)
    ]  # fmt: skip


def _describe_metrics(metrics: dict[str, Estimate], names: Sequence[str]) -> str:
    """Titles and values of those that are measurable."""
    shown = [
        say("{metric} {value}", metric=metric_title(name), value=_value(metrics[name]))
        for name in names if metrics[name].value is not None
    ]  # fmt: skip
    return listing(shown, len(shown))


def _value(estimate: Estimate) -> str:
    return estimate.value_text() if estimate.low is None else estimate.text()


def _missing_interval(model: MultilabelModel) -> list[str]:
    """The class for which the means over classes have no interval."""
    there = {name: row.groups for name, row in model.classes.items() if row.positives}
    if not there or model.metrics["macro_f1"].low is not None:
        return []
    fewest = min(there, key=lambda name: there[name])
    return [say_count(
        "No confidence interval for means over classes, because only {n} group shows class {name}.",
        "No confidence interval for means over classes, because only {n} groups show class {name}.",
        there[fewest], name=_quote(fewest),
    )]  # fmt: skip


def _extremes(model: MultilabelModel) -> list[str]:
    """The class with the highest and that with the lowest F1, if they differ, of those that some image lacks."""
    scores = {
        name: row.f1.value for name, row in model.classes.items()
        if row.f1.value is not None and not _is_always_present(row)
    }  # fmt: skip
    if len(set(scores.values())) < 2:
        return []
    best, worst = max(scores, key=lambda name: scores[name]), min(scores, key=lambda name: scores[name])
    return [say(
        "Best class: {best} (F1 {best_f1}); worst class: {worst} (F1 {worst_f1}).", best=_quote(best),
        worst=_quote(worst), best_f1=number(scores[best]), worst_f1=number(scores[worst]),
    )]  # fmt: skip


def _below_chance(model: MultilabelModel) -> list[str]:
    """Classes whose images are not ranked above the others."""
    areas = {name: row.roc_auc.value for name, row in model.classes.items() if row.roc_auc.value is not None}
    low = [
        say("{name} ({area})", name=_quote(name), area=number(area))
        for name, area in areas.items() if area <= _CHANCE
    ]  # fmt: skip
    return (
        [say("Ranked no better than by chance (ROC AUC): {names}.", names=listing(low, _NAMED))]
        if low
        else []
    )


def _not_measurable(model: MultilabelModel) -> list[str]:
    """Classes without a positive."""
    absent = [
        say("{name} (0 positives in {n} known images)", name=_quote(name), n=row.known)
        for name, row in model.classes.items() if not row.positives
    ]  # fmt: skip
    if not absent:
        return []
    return [say("Recall, F1 and average precision not measurable: {names}.", names=listing(absent, _NAMED))]


def _never_absent(model: MultilabelModel) -> list[str]:
    """Classes without a negative, whose average precision is not measurable, and the classes of its mean."""
    names = [_quote(name) for name, row in model.classes.items() if _is_always_present(row)]
    if not names:
        return []
    shown = {"names": listing(names, _NAMED)}
    others = sum(row.average_precision.value is not None for row in model.classes.values())
    if not others:
        return [say(
            "Present in every image where it is known: {names}. Without an image that lacks a class, no average "
            "precision is measurable.", **shown,
        )]  # fmt: skip
    return [say_count(
        "Present in every image where it is known: {names}. Average precision is not measurable there; it is that of "
        "the other class.",
        "Present in every image where it is known: {names}. Average precision is not measurable there; its mean is "
        "over the other {n} classes.",
        others, **shown,
    )]  # fmt: skip


def _is_always_present(row: LabelEstimates) -> bool:
    return 0 < row.positives == row.known


def _images(model: MultilabelModel) -> str:
    return say(
        "All labels correct (subset accuracy): {subset} of the images; wrong labels (Hamming loss): {hamming}.",
        subset=_share(model, "subset_accuracy"), hamming=_share(model, "hamming_loss"),
    )  # fmt: skip


def _share(model: MultilabelModel, metric: str) -> str:
    estimate = model.metrics[metric]
    if estimate.low is None:
        return estimate.percent_text()
    return say(
        "{share} (95 % CI {interval})",
        share=estimate.percent_text(),
        interval=estimate.percent_interval_text(),
    )


def _baseline(row: MultilabelComparison, e: MultilabelReport) -> str:
    difference = row.metrics[row.primary_metric]
    values = {
        "name": e.models[0].name, "baseline": row.name, "metric": metric_title(row.primary_metric),
        "first": number(difference.first), "other": number(difference.other), "p": p_text(row.p_holm),
    }  # fmt: skip
    if row.verdict == BETTER:
        return say(
            "{name} is significantly better than the baseline {baseline}: {metric} {first} against {other} ({p}).",
            **values,
        )  # fmt: skip
    if row.verdict == WORSE:
        return say(
            "{name} is significantly worse than the baseline {baseline}: {metric} {first} against {other} ({p}).",
            **values,
        )  # fmt: skip
    if difference.low is None:
        return say(
            "Baseline {baseline}: {metric} {other}, {name} {first}; there are too few groups for a verdict.", **values
        )  # fmt: skip
    return say(
        "{name} is not significantly better than the baseline {baseline}: {metric} {first} against {other} ({p}).",
        **values,
    )  # fmt: skip


def _thresholds(model: MultilabelModel) -> list[str]:
    """Which classes share a threshold."""
    shared = [name for name, row in model.thresholds.items() if row.shared]
    if not shared:
        return []
    threshold = number(model.thresholds[shared[0]].threshold, 2)
    if len(shared) == len(model.thresholds):
        return [say("All classes share the threshold {threshold}.", threshold=threshold)]
    return [say(
        "Shared threshold {threshold}, because of too few examples for one of its own: {names}.",
        names=listing([_quote(name) for name in shared], _NAMED), threshold=threshold,
    )]  # fmt: skip


def _quote(name: str) -> str:
    return f"'{name}'"
