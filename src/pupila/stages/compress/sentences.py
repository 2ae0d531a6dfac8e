"""What came of a compression, in sentences."""

from pupila.artifacts.report.compression import CompressedModel, CompressReport
from pupila.core.messages import number, say, say_count, say_images, signed_number
from pupila.stages.compress.choose import single
from pupila.statistics.metrics.titles import metric_title
from pupila.statistics.tests import EQUIVALENT


def sentences(report: CompressReport) -> list[str]:
    """The summary, most important first."""
    chosen = next((model for model in report.models if model.outcome == "chosen"), None)
    if chosen is None:
        texts = [
            say("Nothing was gained: no compressed model is both faster and good enough. The parent stays.")
        ]
    else:
        texts = [_describe(chosen, report), _describe_proof(chosen, report)]
    texts += [
        say("{title}: {reason}.", title=model.title, reason=model.reason)
        for model in report.models
        if model.reason
    ]
    texts.append(
        say_count(
            "Compared on {images} of the {split} split in {n} group; times are those of the model alone, in turns "
            "with its parent.",
            "Compared on {images} of the {split} split in {n} groups; times are those of the model alone, in turns "
            "with its parent.", report.groups, images=say_images(report.images), split=report.split,
        )
    )  # fmt: skip
    return texts


def _describe(model: CompressedModel, report: CompressReport) -> str:
    assert model.difference is not None
    change = model.difference.first - model.difference.other
    return say(
        "{title}: {faster} times as fast, {smaller} times smaller; {metric} {change} points (95 % CI {interval}), "
        "n = {n}.",
        title=model.title, faster=single(model.latencies).speed_up.value_text(1),
        smaller=number(report.bytes / model.bytes, 1), metric=metric_title(report.metric),
        change=signed_number(100 * change, 1), interval=_interval(model), n=report.images,
    )  # fmt: skip


def _interval(model: CompressedModel) -> str:
    assert model.difference is not None
    if model.difference.low is None or model.difference.high is None:
        return say("too few groups")
    return say("{low} to {high}", low=signed_number(100 * model.difference.low, 1),
               high=signed_number(100 * model.difference.high, 1))  # fmt: skip


def _describe_proof(model: CompressedModel, report: CompressReport) -> str:
    if model.verdict == EQUIVALENT:
        return say("The two models are equivalent: the interval lies within 2 points.")
    return say(
        "{n} are too few to show equivalence; the loss as measured is within the {most} points that --max-drop allows.",
        n=say_images(report.images), most=number(100 * report.max_drop, 1),
    )  # fmt: skip
