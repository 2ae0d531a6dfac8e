"""What came of a compression, in sentences."""

from pupila.artifacts.report.compression import CompressedModel, CompressReport
from pupila.core.messages import number, say, say_count, say_images, signed_number
from pupila.core.vocabulary import VALIDATION
from pupila.stages.compress.candidate import is_trained
from pupila.stages.compress.choose import find_front, single
from pupila.stages.compress.settings import CompressSettings
from pupila.statistics.metrics.titles import metric_title
from pupila.statistics.tests import BETTER, EQUIVALENT, WORSE


def sentences(report: CompressReport) -> list[str]:
    """The summary, most important first."""
    chosen = next((model for model in report.models if model.outcome == "chosen"), None)
    if chosen is None:
        texts = [
            say("Nothing was gained: no compressed model is both faster and good enough. The parent stays.")
        ]
    else:
        texts = [_describe(chosen, report), _describe_proof(chosen, report)]
    reasons: dict[str, list[str]] = {}  # models with the same reason share a sentence
    for model in report.models:
        if model.reason and model.outcome != "possible":  # those only lag behind, as the table shows
            reasons.setdefault(model.reason, []).append(model.title)
    texts += [
        say("{titles}: {reason}.", titles="; ".join(titles), reason=reason)
        for reason, titles in reasons.items()
    ]
    texts.append(
        say_count(
            "Compared on {images} of the {split} split in {n} group; times are those of the model alone, in turns "
            "with its parent.",
            "Compared on {images} of the {split} split in {n} groups; times are those of the model alone, in turns "
            "with its parent.", report.groups, images=say_images(report.images), split=report.split,
        )
    )  # fmt: skip
    if report.split == VALIDATION and any(
        is_trained(model.name) for model in report.models if model.outcome != "failed"
    ):
        texts.append(
            say(
                "Trained networks chose their epoch on these images; --test compares on images that chose nothing."
            )
        )
    texts += report.remarks
    if report.unread_images:
        texts.append(
            say_count("{n} calibration image can't be read and was skipped; pupila doctor names it.",
                      "{n} calibration images can't be read and were skipped; pupila doctor names them.",
                      report.unread_images)
        )  # fmt: skip
    return texts


def describe_front(report: CompressReport) -> list[str]:
    """Which models no other exceeds in both speed and metric; nothing where the parent is alone there."""
    front = find_front(report)
    models = [model for model in front if model is not None]
    if not models:
        return []
    models.sort(key=lambda model: single(model.latencies).speed_up.value or 0.0)
    parts = [say("the parent")] if None in front else []
    parts += [
        say("{title} ({faster} times, {change} points)", title=model.title,
            faster=single(model.latencies).speed_up.value_text(1), change=_points(model))
        for model in models
    ]  # fmt: skip
    return [
        say(
            "The best trade-offs of speed and {metric}, as measured: {models}.",
            models="; ".join(parts),
            metric=metric_title(report.metric),
        )
    ]


def _points(model: CompressedModel) -> str:
    """The change of the metric, in points."""
    assert model.difference is not None
    return signed_number(100 * (model.difference.first - model.difference.other), 1)


def _describe(model: CompressedModel, report: CompressReport) -> str:
    return say(
        "{title}: {faster} times as fast (95 % CI {speed_ups}), {smaller} times smaller; {metric} {change} points "
        "(95 % CI {interval}), "
        "n = {n}.",
        title=model.title, faster=single(model.latencies).speed_up.value_text(1),
        speed_ups=single(model.latencies).speed_up.interval_text(1),
        smaller=number(report.bytes / model.bytes, 1), metric=metric_title(report.metric),
        change=_points(model), interval=interval_in_points(model), n=report.images,
    )  # fmt: skip


def interval_in_points(model: CompressedModel) -> str:
    """Of the change of the metric."""
    assert model.difference is not None
    if model.difference.low is None or model.difference.high is None:
        return say("too few groups")
    return say("{low} to {high}", low=signed_number(100 * model.difference.low, 1),
               high=signed_number(100 * model.difference.high, 1))  # fmt: skip


def _describe_proof(model: CompressedModel, report: CompressReport) -> str:
    if model.verdict == EQUIVALENT:
        return say("The two models are equivalent: the interval lies within 2 points.")
    if model.verdict == BETTER:
        return say("It is better than its parent, beyond chance.")
    if model.verdict == WORSE:
        return say("It is worse than its parent, beyond chance; the loss as measured is within the {most} points that "
                   "--max-drop allows.", most=number(100 * report.max_drop, 1))  # fmt: skip
    return say(
        "{n} are too few to show equivalence; the loss as measured is within the {most} points that --max-drop allows.",
        n=say_images(report.images), most=number(100 * report.max_drop, 1),
    )  # fmt: skip


def describe_plan(titles: list[str], calibration: int, images: int, settings: CompressSettings) -> list[str]:
    """What a compression would try.

    Args:
        titles: of the candidates.
        calibration: training images that ranges are measured on.
        images: of the split that the models are compared on.
        settings: of the compression.
    """
    texts = [
        say_count("{n} model would be tried: {titles}.", "{n} models would be tried: {titles}.", len(titles),
                  titles="; ".join(titles)),
        say("All are compared with the model on {images}.", images=say_images(images)),
    ]  # fmt: skip
    if settings.int8:
        texts.append(say("Ranges are measured on {calibration} of the training split.",
                         calibration=say_images(calibration)))  # fmt: skip
    if settings.prune or settings.zero:
        texts.append(say_count("Pruned networks are fine-tuned for {n} epoch.",
                               "Pruned networks are fine-tuned for {n} epochs.", settings.finetune_epochs))  # fmt: skip
    if settings.distill_into:
        texts.append(say("A distilled network is trained as pupila train trains it."))
    return texts
