"""Files that no check can make sense of: each check says so, none stops the others."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pupila.stages.deploy.checks import run as checks
from pupila.stages.deploy.checks.result import CheckResult
from pupila.stages.deploy.record import DeployRecord, write_rendered

RECORD = DeployRecord(pupila="1", name="ants", model="../a", bundle="0" * 64, targets=["aws"], files={})
HEAD = "AWSTemplateFormatVersion: '2010-09-09'\nResources:\n"
TEMPLATES = {
    "null": "  Bucket:\n",
    "text": "  Bucket: nothing\n",
    "no properties": "  Bucket:\n    Type: AWS::S3::Bucket\n    Properties:\n",
    "list": "  Bucket:\n    Type: AWS::S3::Bucket\n    Properties: [1]\n",
    "policy": "  Policy:\n    Type: AWS::S3::BucketPolicy\n  Bucket:\n    Type: AWS::S3::Bucket\n",
    "statement": "  Role:\n    Type: AWS::IAM::Role\n    Properties:\n"
                 "      AssumeRolePolicyDocument: {Statement: all}\n",
    "action": "  Role:\n    Type: AWS::IAM::Role\n    Properties:\n      AssumeRolePolicyDocument:\n"
              "        Statement: [{Effect: Allow, Action: 7, Condition: never}]\n",
    "actions": "  L:\n    Type: AWS::ElasticLoadBalancingV2::Listener\n"
               "    Properties: {Protocol: HTTP, DefaultActions: all}\n",
    "no type": "  Bucket:\n    Properties: {BucketName: a}\n",
    "parameter": "  Topic:\n    Type: AWS::SNS::Topic\nParameters:\n  Name: text\n  Other:\n    Default: 1\n",
    "condition": "  Topic:\n    Type: AWS::SNS::Topic\n    Condition: Missing\n",
    "cycle": "  Topic:\n    Type: AWS::SNS::Topic\n    Condition: A\n"
             "Conditions:\n  A: !Not [!Condition B]\n  B: !Not [!Condition A]\n",
    "itself": "  Topic:\n    Type: AWS::SNS::Topic\n    Condition: A\nConditions:\n  A: !Condition A\n",
}  # fmt: skip
OTHERS = {
    "compose.yaml": (
        "services:\n  api:\n    <<: b\n",
        "- 1\n",
        "services: {api: null}\n",
        "services:\n\tapi: 1\n",
        "\0",
    ),
    "Dockerfile.api": ("FROM a\nCOPY a** /b\n", "COPY\n", "\0", ""),
    "github-workflow-deploy.yml": ("on: 1\njobs: [1]\n", "jobs: {a: {steps: b}}\n", ""),
    "cloudformation.yaml": ("", "- 1\n", "Resources: 1\n", "&a [*a]\n", "{" * 500),
}


def check(folder: Path, name: str, content: str) -> list[CheckResult]:
    write_rendered(folder, {"README.md": b"", name: content.encode()}, RECORD, force=True)
    return checks.check_folder(folder)


@pytest.fixture(autouse=True)
def no_programs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each run of a linter takes most of a second; they have tests of their own."""
    for module in ("dockerfiles", "compose", "actionlint"):
        monkeypatch.setattr(f"pupila.stages.deploy.checks.{module}.find_program", lambda name: None)
    yield


@pytest.mark.slow  # a stack in moto for each
def test_every_broken_template_has_a_fault(tmp_path: Path) -> None:
    files = {f"cloudformation-{number}.yaml": HEAD + each for number, each in enumerate(TEMPLATES.values())}
    write_rendered(tmp_path, {name: content.encode() for name, content in files.items()}, RECORD, force=True)
    results = checks.check_folder(tmp_path)
    assert {fault.file for result in results for fault in result.faults} == files.keys()


@pytest.mark.parametrize(
    ("name", "content"), [(name, each) for name, all_ in OTHERS.items() for each in all_]
)
def test_other_broken_files_stop_no_check(name: str, content: str, tmp_path: Path) -> None:
    results = {result.check: result for result in check(tmp_path, name, content)}
    assert results["files"].faults == ()


def test_what_a_check_stumbles_over_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(folder: Path) -> CheckResult | None:
        raise IndexError("no such part")

    monkeypatch.setattr(checks, "CHECKS", (fail, *checks.CHECKS))
    first, *others = check(tmp_path, "a.txt", "")
    assert "IndexError: no such part" in first.faults[0].problem and [each.check for each in others] == [
        "files"
    ]
