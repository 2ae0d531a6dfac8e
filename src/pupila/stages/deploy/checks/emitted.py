"""The metrics in the recorded log of a service."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pupila.core.messages import say
from pupila.stages.deploy.checks.result import Fault

LOG = "metrics.jsonl"
_MOST = 100  # metrics of a record, and values of a metric

# (namespace, metric, its dimensions with their values)
MetricKey = tuple[str, str, frozenset[tuple[str, str]]]


@dataclass(slots=True)
class EmittedMetrics:
    """What a log has."""

    metrics: set[MetricKey] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)


def read_emitted(folder: Path) -> EmittedMetrics:
    """The metrics of `metrics.jsonl` by the rules of CloudWatch's embedded metric format."""
    emitted = EmittedMetrics()
    path = folder / LOG
    if not path.is_file():
        problem = say("There is no recorded log of the service, so no alarm can be checked")
        emitted.faults.append(Fault(LOG, "", problem, "pupila deploy render"))
        return emitted
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        try:
            record = json.loads(line)
            if isinstance(record, dict) and "_aws" in record:
                _add(emitted, record, str(number))
        except (ValueError, KeyError, TypeError) as fault:
            problem = say("The line is no record of metrics: {reason}", reason=repr(fault))
            emitted.faults.append(Fault(LOG, str(number), problem))
    return emitted


def _add(emitted: EmittedMetrics, record: dict[str, Any], where: str) -> None:
    for directive in record["_aws"]["CloudWatchMetrics"]:
        names = [metric["Name"] for metric in directive["Metrics"]]
        if len(names) > _MOST:
            problem = say(
                "Metrics: {n}; CloudWatch drops a record with more than {most}",
                n=len(names),
                most=_MOST,
            )
            emitted.faults.append(Fault(LOG, where, problem))
        for name in names:
            value = record[name]
            if isinstance(value, list) and len(value) > _MOST:
                problem = say("Values of {name}: {n}; CloudWatch drops a record with more than {most}",
                              name=name, n=len(value), most=_MOST)  # fmt: skip
                emitted.faults.append(Fault(LOG, where, problem))
            for keys in directive["Dimensions"]:
                emitted.metrics.add(
                    (directive["Namespace"], name, frozenset((key, record[key]) for key in keys))
                )
