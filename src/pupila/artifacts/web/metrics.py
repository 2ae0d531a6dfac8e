"""Metrics for Prometheus: what services count with, what they count of HTTP requests, and the route `/metrics`."""

import time
from collections.abc import Iterable, Iterator
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from pupila.artifacts.web.app import App, Response
from pupila.artifacts.web.observing import RequestRecord
from pupila.artifacts.web.reasons import Reason
from pupila.artifacts.web.scopes import Access, needs

__all__ = [
    "OTHER", "SECONDS", "BoundedCounter", "Collector", "CollectorRegistry", "Counter", "CounterMetricFamily", "Gauge",
    "GaugeMetricFamily", "Histogram", "HttpMetrics", "Metric", "add_metrics", "new_registry", "write_metrics",
]  # fmt: skip

SECONDS = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
)  # buckets
OTHER = "other"  # the label of all values above a limit
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def new_registry() -> CollectorRegistry:
    """The registry of one app, with memory and CPU time of the process."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    Gauge("pupila_start_time_seconds", "Start of the service, Unix time", registry=registry).set(time.time())
    return registry


class BoundedCounter:
    """A counter with one label, which has a limited number of values; all others are counted as `other`.

    Args:
        counter: with one label.
        values: that are exposed from the start, with 0.
        most: values of the label, without `other`.
    """

    def __init__(self, counter: Counter, values: Iterable[str] = (), most: int = 1000) -> None:
        self._counter, self._most = counter, most
        self._children: dict[str, Counter] = {}
        for value in values:
            self._find(value)

    def inc(self, value: str) -> None:
        """Count one; for the event loop."""
        self._find(value).inc()

    def _find(self, value: str) -> Counter:
        if (child := self._children.get(value)) is not None:
            return child
        if len(self._children) >= self._most:
            return self._counter.labels(OTHER)
        child = self._children[value] = self._counter.labels(value)
        return child


class HttpMetrics:
    """Counts the requests of an app, as one of its listeners.

    Args:
        registry: of the app.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "pupila_http_requests", "HTTP requests by method, route and status",
            ("method", "route", "status"), registry=registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "pupila_http_request_duration_seconds", "Time from the first byte of a request to the end of its response",
            ("route",), registry=registry, buckets=SECONDS,
        )  # fmt: skip
        refusals = Counter(
            "pupila_http_refusals", "Refused HTTP requests by reason", ("reason",), registry=registry
        )
        self._refusals = BoundedCounter(refusals, get_args(Reason))
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def __call__(self, record: RequestRecord) -> None:
        """Count a request that has ended."""
        method = record.method if record.method in _METHODS else OTHER
        key = method, record.route or OTHER, record.status
        children = self._children.get(key)
        if children is None:
            children = self._requests.labels(*key), self._seconds.labels(key[1])
            self._children[key] = children
        requests, seconds = children
        requests.inc()
        seconds.observe(record.seconds)
        if record.reason:
            self._refusals.inc(record.reason)


def add_metrics(app: App, registry: CollectorRegistry) -> None:
    """Add the route."""

    @app.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    @needs(Access("metrics", loopback=True))
    async def metrics() -> Response:
        """Metrics in the text format of Prometheus."""
        return Response(write_metrics(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)


def write_metrics(registry: CollectorRegistry) -> bytes:
    """All metrics of the registry, in the text format of Prometheus."""
    return generate_latest(_WithoutCreated(registry))


class _WithoutCreated(Collector):
    """The registry without the time at which each series was created, which would double their number."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        """Its metrics."""
        for metric in self._registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric
