"""Which compressed model replaces its parent."""

from collections.abc import Sequence

from pupila.artifacts.report.compression import CompressedModel, CompressReport, Latency
from pupila.core.messages import number, say
from pupila.statistics.metrics.titles import LOWER_IS_BETTER
from pupila.statistics.tests import EQUIVALENT

FASTER = 1.05  # lower end of the interval of the speed-up, for one image on one core


def choose(models: Sequence[CompressedModel], metric: str, max_drop: float) -> list[CompressedModel]:
    """The models with their outcomes: the fastest of those that are good enough is chosen.

    Of those that are equally fast as far as their intervals show, the one that loses least is, then the smallest.

    Args:
        models: compared with their parent; failed ones stay as they are.
        metric: id of what the difference is of.
        max_drop: of the metric, where equivalence is not shown.
    """
    refused = [_refuse(model, metric, max_drop) for model in models]
    possible = [model for model in refused if model.outcome == "possible"]
    if not possible:
        return refused
    fastest = max(possible, key=_speed_up)
    equal = [model for model in possible if _is_as_fast(model, fastest)]
    best = min(equal, key=lambda model: (measure_drop(model, metric), model.bytes, -_speed_up(model)))
    return [
        model.model_copy(update={"outcome": "chosen"}) if model is best
        else model.model_copy(update={"reason": _describe_other(model, best, model in equal)})
        if model.outcome == "possible" else model
        for model in refused
    ]  # fmt: skip


def _speed_up(model: CompressedModel) -> float:
    return single(model.latencies).speed_up.value or 0.0


def _is_as_fast(model: CompressedModel, fastest: CompressedModel) -> bool:
    """Whether their intervals touch."""
    return (single(model.latencies).speed_up.high or 0.0) >= (single(fastest.latencies).speed_up.low or 0.0)


def find_front(report: CompressReport) -> list[CompressedModel | None]:
    """The models that no other exceeds in speed without a loss of the metric (the Pareto front); None: the parent."""
    measured = [model for model in report.models if model.latencies and model.difference is not None]
    costs: list[tuple[CompressedModel | None, tuple[float, float]]] = [(None, (1.0, 0.0))]
    costs += [(model, (_speed_up(model), measure_drop(model, report.metric))) for model in measured]
    return [model for model, own in costs if not any(_dominates(rival, own) for _, rival in costs)]


def _dominates(rival: tuple[float, float], model: tuple[float, float]) -> bool:
    """Whether a rival's (speed-up, loss) are both as good as those of a model, and not the same."""
    return rival != model and rival[0] >= model[0] and rival[1] <= model[1]


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


def _describe_other(model: CompressedModel, best: CompressedModel, as_fast: bool) -> str:
    if as_fast:
        return say("as fast as the chosen one, which loses less or is smaller")
    ours, theirs = single(model.latencies).speed_up, single(best.latencies).speed_up
    return say("{ratio} times as fast, the chosen one {best} times", ratio=ours.value_text(2),
               best=theirs.value_text(2))  # fmt: skip
