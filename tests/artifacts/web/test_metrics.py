"""Metrics of HTTP requests: exact counts, bounded labels, one registry an app; Prometheus' own parser reads them."""

import math

import pytest
from prometheus_client import Counter
from prometheus_client.parser import text_string_to_metric_families

from pupila.artifacts.web.metrics import OTHER, BoundedCounter, HttpMetrics, new_registry, write_metrics
from pupila.artifacts.web.observing import RequestRecord
from tests.artifacts.web.scrapes import Samples, read_samples


def record(**changes: object) -> RequestRecord:
    fields: dict[str, object] = {
        "time": 0.0, "request_id": "r", "address": "127.0.0.1", "token": "", "method": "GET", "route": "/health",
        "status": 200, "seconds": 0.02, "bytes_in": 0, "bytes_out": 10, "reason": "",
    }  # fmt: skip
    return RequestRecord(**{**fields, **changes})  # type: ignore[arg-type]


def count(*records: RequestRecord) -> Samples:
    registry = new_registry()
    metrics = HttpMetrics(registry)
    for each in records:
        metrics(each)
    return read_samples(write_metrics(registry).decode())


def test_requests_are_counted_by_method_route_and_status() -> None:
    samples = count(record(), record(), record(status=503), record(method="HEAD"))
    name = "pupila_http_requests_total"
    assert samples[name, ("GET", "/health", "200")] == 2
    assert samples[name, ("GET", "/health", "503")] == 1
    assert samples[name, ("HEAD", "/health", "200")] == 1


def test_the_latency_has_the_hand_computed_buckets_and_sum() -> None:
    samples = count(record(seconds=0.02), record(seconds=0.05), record(seconds=3.0), record(seconds=100.0))
    name = "pupila_http_request_duration_seconds"
    below = [
        samples[f"{name}_bucket", (le, "/health")] for le in ("0.01", "0.025", "0.05", "5.0", "60.0", "+Inf")
    ]
    assert below == [0, 1, 2, 3, 3, 4]
    assert samples[f"{name}_sum", ("/health",)] == pytest.approx(103.07)


def test_what_no_route_matched_and_unknown_methods_are_one_value_each() -> None:
    samples = count(*(record(route="", method=f"M{n}", status=404) for n in range(1000)))
    requests = {
        labels: value for (name, labels), value in samples.items() if name == "pupila_http_requests_total"
    }
    assert requests == {(OTHER, OTHER, "404"): 1000}


def test_every_reason_of_a_refusal_is_exposed_from_the_start() -> None:
    samples = count(record(status=503, reason="queue-full"))
    assert samples["pupila_http_refusals_total", ("queue-full",)] == 1
    assert samples["pupila_http_refusals_total", ("unauthenticated",)] == 0


def test_a_label_has_no_more_values_than_its_limit() -> None:
    registry = new_registry()
    counter = BoundedCounter(
        Counter("animals", "Animals", ("name",), registry=registry), ("ant", "bee"), most=3
    )
    for name in ("ant", "wasp", "ant", "fly", "moth"):
        counter.inc(name)
    samples = read_samples(write_metrics(registry).decode())
    animals = {labels[0]: value for (name, labels), value in samples.items() if name == "animals_total"}
    assert animals == {"ant": 2, "bee": 0, "wasp": 1, OTHER: 2}


def test_two_apps_in_one_process_count_by_themselves() -> None:
    first, second = new_registry(), new_registry()
    HttpMetrics(first)(record())
    HttpMetrics(second)
    assert ("pupila_http_requests_total", ("GET", "/health", "200")) in read_samples(
        write_metrics(first).decode()
    )
    assert b"pupila_http_requests_total{" not in write_metrics(second)


def test_the_text_has_the_process_and_no_times_of_creation() -> None:
    registry = new_registry()
    HttpMetrics(registry)(record())
    text = write_metrics(registry).decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert families["process_resident_memory_bytes"].samples[0].value > 0
    assert families["pupila_start_time_seconds"].type == "gauge"
    assert families["pupila_http_request_duration_seconds"].type == "histogram"
    assert all(family.documentation for family in families.values())
    assert not any(name.endswith("_created") for name in families)
    assert not any(math.isnan(sample.value) for family in families.values() for sample in family.samples)
