"""Whether an alarm can fire, whom it reaches, and what it takes missing data for."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pupila.artifacts.web.cloudwatch import DRIFT_ALARM, LATENCY, NAMESPACE, READY, SWAP_FAILED
from pupila.core.messages import say
from pupila.stages.deploy.checks.aws_metrics import SPARSE
from pupila.stages.deploy.checks.template_values import as_dict, list_dicts

Place = tuple[str, str]  # problem, remedy

_MINUTE = 60  # seconds: every metric has a value a minute
_DAY, _WEEK, _HOUR = 86_400, 604_800, 3_600
_STATISTICS = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
_OF_ONE_VALUE = ("Average", "Minimum", "Maximum")
_EXTENDED = re.compile(r"(p|tm|tc|ts|wm)(100|\d{1,2})(\.\d{1,10})?|(PR|TC|TM|TS|WM)\([^)]*\)|IQM")
_FLAGS = (READY.name, SWAP_FAILED.name, DRIFT_ALARM.name)  # 0 or 1
_SILENCE = re.compile(r"no[ _-]?(data|metrics)|silent|missing", re.IGNORECASE)

_FIRES: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}


@dataclass(frozen=True, slots=True)
class Reading:
    """A metric that something reads."""

    namespace: str
    metric: str
    dimensions: frozenset[tuple[str, str]]


def check_alarm(properties: dict[str, Any], readings: Sequence[Reading]) -> Iterator[Place]:
    """The faults of an alarm, beside those of what it reads."""
    if not readings:
        yield say("The alarm reads no metric"), "MetricName"
    actions = properties.get("AlarmActions")
    if not actions or properties.get("ActionsEnabled") is False:
        yield say("The alarm reaches nobody: it has no actions"), "AlarmActions: [!Ref TOPIC]"
    if "MetricName" in properties:
        yield from _check_statistic(properties)
        yield from _check_threshold(properties)
    yield from _check_periods(properties)
    yield from _check_missing(properties, readings)


def _check_statistic(properties: dict[str, Any]) -> Iterator[Place]:
    plain, extended = properties.get("Statistic"), properties.get("ExtendedStatistic")
    if (plain is None) == (extended is None):
        yield say("The alarm needs one statistic"), "Statistic, ExtendedStatistic"
    elif plain is not None and plain not in _STATISTICS:
        yield say("CloudWatch has no statistic {name}", name=str(plain)), ", ".join(_STATISTICS)
    elif extended is not None and not _EXTENDED.fullmatch(str(extended)):
        yield say("CloudWatch has no statistic {name}", name=str(extended)), "p95"


def _check_threshold(properties: dict[str, Any]) -> Iterator[Place]:
    """Values are 0 or more; those of flags are at most 1."""
    operator, threshold = str(properties.get("ComparisonOperator")), _number(properties.get("Threshold"))
    fires = _FIRES.get(operator)
    if fires is None or threshold is None:
        return
    flag = properties["MetricName"] in _FLAGS and properties.get("Namespace") == NAMESPACE
    most = 1.0 if flag and properties.get("Statistic") in _OF_ONE_VALUE else float("inf")
    if not fires(0, threshold) and not fires(most, threshold):
        problem = say(
            "The alarm can't fire: no value of {name} meets its threshold", name=properties["MetricName"]
        )
        yield problem, f"{operator} {threshold:g}"
    elif fires(0, threshold) and fires(most, threshold):
        problem = say(
            "The alarm always fires: every value of {name} meets its threshold", name=properties["MetricName"]
        )
        yield problem, f"{operator} {threshold:g}"


def _check_periods(properties: dict[str, Any]) -> Iterator[Place]:
    metrics = list_dicts(properties.get("Metrics"))
    queries = [as_dict(each["MetricStat"]) for each in metrics if "MetricStat" in each]
    periods = [
        _number(each.get("Period")) for each in ([properties] if "MetricName" in properties else queries)
    ]
    count, needed = _number(properties.get("EvaluationPeriods")), _number(properties.get("DatapointsToAlarm"))
    for period in periods:
        if period is None:
            yield say("The alarm needs a period"), "Period: 60"
        elif period < _MINUTE or period % _MINUTE:
            problem = say(
                "The period of {n} s is no multiple of a minute: it has periods without data", n=int(period)
            )
            yield problem, "Period: 60"
        elif count and period * count > (_WEEK if period >= _HOUR else _DAY):
            yield (
                say("CloudWatch refuses alarms over so long a time"),
                f"Period x EvaluationPeriods <= {_DAY}",
            )
    if count is None or count < 1:
        yield say("The alarm needs a number of periods"), "EvaluationPeriods: 1"
    elif needed is not None and needed > count:
        problem = say(
            "The alarm can't fire: it needs {n} of {periods} periods", n=int(needed), periods=int(count)
        )
        yield problem, f"DatapointsToAlarm <= {int(count)}"


def _check_missing(properties: dict[str, Any], readings: Sequence[Reading]) -> Iterator[Place]:
    treated = properties.get("TreatMissingData", "missing")
    names = [reading.metric for reading in readings]
    own = any(reading.namespace == NAMESPACE for reading in readings)
    about = f"{properties.get('AlarmName', '')} {properties.get('AlarmDescription', '')}"
    if treated != "breaching" and (_SILENCE.search(about) or (own and READY.name in names)):
        problem = say(
            "The alarm is for a service that writes nothing, and treats missing data as {name}", name=treated
        )
        yield problem, "TreatMissingData: breaching"
    if treated == "breaching":
        for name in names:
            if name.startswith(SPARSE) or (own and name == LATENCY.name):
                problem = say("The alarm fires without requests: {name} has no data then", name=name)
                yield problem, "TreatMissingData: notBreaching"


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
