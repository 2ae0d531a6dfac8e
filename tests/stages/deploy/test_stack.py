"""Checks of the stack, with the faults that each has to find."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from pupila.stages.deploy.checks import policy, replay, stack
from pupila.stages.deploy.checks.compare import compare
from pupila.stages.deploy.checks.readers import READERS
from pupila.stages.deploy.checks.resolve import NO_VALUE, Scope
from pupila.stages.deploy.checks.result import CheckResult
from tests.stages.deploy.stacks import render_stack, write_template

Check = Callable[[Path], CheckResult | None]


def run(check: Check, folder: Path, text: str) -> CheckResult:
    result = check(write_template(folder, text))
    assert result is not None
    return result


def plant(old: str, new: str) -> str:
    """The template with a fault."""
    text = render_stack()
    assert old in text
    return text.replace(old, new, 1)


@pytest.mark.parametrize("check", [stack.check, policy.check, replay.check])
def test_a_folder_without_templates_has_nothing_to_check(check: Check, tmp_path: Path) -> None:
    assert check(tmp_path) is None


@pytest.mark.parametrize("model", ["", "registry:s3://shop/models#octagons@production"])
def test_the_rendered_stack_is_clean(model: str, tmp_path: Path) -> None:
    linted, ruled = run(stack.check, tmp_path, render_stack(model)), policy.check(tmp_path)
    assert linted.faults == () and linted.checked == "34 resources"
    assert ruled is not None and ruled.faults == ()


def test_every_resource_of_the_stack_is_as_declared(tmp_path: Path) -> None:
    before = dict(os.environ)
    result = run(replay.check, tmp_path, render_stack())
    assert dict(os.environ) == before
    assert result.faults == ()
    resources, properties = (int(words.split()[0]) for words in result.checked.split(", "))
    assert resources == 34 and properties > 300
    left_out, *unchecked = result.notes
    assert (
        "AWS::CloudWatch::Alarm" in left_out and "AWS::S3::Bucket.PublicAccessBlockConfiguration" in left_out
    )
    assert any("Group.UpdatePolicy" in note for note in unchecked)


def test_lint_names_line_and_resource(tmp_path: Path) -> None:
    result = run(stack.check, tmp_path, plant("Roles: [!Ref InstanceRole]", "Roles: [!Ref MissingRole]"))
    assert any(
        "(InstanceProfile)" in fault.where and "MissingRole" in fault.problem for fault in result.faults
    )
    line = int(result.faults[0].where.split()[0])
    assert "MissingRole" in (tmp_path / "cloudformation.yaml").read_text().splitlines()[line - 1]


RULES = {
    "encryption": ("      BucketEncryption:\n", "      Ignored:\n", "not encrypted"),
    "public": ("BlockPublicPolicy: true", "BlockPublicPolicy: false", "may become public"),
    "versions": ("{Status: Enabled}", "{Status: Suspended}", "no versions"),
    "tls": ('{Bool: {"aws:SecureTransport": "false"}}', '{Bool: {"aws:Other": "false"}}', "without TLS"),
    "metadata": ("HttpTokens: required", "HttpTokens: optional", "version 1 of the metadata"),
    "key": ("InstanceType: !Ref InstanceType\n", "InstanceType: x\n        KeyName: mine\n", "key pair"),
    "volume": ("Encrypted: true", "Encrypted: false", "volume"),
    "logs": ("      RetentionInDays: !Ref LogRetentionDays\n", "      LogGroupClass: STANDARD\n", "never expire"),
    "tags": ("ImageTagMutability: IMMUTABLE", "ImageTagMutability: MUTABLE", "moved to another image"),
    "scanning": ("ScanOnPush: true", "ScanOnPush: false", "not scanned"),
    "topic": ("      KmsMasterKeyId: !Ref AlarmKey\n", "", "topic is not encrypted"),
    "action": ('Action: "s3:GetObject"', 'Action: "s3:*"', "by a pattern: s3:*"),
    "all actions": ('Action: "ecr:GetAuthorizationToken"', 'Action: "*"', "by a pattern: *"),
    "resource": ("Resource: !Ref TokensSecret", 'Resource: "*"', "secretsmanager:GetSecretValue for all resources"),
    "subject": ("repo:${GitHubRepository}:", "repo:*:", "Every repository on GitHub"),
    "managed": ("      AssumeRolePolicyDocument:\n",
                "      ManagedPolicyArns: ['arn:aws:iam::aws:policy/AmazonS3FullAccess']\n"
                "      AssumeRolePolicyDocument:\n", "all rights of a service"),
    "ingress": ("FromPort: 80, ToPort: 80, CidrIp: !Ref AllowedCidr", "FromPort: 22, ToPort: 22, CidrIp: 0.0.0.0/0",
                "a port other than 80 and 443"),
    "old ciphers": ("TLS13-1-2-Res-PQ-2025-09", "TLS13-1-0-2021-06", "old versions"),
    "roles": ("Resource: !GetAtt InstanceRole.Arn",
              'Resource: !Sub "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/*"',
              "iam:PassRole for many roles"),
    "inverted": ('"aws:SecureTransport": "false"', '"aws:SecureTransport": "true"', "read without TLS"),
    "plain": ("- Type: redirect", "- Type: forward", "without TLS"),
    "old tls": ("ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09", "ELBSecurityPolicy-2016-08", "old versions of TLS"),
}  # fmt: skip


@pytest.mark.parametrize("name", RULES)
def test_a_planted_fault_breaks_one_rule(name: str, tmp_path: Path) -> None:
    old, new, problem = RULES[name]
    faults = run(policy.check, tmp_path, plant(old, new)).faults
    assert len(faults) == 1, faults
    assert problem in faults[0].problem and faults[0].remedy and faults[0].where


BUCKET = """
Resources:
  Logs:
    Type: AWS::Logs::LogGroup
    Properties: {RetentionInDays: 30}
  Store:
    Type: AWS::S3::Bucket
    Properties:
      VersioningConfiguration: {Status: Enabled}
"""


def test_a_property_that_is_otherwise_in_the_stack_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        READERS, "AWS::S3::Bucket", lambda cloud, name: {"VersioningConfiguration": {"Status": "Off"}}
    )
    (fault,) = run(replay.check, tmp_path, BUCKET).faults
    assert fault.where == "6 (Store)"
    assert fault.problem == 'VersioningConfiguration.Status is "Off" in the stack, not "Enabled"'


@pytest.mark.parametrize(
    ("resource", "problem"),
    [
        ("{Type: AWS::IAM::InstanceProfile, Properties: {Roles: [nobody]}}", "nobody"),
        ("{Type: AWS::S3::BucketPolicy, Properties: {Bucket: none, PolicyDocument: {}}}", "NoSuchBucket"),
        ("{Type: AWS::CloudWatch::Alarm, Properties: {Threshold: 1, Statistics: Sum}}", "Statistics"),
    ],
)
def test_what_aws_would_refuse_is_a_fault(resource: str, problem: str, tmp_path: Path) -> None:
    faults = run(replay.check, tmp_path, f"{BUCKET}  Wrong: {resource}\n").faults
    assert faults and problem in faults[0].problem


def test_a_type_that_moto_does_not_have_is_a_note(tmp_path: Path) -> None:
    text = f"{BUCKET}  Flow: {{Type: AWS::AppFlow::Flow, Properties: {{FlowName: a}}}}\n"
    result = run(replay.check, tmp_path, text)
    assert result.faults == () and any("AWS::AppFlow::Flow" in note for note in result.notes)


def test_nothing_reaches_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert run(replay.check, tmp_path, BUCKET).faults == ()


def test_functions_are_resolved_as_cloudformation_does() -> None:
    template = {
        "Conditions": {"Yes": {"Fn::Equals": [{"Ref": "A"}, "1"]}, "No": {"Fn::Not": [{"Condition": "Yes"}]}}
    }
    scope = Scope(template, {"A": "1", "List": ["x", "y"]}, lambda name, attribute: f"{name}/{attribute}")
    cases = [
        ({"Fn::Sub": "${A} ${!A} ${B.Arn}"}, "1 ${A} B/Arn"),
        ({"Fn::Sub": ["${Own}${A}", {"Own": {"Ref": "A"}}]}, "11"),
        ({"Fn::If": ["No", "a", {"Fn::GetAtt": ["B", "Arn"]}]}, "B/Arn"),
        ({"key": {"Fn::If": ["No", 1, {"Ref": NO_VALUE}]}, "other": 2}, {"other": 2}),
        ({"Fn::Join": ["-", {"Ref": "List"}]}, "x-y"),
        ({"Fn::Select": ["1", {"Fn::Split": [",", "a,b"]}]}, "b"),
        ({"Fn::Base64": "ab"}, "YWI="),
    ]
    for value, expected in cases:
        assert scope.resolve(value) == expected


def test_defaults_do_not_count_and_further_items_do() -> None:
    def verdicts(declared: object, actual: object) -> list[str]:
        return [each.verdict for each in compare(declared, actual)]

    assert verdicts({"a": 1, "b": True}, {"a": "1", "b": "true", "c": 3}) == ["equal", "equal"]
    assert verdicts({"a": [1, 2]}, {"a": [2, 1]}) == ["equal", "equal"]
    assert verdicts({"a": [1]}, {"a": [1, 2]}) == ["equal", "different"]
    assert verdicts({"a": [1, 3]}, {"a": [1]}) == ["equal", "different"]
    assert verdicts({"a": {"b": 1}}, {"a": {}}) == ["absent"]
    assert verdicts([{"Key": "k", "Value": 1}], [{"Key": "k", "Value": "1"}, {"Key": "l", "Value": 2}]) == [
        "equal"
    ]
    assert verdicts({"a": {"Action": ["x"]}}, {"a": '{"Action": "x"}'}) == ["equal"]
