"""Alarms and dashboard of the stack, from the table of the metrics that the service writes."""

import json
from dataclasses import dataclass

from pupila.artifacts.web.cloudwatch import (
    ABSTENTIONS,
    CLIENT_ERRORS,
    DIMENSION,
    DRIFT_ALARM,
    DRIFT_EVIDENCE,
    INVALID_IMAGES,
    LATENCY,
    NAMESPACE,
    PREDICTIONS,
    QUEUE_IMAGES,
    READY,
    REQUESTS,
    SERVER_ERRORS,
    SWAP_FAILED,
    CloudWatchMetric,
)
from pupila.stages.deploy.templates import fill

_LOAD_BALANCER = {"LoadBalancer": "LoadBalancer.LoadBalancerFullName"}
_TARGETS = {**_LOAD_BALANCER, "TargetGroup": "TargetGroup.TargetGroupFullName"}


@dataclass(frozen=True, slots=True)
class AwsMetric:
    """A metric that AWS itself writes."""

    namespace: str
    name: str
    dimensions: dict[str, str]  # to attributes of resources of the stack


HEALTHY_HOSTS = AwsMetric("AWS/ApplicationELB", "HealthyHostCount", _TARGETS)
LOAD_BALANCER_ERRORS = AwsMetric("AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", _LOAD_BALANCER)
CPU = AwsMetric("AWS/EC2", "CPUUtilization", {"AutoScalingGroupName": "Group"})


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm, over periods of a minute."""

    name: str  # of the resource
    metric: CloudWatchMetric | AwsMetric
    statistic: str
    comparison: str
    threshold: str  # a number, or a parameter
    minutes: int
    meaning: str
    missing: str = "notBreaching"  # what no data is taken for


_ABOVE, _FROM, _BELOW = "GreaterThanThreshold", "GreaterThanOrEqualToThreshold", "LessThanThreshold"
ALARMS: tuple[Alarm, ...] = (
    Alarm("ReadyAlarm", READY, "Minimum", _BELOW, "1", 3, "not ready, or no instance writes metrics", "breaching"),
    Alarm("ServerErrorsAlarm", SERVER_ERRORS, "Sum", _ABOVE, "5", 1, "more than 5 responses with a 5xx a minute"),
    Alarm("LoadBalancerErrorsAlarm", LOAD_BALANCER_ERRORS, "Sum", _ABOVE, "5", 1,
          "the load balancer itself sent more than 5 responses with a 5xx in a minute"),
    Alarm("LatencyAlarm", LATENCY, "p95", _ABOVE, "!Ref LatencyLimit", 5, "95th percentile of the latency"),
    Alarm("HealthyHostsAlarm", HEALTHY_HOSTS, "Minimum", _BELOW, "!Ref MinInstances", 5,
          "fewer healthy instances than there should be", "breaching"),
    Alarm("DriftAlarm", DRIFT_ALARM, "Maximum", _FROM, "1", 1, "the images no longer look like the reference"),
    Alarm("SwapFailedAlarm", SWAP_FAILED, "Maximum", _FROM, "1", 5, "the bundle that should be served was refused"),
)  # fmt: skip

# Title of each widget, and its metrics with their statistics.
_WIDGETS: tuple[tuple[str, tuple[tuple[CloudWatchMetric | AwsMetric, str], ...]], ...] = (
    ("Requests and errors a minute", ((REQUESTS, "Sum"), (SERVER_ERRORS, "Sum"), (CLIENT_ERRORS, "Sum"))),
    ("Latency, ms", ((LATENCY, "p50"), (LATENCY, "p95"), (LATENCY, "p99"))),
    ("Predicted images a minute", ((PREDICTIONS, "Sum"), (ABSTENTIONS, "Sum"), (INVALID_IMAGES, "Sum"))),
    ("Images in the queue", ((QUEUE_IMAGES, "Maximum"),)),
    ("Ready", ((READY, "Minimum"), (SWAP_FAILED, "Maximum"), (HEALTHY_HOSTS, "Minimum"))),
    ("Drift", ((DRIFT_ALARM, "Maximum"), (DRIFT_EVIDENCE, "Maximum"))),
    ("CPU, %", ((CPU, "Average"), (CPU, "Maximum"))),
)
_DRIFT = (DRIFT_ALARM, DRIFT_EVIDENCE)  # what a service of a bundle without a reference does not write
_COLUMNS, _WIDTH, _HEIGHT = 2, 12, 6  # of the dashboard's grid, 24 wide


def count_alarms(has_drift: bool) -> int:
    """How many alarms there are."""
    return sum(has_drift or alarm.metric not in _DRIFT for alarm in ALARMS)


def render_alarms(service: str, has_drift: bool) -> str:
    """The resources of all alarms; those of drift where the bundle has a reference."""
    return "\n".join(
        fill(
            "alarm.yaml", name=alarm.name, meaning=alarm.meaning,
            metric=_render_metric(alarm.metric, service),
            statistic=f"{'ExtendedStatistic' if alarm.statistic.startswith('p') else 'Statistic'}: {alarm.statistic}",
            comparison=alarm.comparison, threshold=alarm.threshold, minutes=str(alarm.minutes), missing=alarm.missing,
        )
        for alarm in ALARMS
        if has_drift or alarm.metric not in _DRIFT
    )  # fmt: skip


def _render_metric(metric: CloudWatchMetric | AwsMetric, service: str) -> str:
    if isinstance(metric, AwsMetric):
        namespace, values = (
            metric.namespace,
            {key: f"!GetAtt {value}" for key, value in metric.dimensions.items()},
        )
    else:
        namespace, values = NAMESPACE, {DIMENSION: service}
    dimensions = "".join(f"  - {{Name: {name}, Value: {value}}}\n" for name, value in values.items())
    return f"Namespace: {namespace}\nMetricName: {metric.name}\nDimensions:\n{dimensions}"


def render_dashboard(service: str, has_drift: bool) -> str:
    """The body of the dashboard, JSON, in which `${...}` stands for names of resources."""
    shown = [(title, metrics) for title, metrics in _WIDGETS if has_drift or metrics[0][0] not in _DRIFT]
    widgets = [
        {
            "type": "metric",
            "x": index % _COLUMNS * _WIDTH,
            "y": index // _COLUMNS * _HEIGHT,
            "width": _WIDTH,
            "height": _HEIGHT,
            "properties": {
                "title": title,
                "region": "${AWS::Region}",
                "period": 60,
                "metrics": [_widget_metric(metric, statistic, service) for metric, statistic in metrics],
            },
        }
        for index, (title, metrics) in enumerate(shown)
    ]
    lines = ",\n".join(json.dumps(widget) for widget in widgets)
    return f'{{"widgets": [\n{lines}\n]}}'


def _widget_metric(metric: CloudWatchMetric | AwsMetric, statistic: str, service: str) -> list[object]:
    if isinstance(metric, AwsMetric):
        dimensions = [text for key, value in metric.dimensions.items() for text in (key, f"${{{value}}}")]
        return [metric.namespace, metric.name, *dimensions, {"stat": statistic}]
    return [NAMESPACE, metric.name, DIMENSION, service, {"stat": statistic}]
