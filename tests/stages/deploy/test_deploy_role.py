"""The rights of the role with which the workflow deploys, and what both stacks share."""

import re
from typing import Any

import pytest
from cfnlint.decode import decode_str

from pupila.stages.deploy import aws_train
from pupila.stages.deploy.deployment import Deployment
from pupila.stages.deploy.templates import fill
from tests.colours import info
from tests.stages.deploy.stacks import render_stack

# What each command of the AWS CLI calls; `deploy` reads the parameters of the stack before it changes it.
CALLS = {
    "ecr get-login-password": {"ecr:GetAuthorizationToken"},
    "ecr describe-images": {"ecr:DescribeImages"},
    "cloudformation describe-stacks": {"cloudformation:DescribeStacks"},
    "cloudformation deploy": {
        "cloudformation:CreateChangeSet", "cloudformation:DescribeChangeSet", "cloudformation:DescribeStackEvents",
        "cloudformation:DescribeStacks", "cloudformation:ExecuteChangeSet", "cloudformation:GetTemplateSummary",
    },
    "autoscaling describe-instance-refreshes": {"autoscaling:DescribeInstanceRefreshes"},
    "docker push": {
        "ecr:BatchCheckLayerAvailability", "ecr:CompleteLayerUpload", "ecr:InitiateLayerUpload", "ecr:PutImage",
        "ecr:UploadLayerPart",
    },
}  # fmt: skip


def read(text: str) -> dict[str, Any]:
    template, errors = decode_str(text)
    assert not errors
    return template  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def stacks() -> list[dict[str, Any]]:
    deployment = Deployment("octagons", "", "", info(), "1.0", "")
    return [read(render_stack()), read(aws_train.render(deployment)[aws_train.TEMPLATE].decode())]


def test_the_workflow_has_the_rights_for_its_commands(stacks: list[dict[str, Any]]) -> None:
    workflow = fill("github-workflow-deploy.yml", name="octagons")
    commands = {" ".join(words) for words in re.findall(r"\baws (\S+) (\S+)", workflow)} | {"docker push"}
    assert commands == CALLS.keys()
    policy = stacks[0]["Resources"]["DeployRole"]["Properties"]["Policies"][0]["PolicyDocument"]
    actions = [each["Action"] for each in policy["Statement"]]
    allowed = {name for each in actions for name in ([each] if isinstance(each, str) else each)}
    assert set().union(*CALLS.values()) <= allowed


def test_a_creation_that_failed_leaves_nothing_that_blocks_the_next_one(stacks: list[dict[str, Any]]) -> None:
    for stack in stacks:
        for name, resource in stack["Resources"].items():
            retained = resource.get("UpdateReplacePolicy") == "Retain"
            assert resource.get("DeletionPolicy", "") in (
                ["RetainExceptOnCreate"] if retained else ["", "Delete"]
            ), name


def test_both_stacks_name_the_same_alike(stacks: list[dict[str, Any]]) -> None:
    for stack in stacks:
        assert {"AlarmMail", "ImageId", "InstanceSubnets"} <= stack["Parameters"].keys()
        assert {"AlarmKey", "AlarmTopic", "AlarmSubscription", "InstanceRole", "LogGroup"} <= stack[
            "Resources"
        ].keys()
        assert "RepositoryUri" in stack["Outputs"]
        repository = stack["Resources"]["Repository"]["Properties"]["RepositoryName"]
        assert repository == {"Fn::Sub": "${AWS::StackName}"}
