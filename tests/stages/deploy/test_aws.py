"""The rendered stack: what it starts, what its alarms read, and its sizes."""

import json
import re
from typing import Any

import pytest
from cfnlint.decode import decode_str

from pupila.artifacts.web.cloudwatch import DIMENSION, METRICS, NAMESPACE
from pupila.artifacts.web.limits import ConnectionLimits
from pupila.core.settings import Settings
from pupila.stages.deploy import aws
from pupila.stages.deploy.aws_alarms import ALARMS
from pupila.stages.deploy.checks.resolve import Scope
from pupila.stages.serve.settings import ServeSettings
from tests.stages.deploy.stacks import HASH, render_stack


def read(model: str = "") -> dict[str, Any]:
    template, errors = decode_str(render_stack(model))
    assert not errors
    return template  # type: ignore[no-any-return]


def user_data(model: str, **parameters: str) -> str:
    """The script of an instance, with names of resources as themselves."""
    template = read(model)
    values = {name: given.get("Default", "") for name, given in template["Parameters"].items()}
    values |= {name: name for name in template["Resources"]}
    values |= {"AWS::Region": "eu-central-1", "AWS::StackName": "octagons", **parameters}
    scope = Scope(template, values, lambda name, attribute: f"{name}.{attribute}")
    data = template["Resources"]["LaunchTemplate"]["Properties"]["LaunchTemplateData"]["UserData"]
    return scope.resolve(data["Fn::Base64"])  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("model", "bucket", "prefix", "pinned"),
    [
        ("", "", "", False),
        ("s3://shop/models/first", "shop", "models/first", True),
        ("registry:s3://shop/models#octagons@production", "shop", "models", False),
        ("registry:s3://shop#octagons@production", "shop", "", False),
    ],
)
def test_instances_may_read_where_the_model_lies(model: str, bucket: str, prefix: str, pinned: bool) -> None:
    given = {name: parameter.get("Default") for name, parameter in read(model)["Parameters"].items()}
    assert (given["ModelAddress"], given["ModelsBucketName"], given["ModelsPrefix"]) == (
        model,
        bucket,
        prefix,
    )
    assert given["ModelSha256"] == (HASH if pinned else "")


def test_the_service_starts_with_options_that_it_has() -> None:
    script = user_data("registry:s3://shop/models#octagons@production", ImageTag="1.0", VpcCidr="10.0.0.0/16")
    unit = script[script.index("ExecStart=/usr/bin/docker run") : script.index("ExecStop=/usr/bin/docker")]
    command = unit.replace("\\\n", " ").split()
    image = command.index("Repository.RepositoryUri:1.0")
    assert command[image + 1] == "'registry:s3://shop/models#octagons@production'"  # the # begins no comment
    options = {word.removeprefix("--").replace("-", "_") for word in command[image:] if word.startswith("--")}
    assert options - {"host", "port", "sha256", "emf"} <= ServeSettings.model_fields.keys()
    assert issubclass(ServeSettings, Settings)
    assert {"--read-only", "--init", "no-new-privileges", "awslogs-format=json/emf"} <= {*command[:image]}
    assert "${" not in script


def test_a_pinned_bundle_is_verified() -> None:
    assert f"--sha256 {HASH} --host" in user_data("s3://shop/models/first", ImageTag="1.0")
    assert "--sha256" not in user_data("registry:s3://shop#octagons@production", ImageTag="1.0")


def test_the_load_balancer_waits_as_long_as_the_service_takes_to_stop() -> None:
    targets = read()["Resources"]["TargetGroup"]["Properties"]
    attributes = {item["Key"]: item["Value"] for item in targets["TargetGroupAttributes"]}
    stop = aws.STOP_SECONDS
    assert attributes["deregistration_delay.timeout_seconds"] == str(stop)
    script = user_data("s3://shop/models/first")
    assert f"--drain-seconds {aws.DRAIN_SECONDS} " in script
    assert f"--stop-timeout {stop} " in script and f"docker stop --time {stop} pupila" in script
    (unit,) = re.findall(r"^TimeoutStopSec=(\d+)$", script, re.MULTILINE)
    assert aws.DRAIN_SECONDS + ConnectionLimits().grace_seconds < stop < int(unit)
    # it is out of service before it stops serving
    assert targets["HealthCheckIntervalSeconds"] * targets["UnhealthyThresholdCount"] < aws.DRAIN_SECONDS


def test_every_alarm_and_widget_reads_what_the_service_or_aws_writes() -> None:
    resources, names = read()["Resources"], {metric.name for metric in METRICS}
    alarms = {
        name: each["Properties"]
        for name, each in resources.items()
        if each["Type"] == "AWS::CloudWatch::Alarm"
    }
    assert alarms.keys() == {alarm.name for alarm in ALARMS}
    for given in alarms.values():
        if given["Namespace"] == NAMESPACE:
            assert given["MetricName"] in names
            assert given["Dimensions"] == [{"Name": DIMENSION, "Value": "octagons"}]
    body = json.loads(resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"])
    metrics = [metric for widget in body["widgets"] for metric in widget["properties"]["metrics"]]
    own = [metric for metric in metrics if metric[0] == NAMESPACE]
    assert {metric[1] for metric in own} == names  # the dashboard has all of them
    assert all(metric[2:4] == [DIMENSION, "octagons"] for metric in own)


def test_a_bundle_without_a_reference_has_no_alarm_of_drift() -> None:
    text = render_stack(drift=None)
    assert "Drift" not in text and "ReadyAlarm" in text


def test_no_data_of_the_service_is_an_alarm() -> None:
    ready = read()["Resources"]["ReadyAlarm"]["Properties"]
    assert (ready["MetricName"], ready["TreatMissingData"]) == ("Ready", "breaching")


def test_template_and_script_are_below_the_limits_of_aws() -> None:
    assert len(render_stack("s3://shop/models/first").encode()) < 51_200  # of a template in a request
    assert len(user_data("s3://shop/models/first").encode()) < 16_384  # of user data


def test_the_script_is_bash(tmp_path: object) -> None:
    import subprocess

    checked = subprocess.run(
        ["bash", "-n"], input=user_data("s3://a/b"), text=True, capture_output=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, "")
