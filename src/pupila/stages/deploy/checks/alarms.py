"""Alarms, scaling and dashboards of CloudFormation templates: the service or AWS writes all that they read."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pupila.artifacts.web.cloudwatch import NAMESPACE, READY
from pupila.core.messages import listing, say, say_count
from pupila.stages.deploy.checks.alarm_rules import Place, Reading, check_alarm
from pupila.stages.deploy.checks.aws_metrics import AWS_METRICS, PREDEFINED_TARGETS
from pupila.stages.deploy.checks.emitted import LOG, EmittedMetrics, MetricKey, read_emitted
from pupila.stages.deploy.checks.result import CheckResult, Fault
from pupila.stages.deploy.checks.template_values import TemplateValues, as_dict, list_dicts
from pupila.stages.deploy.checks.yaml_text import LinedDict, UnreadableYaml, read_yaml

CHECK = "Alarms"
_ALARM, _FILTER = "AWS::CloudWatch::Alarm", "AWS::Logs::MetricFilter"
_POLICY, _DASHBOARD = "AWS::AutoScaling::ScalingPolicy", "AWS::CloudWatch::Dashboard"
_SAME = "."  # in a dashboard: as in the metric before


@dataclass(frozen=True, slots=True)
class _Resource:
    name: str
    line: int
    kind: str
    properties: dict[str, Any]  # without references


def check(folder: Path) -> CheckResult | None:
    """Check what the `cloudformation*.yaml` of a folder read from CloudWatch."""
    names = sorted(path.name for path in folder.glob("cloudformation*.yaml"))
    readers: dict[str, list[_Resource]] = {}
    faults: list[Fault] = []
    for name in names:
        try:
            readers[name] = _list_resources(read_yaml(folder, name, tags=True))
        except UnreadableYaml as unreadable:
            faults.append(unreadable.fault)
    kinds = [resource.kind for resources in readers.values() for resource in resources]
    if not faults and not {_ALARM, _POLICY, _DASHBOARD} & set(kinds):
        return None
    emitted = read_emitted(folder) if kinds else EmittedMetrics()
    for name, resources in readers.items():
        known = EmittedMetrics(emitted.metrics | set(_list_filtered(resources)))
        for resource in resources:
            faults += [
                Fault(name, f"{resource.line} ({resource.name})", *words) for words in _check(resource, known)
            ]
        faults += _check_silence(name, resources)
    counted = say_count("{n} alarm", "{n} alarms", kinds.count(_ALARM))
    return CheckResult(CHECK, counted, (*emitted.faults, *faults))


def _list_resources(template: LinedDict) -> list[_Resource]:
    """The resources that a stack with the defaults of its parameters has."""
    values = TemplateValues(template)
    given = template.get("Resources")
    if not isinstance(given, LinedDict):
        return []
    return [
        _Resource(
            name,
            given.find_line(name),
            str(each.get("Type", "")),
            as_dict(values.resolve(each.get("Properties"))),
        )
        for name, each in given.items()
        if isinstance(each, dict) and values.holds(each.get("Condition"))
    ]


def _list_filtered(resources: list[_Resource]) -> Iterator[MetricKey]:
    """The metrics of metric filters."""
    for resource in resources:
        if resource.kind == _FILTER:
            for each in list_dicts(resource.properties.get("MetricTransformations")):
                pairs = [
                    (str(item.get("Key")), str(item.get("Value")))
                    for item in list_dicts(each.get("Dimensions"))
                ]
                dimensions = frozenset(pairs)
                yield str(each.get("MetricNamespace")), str(each.get("MetricName")), dimensions


def _check(resource: _Resource, emitted: EmittedMetrics) -> Iterator[Place]:
    if resource.kind == _ALARM:
        readings = list(_read_alarm(resource.properties))
        yield from check_alarm(resource.properties, readings)
    elif resource.kind == _POLICY:
        readings = []
        tracking = as_dict(resource.properties.get("TargetTrackingConfiguration"))
        if "PredefinedMetricSpecification" in tracking:
            yield from _check_predefined(as_dict(tracking["PredefinedMetricSpecification"]))
        if "CustomizedMetricSpecification" in tracking:
            readings = [_read_metric(as_dict(tracking["CustomizedMetricSpecification"]))]
    elif resource.kind == _DASHBOARD:
        try:
            readings = list(_read_dashboard(json.loads(resource.properties["DashboardBody"])))
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as fault:
            yield say("The dashboard can't be read: {reason}", reason=repr(fault)), ""
            return
    else:
        return
    for reading in readings:
        yield from _check_emitted(reading, emitted)


def _read_metric(given: dict[str, Any]) -> Reading:
    pairs = [(str(each.get("Name")), str(each.get("Value"))) for each in list_dicts(given.get("Dimensions"))]
    return Reading(str(given.get("Namespace", "")), str(given.get("MetricName", "")), frozenset(pairs))


def _read_alarm(properties: dict[str, Any]) -> Iterator[Reading]:
    if "MetricName" in properties:
        yield _read_metric(properties)
    for query in list_dicts(properties.get("Metrics")):
        if "MetricStat" in query:
            yield _read_metric(as_dict(as_dict(query["MetricStat"]).get("Metric")))


def _read_dashboard(body: dict[str, Any]) -> Iterator[Reading]:
    for widget in body["widgets"]:
        before: list[str] = []
        for metric in widget.get("properties", {}).get("metrics", []):
            words = [word for word in metric if not isinstance(word, dict)]
            if words[:1] == ["..."]:
                words = [*before[: len(before) - len(words) + 1], *words[1:]]
            if words:
                before = [before[at] if word == _SAME else str(word) for at, word in enumerate(words)]
                yield Reading(before[0], before[1], frozenset(zip(before[2::2], before[3::2], strict=True)))


def _check_predefined(given: dict[str, Any]) -> Iterator[Place]:
    kind = given.get("PredefinedMetricType")
    if kind not in PREDEFINED_TARGETS:
        yield (
            say("AWS has no such metric to scale by: {name}", name=str(kind)),
            listing(list(PREDEFINED_TARGETS)),
        )
    elif kind == "ALBRequestCountPerTarget" and "ResourceLabel" not in given:
        yield say("Requests per target need a target group"), "ResourceLabel"


def _check_emitted(reading: Reading, emitted: EmittedMetrics) -> Iterator[Place]:
    name = f"{reading.namespace} {reading.metric}"
    keys = tuple(sorted(key for key, _ in reading.dimensions))
    if reading.namespace in AWS_METRICS:
        written = AWS_METRICS[reading.namespace].get(reading.metric)
        if written is None:
            yield (
                say("AWS writes no metric {name}", name=name),
                listing(sorted(AWS_METRICS[reading.namespace])),
            )
        elif keys not in written:
            problem = say(
                "AWS does not write {name} by {dimensions}", name=name, dimensions=listing(list(keys)) or "-"
            )
            yield problem, _list_options(written)
        return
    if (reading.namespace, reading.metric, reading.dimensions) in emitted.metrics:
        return
    same = [key for key in emitted.metrics if key[:2] == (reading.namespace, reading.metric)]
    if same:
        given = ", ".join(f"{key}={value}" for key, value in sorted(reading.dimensions)) or "-"
        expected = ", ".join(f"{key}={value}" for key, value in sorted(same[0][2])) or "-"
        yield say("The service writes {name} by other dimensions: {given}", name=name, given=given), expected
    else:
        names = sorted({metric for namespace, metric, _ in emitted.metrics if namespace == reading.namespace})
        yield say("Nobody writes the metric {name}", name=name), listing(names) if names else LOG


def _list_options(written: Any) -> str:
    """The sets of dimensions that a metric has."""
    return "; ".join("+".join(keys) for keys in written)


def _check_silence(name: str, resources: list[_Resource]) -> Iterator[Fault]:
    """A service that is gone writes no metric at all: one alarm has to fire for want of data."""
    alarms = [resource for resource in resources if resource.kind == _ALARM]
    reading = [
        each
        for each in alarms
        if any(metric.namespace == NAMESPACE for metric in _read_alarm(each.properties))
    ]
    silent = [
        each for each in reading
        if each.properties.get("TreatMissingData") == "breaching"
        and any(metric.metric == READY.name for metric in _read_alarm(each.properties))
    ]  # fmt: skip
    if reading and not silent:
        problem = say("No alarm fires where the service writes nothing")
        remedy = f"{NAMESPACE} {READY.name}, TreatMissingData: breaching"
        yield Fault(name, f"{reading[0].line} ({reading[0].name})", problem, remedy)
