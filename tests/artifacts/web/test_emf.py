"""The records of metrics for CloudWatch: counts since the record before, values by hand, and no latency left out."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from pupila.artifacts.web.cloudwatch import METRICS
from pupila.artifacts.web.emf import MetricsLog
from pupila.artifacts.web.metrics import Counter, Gauge, HttpMetrics, new_registry
from pupila.artifacts.web.observing import RequestRecord
from tests.artifacts.web.emf_rules import MOST_METRICS, read_series

WHO = (("Service", "shop"),)


class Recorded:
    """A log whose records are at hand, with the metrics of a few requests."""

    def __init__(self, moment: float = 1_800_000_000.25) -> None:
        self.lines: list[str] = []
        self.moment = moment
        registry = self.registry = new_registry()
        self.http = HttpMetrics(registry)
        self.log = MetricsLog("shop", registry, self.write, ("/predict/single",), lambda: self.moment)

    def write(self, record: Mapping[str, Any]) -> None:
        self.lines.append(json.dumps(record, allow_nan=False))

    def request(self, route: str, status: int = 200, seconds: float = 0.01, reason: str = "") -> None:
        record = RequestRecord(self.moment, "id", "", "", "POST", route, status, seconds, 0, 0, reason)
        self.http(record)
        self.log.observe(record)

    def report(self) -> dict[str, list[float]]:
        """The values of the next records, by metric."""
        before = len(self.lines)
        self.log.report()
        series = read_series(self.lines[before:])
        assert all((namespace, who) == ("Pupila", WHO) for namespace, _, who in series)
        return {name: values for (_, name, _), values in series.items()}


def test_counts_are_those_since_the_record_before() -> None:
    recorded = Recorded()
    assert recorded.report() == {"Requests": [0], "ServerErrors": [0], "ClientErrors": [0]}
    for route, status, reason in (
        ("/predict/single", 200, ""), ("/predict/single", 503, "queue-full"), ("/predict/batch", 500, "internal-error"),
        ("", 404, "not-found"), ("/predict/single", 499, ""), ("/health", 503, ""), ("/health/ready", 503, ""),
        ("/health/live", 200, ""), ("/metrics", 200, ""), ("/metrics", 401, "unauthenticated"),
    ):  # fmt: skip
        recorded.request(route, status, 0.0125, reason)
    # Those who watch are left out: five requests, two of them 5xx and two of them 4xx. A refused request takes no
    # time, and a batch has no latency; that of a client which left has.
    expected = {"Requests": [5], "ServerErrors": [2], "ClientErrors": [2], "Latency": [12.5, 12.5]}
    assert recorded.report() == expected
    recorded.request("/predict/single", 200, 0.5)
    assert recorded.report() == {"Requests": [1], "ServerErrors": [0], "ClientErrors": [0], "Latency": [500]}
    assert recorded.report() == {"Requests": [0], "ServerErrors": [0], "ClientErrors": [0]}


def test_a_metric_is_there_where_the_service_has_it_and_gauges_are_values_of_now() -> None:
    recorded = Recorded()
    evidence = Gauge("pupila_drift_evidence", "", registry=recorded.registry)
    predicted = Counter("pupila_predictions", "", registry=recorded.registry)
    invalid = Counter("pupila_invalid_images", "", ("reason",), registry=recorded.registry)
    predicted.inc(7)
    invalid.labels("not-an-image").inc(2)
    invalid.labels("too-large").inc()
    for value in (2.5, 2.5, 1e100):
        evidence.set(value)
        first = recorded.report()
        assert first["DriftEvidence"] == [value] and "DriftAlarm" not in first and "Ready" not in first
    assert sum(json.loads(line)["Predictions"] for line in recorded.lines) == 7
    assert sum(json.loads(line)["InvalidImages"] for line in recorded.lines) == 3


@pytest.mark.parametrize(("requests", "records"), [(0, 1), (1, 1), (100, 1), (101, 2), (450, 5)])
def test_every_latency_is_written_and_counts_are_written_once(requests: int, records: int) -> None:
    recorded = Recorded()
    for number in range(requests):
        recorded.request("/predict/single", seconds=number / 1000)
    values = recorded.report()
    assert len(recorded.lines) == records
    assert values.get("Latency", []) == list(range(requests))
    assert values["Requests"] == [requests]
    assert {json.loads(line)["_aws"]["Timestamp"] for line in recorded.lines} == {1_800_000_000_250}


def test_the_records_of_an_hour_lie_in_the_middle_of_its_minutes() -> None:
    recorded = Recorded(1_800_000_007.0)  # second 7 of its minute
    wakes: list[float] = []

    async def sleep(seconds: float) -> None:
        recorded.moment += seconds + 1.5  # late, each time
        wakes.append(recorded.moment % 60)
        if len(wakes) > 60:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(recorded.log.run(sleep))
    assert wakes == [31.5] * 61
    minutes = [json.loads(line)["_aws"]["Timestamp"] // 60_000 for line in recorded.lines]
    assert minutes == list(range(minutes[0], minutes[0] + 60))


def test_the_table_fits_into_one_record() -> None:
    assert len(METRICS) <= MOST_METRICS
    assert len({metric.name for metric in METRICS}) == len(METRICS)
