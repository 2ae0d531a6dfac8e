"""CloudWatch's embedded metric format, by the rules of its specification: what is read from a log, or refused."""

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

# The units of MetricDatum, without the rates of bytes and bits that no metric of ours has.
KNOWN_UNITS = ("Seconds", "Microseconds", "Milliseconds", "Bytes", "Percent", "Count", "Count/Second", "None")
MOST_BYTES = 256 * 1024  # of an event
MOST_METRICS = MOST_VALUES = 100
MOST_DIMENSIONS = 9

# (namespace, name of the metric, ((dimension, value), ...)) -> its values
Series = dict[tuple[str, str, tuple[tuple[str, str], ...]], list[float]]


def read_series(lines: Iterable[str]) -> Series:
    """What CloudWatch has of the lines of a log; those without `_aws` have no metrics."""
    series: Series = defaultdict(list)
    for line in lines:
        root = json.loads(line)
        if "_aws" in root:
            assert len(line.encode()) <= MOST_BYTES
            _read_record(root, series)
    return dict(series)


def _read_record(root: dict[str, Any], series: Series) -> None:
    meta = root["_aws"]
    assert set(meta) == {"Timestamp", "CloudWatchMetrics"}
    assert (
        type(meta["Timestamp"]) is int and meta["Timestamp"] > 10**12
    )  # milliseconds: seconds have 10 digits
    for directive in meta["CloudWatchMetrics"]:
        assert set(directive) == {"Namespace", "Dimensions", "Metrics"}
        assert 1 <= len(directive["Namespace"]) <= 255
        assert 1 <= len(directive["Metrics"]) <= MOST_METRICS
        names = [metric["Name"] for metric in directive["Metrics"]]
        assert len(names) == len(set(names))
        for metric in directive["Metrics"]:
            assert set(metric) <= {"Name", "Unit"} and metric.get("Unit", "None") in KNOWN_UNITS
            for keys in directive["Dimensions"]:
                assert len(keys) <= MOST_DIMENSIONS
                values = tuple((key, root[key]) for key in keys)
                assert all(isinstance(value, str) and value for _, value in values)
                series[directive["Namespace"], metric["Name"], values] += _read_values(root[metric["Name"]])
        assert directive["Dimensions"]


def _read_values(target: Any) -> list[float]:
    values = target if isinstance(target, list) else [target]
    assert 1 <= len(values) <= MOST_VALUES
    assert all(type(value) in (int, float) and abs(value) < 2.0**360 for value in values)
    return values
