"""The metrics of a service as JSON lines for CloudWatch, in its embedded metric format.

Source: the specification of the format in the user guide of Amazon CloudWatch.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pupila.artifacts.web import cloudwatch
from pupila.artifacts.web.cloudwatch import DIMENSION, LATENCY, METRICS, NAMESPACE, CloudWatchMetric
from pupila.artifacts.web.metrics import CollectorRegistry, Metric
from pupila.artifacts.web.observing import RequestRecord

SECONDS = 60.0  # between two records
MOST_VALUES = 100  # of a metric in one record
_UNCOUNTED = ("/health", "/health/live", "/health/ready", "/metrics")  # routes of those who watch the service


@dataclass(frozen=True, slots=True)
class _Source:
    """Where the value of a metric is read: the sum of samples of one family of the registry."""

    family: str
    statuses: str = ""  # their first digit; empty: of any status


_COUNTERS = {
    cloudwatch.REQUESTS: _Source("pupila_http_requests"),
    cloudwatch.SERVER_ERRORS: _Source("pupila_http_requests", "5"),
    cloudwatch.CLIENT_ERRORS: _Source("pupila_http_requests", "4"),
    cloudwatch.PREDICTIONS: _Source("pupila_predictions"),
    cloudwatch.ABSTENTIONS: _Source("pupila_abstentions"),
    cloudwatch.INVALID_IMAGES: _Source("pupila_invalid_images"),
}
_GAUGES = {
    cloudwatch.QUEUE_IMAGES: _Source("pupila_queue_images"),
    cloudwatch.READY: _Source("pupila_ready"),
    cloudwatch.SWAP_FAILED: _Source("pupila_model_swap_failed"),
    cloudwatch.DRIFT_ALARM: _Source("pupila_drift_alarm"),
    cloudwatch.DRIFT_EVIDENCE: _Source("pupila_drift_evidence"),
}


@dataclass(slots=True)
class MetricsLog:
    """Writes what the registry has: counts since the record before, and the present value of everything else.

    Args:
        service: its name, the dimension of all metrics.
        registry: of the service.
        write: gets each record.
        timed: templates of the routes whose requests are `Latency`, one value each.
        clock: seconds since 1970.
    """

    service: str
    registry: CollectorRegistry
    write: Callable[[Mapping[str, Any]], None]
    timed: Collection[str]
    clock: Callable[[], float] = time.time
    _latencies: list[float] = field(default_factory=list, init=False)  # milliseconds
    _counted: dict[CloudWatchMetric, float] = field(default_factory=dict, init=False)  # at the record before

    def observe(self, record: RequestRecord) -> None:
        """Take in a request that has ended, as one of the listeners of the app; refused ones have no latency."""
        if record.route in self.timed and not record.reason:
            self._latencies.append(round(1000 * record.seconds, 3))

    async def run(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Write at second 30 of each minute, until cancelled, so that a late record still lies in its minute."""
        while True:
            await sleep(SECONDS - (self.clock() - SECONDS / 2) % SECONDS)
            self.report()

    def report(self) -> None:
        """Write a record, and further ones where it can't hold all latencies; in the event loop."""
        moment = int(1000 * self.clock())
        values, latencies = self._read(), self._latencies
        self._latencies = []
        if latencies:
            values[LATENCY] = latencies[:MOST_VALUES]
        self.write(self._record(moment, values))
        for start in range(MOST_VALUES, len(latencies), MOST_VALUES):
            self.write(self._record(moment, {LATENCY: latencies[start : start + MOST_VALUES]}))

    def _read(self) -> dict[CloudWatchMetric, Any]:
        families = {family.name: family for family in self.registry.collect()}
        values: dict[CloudWatchMetric, Any] = {}
        for metric, source in _COUNTERS.items():
            if source.family in families:
                count = sum(_select(families[source.family], source))
                values[metric] = round(count - self._counted.get(metric, 0))
                self._counted[metric] = count
        for metric, source in _GAUGES.items():
            if source.family in families:
                values[metric] = sum(_select(families[source.family], source))
        return values

    def _record(self, moment: int, values: Mapping[CloudWatchMetric, Any]) -> dict[str, Any]:
        metrics = [metric for metric in METRICS if metric in values]
        directive = {
            "Namespace": NAMESPACE,
            "Dimensions": [[DIMENSION]],
            "Metrics": [{"Name": metric.name, "Unit": metric.unit} for metric in metrics],
        }
        return {
            "_aws": {"Timestamp": moment, "CloudWatchMetrics": [directive]},
            DIMENSION: self.service,
            **{metric.name: values[metric] for metric in metrics},
        }


def _select(family: Metric, source: _Source) -> Iterator[float]:
    """The values of its samples, without the times of their creation and the requests of those who watch."""
    for sample in family.samples:
        labels = sample.labels
        excluded = sample.name.endswith("_created") or labels.get("route") in _UNCOUNTED
        if not excluded and labels.get("status", "").startswith(source.statuses):
            yield sample.value
