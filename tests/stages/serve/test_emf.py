"""`--emf NAME`: what a service sent to CloudWatch is what it served, from its first second to its last."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.web.cloudwatch import METRICS
from pupila.core.errors import PupilaError
from pupila.stages.serve.app import make_service
from pupila.stages.serve.settings import ServeSettings
from pupila.tasks.task import PostProcessing
from tests.artifacts.web.emf_rules import read_series
from tests.colours import plain, write_colours, write_pointing
from tests.pictures import encoded
from tests.stages.serve.referenced import colours, write_referenced

NEVER_WRITTEN = {"Latency"}  # without a request
DRIFT = {"DriftAlarm", "DriftEvidence"}


@contextmanager
def served(bundle: Bundle, **settings: Any) -> Iterator[TestClient]:
    app = make_service(bundle, ServeSettings(threads=1, poll_seconds=0, emf="shop", **settings))
    with TestClient(app, "http://127.0.0.1", client=("127.0.0.1", 1)) as client:
        yield client


def read(capfd: pytest.CaptureFixture[str]) -> dict[str, list[float]]:
    """The values of the records on the standard output, by metric; every line is JSON."""
    return {name: values for (_, name, _), values in read_series(capfd.readouterr().out.splitlines()).items()}


def post(client: TestClient, content: bytes, route: str = "/predict/single", **fields: str) -> int:
    return client.post(route, files={"file": ("a.png", content)}, data=fields).status_code


def test_what_was_sent_is_what_the_records_add_up_to(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    # The largest probability of a pure colour is 0.58, so that it abstains below 0.6.
    bundle = write_colours(tmp_path / "b", post_processing=PostProcessing(abstain_below=0.6))
    with served(bundle) as client:
        assert [post(client, encoded(plain(255, 0, 0))) for _ in range(3)] == [200] * 3
        assert post(client, b"no image") == 415
        for route in ("/health", "/health/ready", "/health/live", "/metrics"):
            assert client.get(route).status_code == 200
    values = read(capfd)
    latencies = values.pop("Latency")
    assert len(latencies) == 3 and all(0 < latency < 60_000 for latency in latencies)
    # Two records: at the start and at the end.
    assert values == {
        "Requests": [0, 4], "ServerErrors": [0, 0], "ClientErrors": [0, 1], "Predictions": [0, 3],
        "Abstentions": [0, 3], "InvalidImages": [0, 1], "QueueImages": [0, 0], "Ready": [1, 1], "SwapFailed": [0, 0],
    }  # fmt: skip
    with served(bundle) as client:  # a restart: nothing is counted again
        assert post(client, encoded(plain(255, 0, 0))) == 200
    assert read(capfd)["Requests"] == [0, 1]


def test_several_hundred_latencies_are_all_there(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with served(write_pointing(tmp_path / "b")) as client:
        for _ in range(230):
            assert post(client, encoded(plain(255, 0, 0)), "/segment", points="[[3,3]]") == 200
    values = read(capfd)
    assert len(values["Latency"]) == 230 and sum(values["Requests"]) == sum(values["Predictions"]) == 230
    assert set(values) == {metric.name for metric in METRICS} - DRIFT


def test_drift_is_written_where_it_is_monitored(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    bundle = write_referenced(tmp_path / "b")
    with served(bundle):
        pass
    assert set(read(capfd)) == {metric.name for metric in METRICS} - DRIFT - NEVER_WRITTEN
    with served(bundle, log_predictions=str(tmp_path / "log"), false_alarm_every=20) as client:
        for content in colours(60, seed=2, shift=120):
            assert post(client, content, group=content.hex()[-40:]) == 200
    values = read(capfd)
    assert set(values) == {metric.name for metric in METRICS}
    assert values["DriftAlarm"][0] == 0 and values["DriftEvidence"][0] == 0


def test_access_and_security_lines_share_the_standard_output(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with served(write_colours(tmp_path / "b"), log_folder="-") as client:
        assert client.get("/metrics", headers={"x-forwarded-for": "192.0.2.1"}).status_code == 403
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [line["log"] for line in lines] == ["metrics", "security", "access", "metrics"]
    assert [set(line) & {"_aws", "reason"} for line in lines] == [{"_aws"}, {"reason"}, {"reason"}, {"_aws"}]


def test_the_standard_output_of_the_command_has_json_lines_alone(tmp_path: Path) -> None:
    write_colours(tmp_path / "b")
    command = [sys.executable, "-m", "pupila", "serve", str(tmp_path / "b"), "--port", "0", "--emf", "shop"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None and process.stdout is not None
        first = process.stdout.readline()
        for line in process.stderr:
            if "Serving at" in line:
                break
        process.terminate()
        rest, _ = process.communicate(timeout=60)
    series = read_series([first, *rest.splitlines()])
    # The first record says that it is ready, the last one that it no longer is.
    assert series["Pupila", "Ready", (("Service", "shop"),)] == [1, 0]
    assert process.returncode == 0


@pytest.mark.parametrize("name", ["", "-shop", "shop of ours", "a" * 256])
def test_a_name_that_is_no_dimension_is_refused(name: str) -> None:
    with pytest.raises(PupilaError, match="emf"):
        ServeSettings.parse({"emf": name}, "serve")
