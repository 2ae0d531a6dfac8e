"""The summary of a classifier's evaluation in sentences."""

from pupila.artifacts.report.evaluation.classify import (
    ClassifyComparison,
    ClassifyModel,
    ClassifyReport,
    ThresholdReport,
)
from pupila.core.messages import listing, number, percent, say, say_count
from pupila.stages.evaluate.verdicts import (
    comparison_sentence,
    count_pairs,
    few_groups_warning,
    never_recognised,
    paired_test_words,
)
from pupila.statistics.estimate import p_text
from pupila.statistics.metrics.titles import objective_title
from pupila.statistics.tests import BETTER, LEAST_GROUPS, WORSE


def verdict(e: ClassifyReport) -> list[str]:
    """The metrics, the baseline, classes without a correct prediction, and the comparisons with other models."""
    model = e.models[0]
    comparisons = [comparison_sentence(row, e, evidence(row, e)) for row in e.comparisons]
    recalls = {name: (row.images, row.recall) for name, row in model.classes.items()}
    return [
        _accuracy(e, model), _macro_f1(model), _baseline(model), *never_recognised(recalls), *_not_measurable(model),
        *comparisons,
    ]  # fmt: skip


def evidence(row: ClassifyComparison, e: ClassifyReport) -> str:
    """What differs, and the test."""
    values = {
        "a": row.only_first, "b": row.only_other, "name": e.models[0].name, "other": row.name,
        "p": p_text(row.p_holm), "n": len(e.comparisons), "test": paired_test_words(e.models[0]),
    }  # fmt: skip
    if len(e.comparisons) > 1:
        return say(
            "Images correct only with {name}: {a}, only with {other}: {b} ({test}, Holm-corrected for {n} "
            "comparisons, {p}).", **values,
        )  # fmt: skip
    return say("Images correct only with {name}: {a}, only with {other}: {b} ({test}, {p}).", **values)


def warnings(e: ClassifyReport) -> list[str]:
    """A collapse, classes with too few groups, and the effect of a tuned threshold."""
    model, texts = e.models[0], []
    if sum(map(bool, map(sum, zip(*model.confusion, strict=True)))) < 2:
        texts.append(say("The model predicts a single class (collapsed)."))
    few = [name for name, row in model.classes.items() if row.images and row.recall.low is None]
    if few:
        texts.append(few_groups_warning(e, few))
    if e.threshold:
        texts += _threshold(e.threshold)
    return texts


def _accuracy(e: ClassifyReport, model: ClassifyModel) -> str:
    accuracy = model.metrics["accuracy"]
    values = {
        "name": model.name, "accuracy": accuracy.value_text(), "correct": model.correct, "images": model.n,
        "split": e.split, "groups": model.groups,
    }  # fmt: skip
    if accuracy.low is None:
        return say_count(
            "{name}: accuracy {accuracy} ({correct} of {images} {split} images in {n} group; too few groups for a "
            "confidence interval).",
            "{name}: accuracy {accuracy} ({correct} of {images} {split} images in {n} groups; too few groups for a "
            "confidence interval).", model.groups, **values,
        )  # fmt: skip
    return say(
        "{name}: accuracy {accuracy} (95 % CI {interval}; {correct} of {images} {split} images in {groups} "
        "groups).",
        interval=accuracy.interval_text(), **values,
    )  # fmt: skip


def _macro_f1(model: ClassifyModel) -> str:
    f1 = model.metrics["macro_f1"]
    predicted = map(sum, zip(*model.confusion, strict=True))
    counted = sum(bool(row.images or n) for row, n in zip(model.classes.values(), predicted, strict=True))
    if f1.low is not None:
        return say_count(
            "Macro F1 (of {n} class) {f1}.", "Macro F1 (mean over {n} classes) {f1}.", counted, f1=f1.text()
        )
    there = {name: row.groups for name, row in model.classes.items() if row.images}
    smallest = min(there, key=lambda name: there[name])
    return say_count(
        "Macro F1 (mean over classes: {classes}) {f1}; no confidence interval, because class '{class_name}' has only "
        "{n} group.",
        "Macro F1 (mean over classes: {classes}) {f1}; no confidence interval, because class '{class_name}' has only "
        "{n} groups.",
        there[smallest], classes=counted, f1=f1.value_text(), class_name=smallest,
    )  # fmt: skip


def _baseline(model: ClassifyModel) -> str:
    """Whether the model is better than the majority class, image by image."""
    base, test = model.baseline, model.baseline_test
    values = {
        "accuracy": model.metrics["accuracy"].percent_text(), "baseline": percent(base.metrics["accuracy"]),
        "class_name": base.name, "pairs": count_pairs(test), "test": paired_test_words(model),
        "p": p_text(test.p_value),
    }  # fmt: skip
    if test.verdict == BETTER:
        return say(
            "Accuracy {accuracy} is significantly above the majority-class baseline of {baseline} (class "
            "'{class_name}'; {pairs}; {test}, {p}).", **values,
        )  # fmt: skip
    if test.verdict == WORSE:
        return say(
            "Accuracy {accuracy} is significantly below the majority-class baseline of {baseline} (class "
            "'{class_name}'; {pairs}; {test}, {p}).", **values,
        )  # fmt: skip
    if model.groups < LEAST_GROUPS:
        return say(
            "Accuracy {accuracy}, majority-class baseline {baseline} (class '{class_name}'; {pairs}): there are too "
            "few groups for a verdict.", **values,
        )  # fmt: skip
    return say(
        "Accuracy {accuracy} is not significantly above the majority-class baseline of {baseline} (class "
        "'{class_name}'; {pairs}; {test}, {p}).", **values,
    )  # fmt: skip


def _not_measurable(model: ClassifyModel) -> list[str]:
    """Classes without an image."""
    absent = [f"'{name}'" for name, row in model.classes.items() if not row.images]
    if not absent:
        return []
    return [say("No image of {names} was evaluated: their recall is not measurable.", names=listing(absent))]


def _threshold(t: ThresholdReport) -> list[str]:
    values = {
        "threshold": number(t.threshold, 2), "positive": t.positive,
        "objective": objective_title(t.objective),
        "fn_before": t.without_threshold.false_negatives, "fn_after": t.with_threshold.false_negatives,
        "fp_before": t.without_threshold.false_positives, "fp_after": t.with_threshold.false_positives,
    }  # fmt: skip
    if values["fn_before"] == values["fn_after"] and values["fp_before"] == values["fp_after"]:
        change = say(
            "With a decision threshold of {threshold} for class '{positive}' (tuned on validation for {objective}), "
            "errors are unchanged (false negatives: {fn_after}, false positives: {fp_after}).", **values,
        )  # fmt: skip
    else:
        change = say(
            "With a decision threshold of {threshold} for class '{positive}' (tuned on validation for {objective}), "
            "false negatives change from {fn_before} to {fn_after} and false positives from {fp_before} to {fp_after}.",
            **values,
        )  # fmt: skip
    recall = t.with_threshold.recall
    if recall.low is None:
        return [
            change,
            say(
                "Recall of '{positive}' at this threshold: {recall}; too few groups for a confidence interval.",
                positive=t.positive,
                recall=recall.value_text(),
            ),
        ]
    return [
        change,
        say(
            "Recall of '{positive}' at this threshold: {recall}.", positive=t.positive, recall=recall.text()
        ),
    ]  # fmt: skip
