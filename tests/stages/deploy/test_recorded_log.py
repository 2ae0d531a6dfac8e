"""The log that is recorded for a deployment: what a real service of the bundle writes."""

import json
from pathlib import Path

import pytest

import pupila
from pupila.artifacts.web.cloudwatch import DIMENSION, LATENCY, METRICS, NAMESPACE, PREDICTIONS, READY
from tests.colours import write_colours


def test_the_log_has_the_metrics_of_predictions(tmp_path: Path) -> None:
    write_colours(tmp_path / "bundle")
    rendered = pupila.render_deployment(
        tmp_path / "bundle", target="docker", out=tmp_path / "deploy", name="ants"
    )
    assert "metrics.jsonl" in rendered.files and rendered.name == "ants"
    records = [json.loads(line) for line in (tmp_path / "deploy/metrics.jsonl").read_text().splitlines()]
    names = {metric["Name"] for record in records for each in record["_aws"]["CloudWatchMetrics"]
             for metric in each["Metrics"]}  # fmt: skip
    assert {LATENCY.name, PREDICTIONS.name, READY.name} <= names <= {metric.name for metric in METRICS}
    assert sum(record[PREDICTIONS.name] for record in records if PREDICTIONS.name in record) == 7
    assert {record[DIMENSION] for record in records} == {"ants"}
    assert {each["Namespace"] for record in records for each in record["_aws"]["CloudWatchMetrics"]} == {
        NAMESPACE
    }
    again = pupila.render_deployment(
        tmp_path / "bundle", target="docker", out=tmp_path / "deploy", name="ants"
    )
    assert again.changed == []  # nothing is recorded twice
    log = tmp_path / "deploy/metrics.jsonl"
    log.write_text(log.read_text().replace('"Ready"', '"Invented"'))
    with pytest.raises(pupila.PupilaError, match=r"metrics\.jsonl"):  # no evidence by hand
        pupila.render_deployment(tmp_path / "bundle", target="docker", out=tmp_path / "deploy")
