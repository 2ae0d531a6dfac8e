"""Which compressed model replaces its parent."""

from collections.abc import Sequence

from pupila.artifacts.report.compression import CompressedModel, Latency
from pupila.core.messages import number, say
from pupila.statistics.metrics.titles import LOWER_IS_BETTER
from pupila.statistics.tests import EQUIVALENT

FASTER = 1.05  # lower end of the interval of the speed-up, for one image on one core


def choose(models: Sequence[CompressedModel], metric: str, max_drop: float) -> list[CompressedModel]:
    """The models with their outcomes: the fastest of those that are fast and good enough is chosen.

    Args:
        models: compared with their parent; failed ones stay as they are.
        metric: id of what the difference is of.
        max_drop: of the metric, where equivalence is not shown.
    """
    refused = [_refuse(model, metric, max_drop) for model in models]
    possible = [model for model in refused if model.outcome == "possible"]
    best = max(possible, key=lambda model: single(model.latencies).speed_up.value or 0.0, default=None)
    return [
        model.model_copy(update={"outcome": "chosen"}) if model is best
        else model.model_copy(update={"reason": _describe_slower(model, best)})
        if best is not None and model.outcome == "possible" else model
        for model in refused
    ]  # fmt: skip


def single(latencies: Sequence[Latency]) -> Latency:
    """Of one image on one core."""
    return next(each for each in latencies if (each.threads, each.batch) == (1, 1))


def measure_drop(model: CompressedModel, metric: str) -> float:
    """The loss of the metric, positive where the model is worse than its parent."""
    assert model.difference is not None
    change = model.difference.first - model.difference.other
    return change if metric in LOWER_IS_BETTER else -change


def _refuse(model: CompressedModel, metric: str, max_drop: float) -> CompressedModel:
    if model.outcome == "failed":
        return model
    drop, speed_up = measure_drop(model, metric), single(model.latencies).speed_up
    if drop > max_drop and model.verdict != EQUIVALENT:
        reason = say("it loses {drop} points, and {most} are allowed", drop=number(100 * drop, 1),
                     most=number(100 * max_drop, 1))  # fmt: skip
        return model.model_copy(update={"outcome": "worse", "reason": reason})
    if (speed_up.low or 0.0) < FASTER:
        reason = say("it is not faster: {ratio} times (95 % CI {interval})", ratio=speed_up.value_text(2),
                     interval=speed_up.interval_text(2))  # fmt: skip
        return model.model_copy(update={"outcome": "not faster", "reason": reason})
    return model.model_copy(update={"outcome": "possible"})


def _describe_slower(model: CompressedModel, best: CompressedModel) -> str:
    ours, theirs = single(model.latencies).speed_up, single(best.latencies).speed_up
    return say("{ratio} times as fast, the chosen one {best} times", ratio=ours.value_text(2),
               best=theirs.value_text(2))  # fmt: skip
