"""The summary of an evaluation with prompts in sentences."""

from pupila.artifacts.report.evaluation.prompt import PromptComparison, PromptReport
from pupila.core.messages import number, say, say_count, signed_percent
from pupila.stages.evaluate.segment.sentences import agreement_sentence
from pupila.stages.evaluate.verdicts import comparison_sentence, few_groups_warning
from pupila.statistics.estimate import p_text
from pupila.statistics.tests import BETTER, WORSE
from pupila.tasks.prompt_strategies import BOX, POINTS


def verdict(e: PromptReport) -> list[str]:
    """For each prompt strategy the metrics, the comparisons, failures and baselines; then what labels and model say."""
    texts = [_headline(e, strategy) for strategy in e.strategies]
    for strategy in e.strategies:
        rows = [row for row in e.comparisons if row.strategy == strategy]
        rivals = [row for row in rows if not row.is_baseline]
        texts += [
            comparison_sentence(row, e, _evidence(row, e), strategy_titles()[strategy]) for row in rivals
        ]
        texts.append(_failures(e, strategy, rivals))
        texts.append(" ".join(_baseline(e, row) for row in rows if row.is_baseline))
    texts += [agreement_sentence(e.annotation_agreement)] if e.annotation_agreement else []
    return texts + _predicted_iou(e)


def warnings(e: PromptReport) -> list[str]:
    """Images without targets, and too few groups."""
    texts = []
    if e.images_without_targets:
        texts.append(say_count(
            "{n} image has no foreground region to prompt for and is skipped.",
            "{n} images have no foreground region to prompt for and are skipped.", e.images_without_targets,
        ))  # fmt: skip
    if e.models[0].strategies[POINTS.name].per_mask["iou"].mean.low is None:
        texts.append(few_groups_warning(e, []))
    return texts


def strategy_titles() -> dict[str, str]:
    """The prompt strategies in the user's language."""
    return {POINTS.name: say("point prompts"), BOX.name: say("box prompts")}


def _headline(e: PromptReport, strategy: str) -> str:
    model = e.models[0]
    mean = model.strategies[strategy].per_mask["iou"].mean
    values = {
        "name": model.name, "prompts": strategy_titles()[strategy], "iou": mean.value_text(),
        "interval": mean.interval_text(), "masks": e.masks, "images": e.images, "split": e.split, "groups": e.groups,
    }  # fmt: skip
    if mean.low is None:
        return say_count(
            "{name} with {prompts}: mean IoU {iou} (n = {masks} masks of {images} {split} images in {n} group; too few "
            "groups for a confidence interval).",
            "{name} with {prompts}: mean IoU {iou} (n = {masks} masks of {images} {split} images in {n} groups; too "
            "few groups for a confidence interval).", e.groups, **values,
        )  # fmt: skip
    return say(
        "{name} with {prompts}: mean IoU {iou} (95 % CI {interval}, n = {masks} masks of {images} {split} images "
        "in {groups} groups).", **values,
    )  # fmt: skip


def _evidence(row: PromptComparison, e: PromptReport) -> str:
    metric = row.metrics[row.primary_metric]
    values = {
        "first": number(metric.first), "second": number(metric.other), "p": p_text(row.p_holm),
        "n": len(e.comparisons),
    }  # fmt: skip
    if metric.change is None:
        return say(
            "Mean IoU: {first} against {second} (sign-flip test over groups, Holm-corrected for {n} comparisons, {p}).",
            **values,
        )  # fmt: skip
    return say(
        "Mean IoU: {first} against {second}, a change of {change} (sign-flip test over groups, Holm-corrected for {n} "
        "comparisons, {p}).", change=signed_percent(metric.change), **values,
    )  # fmt: skip


def _failures(e: PromptReport, strategy: str, rivals: list[PromptComparison]) -> str:
    failed = e.models[0].strategies[strategy].failures
    texts = [say_count(
        "With {prompts}, {n} of {all} masks has an IoU below {below} (failure).",
        "With {prompts}, {n} of {all} masks have an IoU below {below} (failures).",
        failed.masks, prompts=strategy_titles()[strategy], all=e.masks, below=number(failed.below, 1),
    )]  # fmt: skip
    for row in rivals:
        pair = row.failures
        values = {"other": row.name, "p": p_text(pair.p_value)}
        if not pair.other:
            texts.append(say("{other} has no failures (exact McNemar test, {p}).", **values))
            continue
        texts.append(say_count(
            "{other} has {n} failure, so this is a change of {change} (exact McNemar test, {p}).",
            "{other} has {n} failures, so this is a change of {change} (exact McNemar test, {p}).",
            pair.other, change=signed_percent(pair.first / pair.other - 1, 0), **values,
        ))  # fmt: skip
    return " ".join(texts)


def _baseline(e: PromptReport, row: PromptComparison) -> str:
    values = {
        "prompts": strategy_titles()[row.strategy], "name": e.models[0].name, "baseline": row.name,
        "iou": number(row.metrics[row.primary_metric].other),
    }  # fmt: skip
    if row.verdict == BETTER:
        return say(
            "With {prompts}, {name} is significantly better than the baseline {baseline} (mean IoU {iou}).", **values
        )  # fmt: skip
    if row.verdict == WORSE:
        return say(
            "With {prompts}, {name} is significantly worse than the baseline {baseline} (mean IoU {iou}).", **values
        )  # fmt: skip
    return say(
        "With {prompts}, {name} is not significantly better than the baseline {baseline} (mean IoU {iou}).",
        **values,
    )


def _predicted_iou(e: PromptReport) -> list[str]:
    model = e.models[0]
    errors = {
        strategy: result.predicted_iou.error
        for strategy, result in model.strategies.items()
        if result.predicted_iou is not None
    }
    return [
        say(
            "With {prompts}, the predicted IoU of {name} differs from the actual IoU by {error} on average.",
            prompts=strategy_titles()[strategy], name=model.name, error=error.value_text(),
        )
        for strategy, error in errors.items()
    ]  # fmt: skip
