"""What a service writes is what alarms may read: a log of a real one, and an alarm on every metric of the table."""

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from pupila.artifacts.web.cloudwatch import DIMENSION, METRICS, NAMESPACE
from pupila.stages.deploy.checks import alarms
from pupila.stages.serve.app import make_service
from pupila.stages.serve.settings import ServeSettings
from tests.colours import plain
from tests.pictures import encoded
from tests.stages.serve.referenced import write_referenced

ALARM = """\
  {name}:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Namespace: {namespace}
      MetricName: {name}
      Dimensions: [{{Name: {dimension}, Value: shop}}]
      Statistic: Sum
      Period: 60
      EvaluationPeriods: 1
      ComparisonOperator: {comparison}
      Threshold: 1
      TreatMissingData: {missing}
      AlarmActions: [arn:aws:sns:eu-west-1:123456789012:alarms]
"""


def write_template(folder: Path) -> None:
    text = "Resources:\n"
    for metric in METRICS:
        down = metric.name == "Ready"
        text += ALARM.format(
            name=metric.name, namespace=NAMESPACE, dimension=DIMENSION,
            comparison="LessThanThreshold" if down else "GreaterThanThreshold",
            missing="breaching" if down else "notBreaching",
        )  # fmt: skip
    (folder / "cloudformation.yaml").write_text(text)


@pytest.mark.parametrize(("settings", "missing"), [
    ({"log_predictions": "log"}, set()), ({}, {"DriftAlarm", "DriftEvidence"}),
])  # fmt: skip
def test_every_alarm_on_the_table_reads_what_the_service_writes(
    settings: dict[str, Any], missing: set[str], tmp_path: Path, capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    bundle = write_referenced(tmp_path / "b")
    app = make_service(
        bundle, ServeSettings(threads=1, poll_seconds=0, emf="shop", log_folder="-", **settings)
    )
    with TestClient(app, "http://127.0.0.1", client=("127.0.0.1", 1)) as client:
        response = client.post("/predict/single", files={"file": ("a.png", encoded(plain(255, 0, 0)))})
        assert response.status_code == 200
    (tmp_path / "metrics.jsonl").write_text(capfd.readouterr().out)
    write_template(tmp_path)
    result = alarms.check(tmp_path)
    assert result is not None and result.checked == f"{len(METRICS)} alarms"
    assert {fault.where.split("(")[1].strip(")") for fault in result.faults} == missing
    assert all("Nobody writes" in fault.problem for fault in result.faults)
