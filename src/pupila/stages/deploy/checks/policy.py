"""What every stack of ours has to have, beyond what AWS accepts: encryption, least rights, an end to stored data."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pupila.core.messages import mark, say, say_count, translate
from pupila.stages.deploy.checks.result import CheckResult, Fault
from pupila.stages.deploy.checks.template import Template, read_templates

CHECK = "Stack rules"
Properties = Mapping[str, Any]
_MODERN_TLS = re.compile(r"TLS13-1-[23]-(?!Ext)")  # TLS 1.2 and 1.3, without old ciphers
_OPEN_PORTS = (80, 443)  # that a load balancer may show to everybody
_EVERYBODY = ("0.0.0.0/0", "::/0")
_ADMINISTRATION = re.compile(r"Administrator|FullAccess|PowerUser")  # in names of policies that AWS manages


@dataclass(frozen=True, slots=True)
class Rule:
    """A demand on the properties of each resource of a type."""

    kind: str
    is_met: Callable[[Properties], bool]
    problem: str
    remedy: str  # as the template has it


def _get(properties: Any, *keys: str) -> Any:
    """The value below keys; None where there is none."""
    for key in keys:
        properties = properties.get(key) if isinstance(properties, Mapping) else None
    return properties


def _is_true(value: Any) -> bool:
    """Whether a value is true as CloudFormation takes it."""
    return str(value).lower() == "true"


def _blocks_public_access(bucket: Properties) -> bool:
    keys = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    return all(_is_true(_get(bucket, "PublicAccessBlockConfiguration", key)) for key in keys)


def _expires_old_versions(bucket: Properties) -> bool:
    rules = _list(_get(bucket, "LifecycleConfiguration", "Rules"))
    return any(
        _get(rule, "NoncurrentVersionExpiration") and _get(rule, "Status") == "Enabled" for rule in rules
    )


def _encrypts_volumes(template: Properties) -> bool:
    volumes = _list(_get(template, "LaunchTemplateData", "BlockDeviceMappings"))
    return bool(volumes) and all(_is_true(_get(volume, "Ebs", "Encrypted")) for volume in volumes)


def _redirects_or_encrypts(listener: Properties) -> bool:
    actions = _list(listener.get("DefaultActions"))
    return listener.get("Protocol") != "HTTP" or all(_get(action, "Type") == "redirect" for action in actions)


def _is_narrow(ingress: Any) -> bool:
    """Whether a rule of a security group opens no more than the ports of the web to everybody."""
    if not any(_get(ingress, key) in _EVERYBODY for key in ("CidrIp", "CidrIpv6")):
        return True
    first, last = _get(ingress, "FromPort"), _get(ingress, "ToPort")
    return first == last and first in _OPEN_PORTS


def _has_modern_tls(listener: Properties) -> bool:
    return listener.get("Protocol") != "HTTPS" or bool(_MODERN_TLS.search(str(listener.get("SslPolicy"))))


_BUCKET, _TEMPLATE = "AWS::S3::Bucket", "AWS::EC2::LaunchTemplate"
_REPOSITORY, _LISTENER = "AWS::ECR::Repository", "AWS::ElasticLoadBalancingV2::Listener"

RULES: tuple[Rule, ...] = (
    Rule(_BUCKET, lambda given: bool(_get(given, "BucketEncryption", "ServerSideEncryptionConfiguration")),
         mark("The bucket is not encrypted"), "BucketEncryption"),
    Rule(_BUCKET, _blocks_public_access, mark("The bucket may become public"), "PublicAccessBlockConfiguration"),
    Rule(_BUCKET, lambda given: _get(given, "VersioningConfiguration", "Status") == "Enabled",
         mark("The bucket has no versions: what is overwritten is lost"), "VersioningConfiguration: {Status: Enabled}"),
    Rule(_BUCKET, _expires_old_versions, mark("Old versions in the bucket never expire"),
         "LifecycleConfiguration: NoncurrentVersionExpiration"),
    Rule(_TEMPLATE, lambda given: _get(given, "LaunchTemplateData", "MetadataOptions", "HttpTokens") == "required",
         mark("Instances accept version 1 of the metadata service"), "MetadataOptions: {HttpTokens: required}"),
    Rule(_TEMPLATE, lambda given: _get(given, "LaunchTemplateData", "KeyName") is None,
         mark("Instances have a key pair"), "aws ssm start-session"),
    Rule(_TEMPLATE, _encrypts_volumes, mark("A volume of the instances is not encrypted"),
         "BlockDeviceMappings: Ebs: {Encrypted: true}"),
    Rule("AWS::EC2::Instance", lambda given: given.get("KeyName") is None,
         mark("Instances have a key pair"), "aws ssm start-session"),
    Rule("AWS::Logs::LogGroup", lambda given: given.get("RetentionInDays") is not None,
         mark("The logs never expire"), "RetentionInDays"),
    Rule(_REPOSITORY, lambda given: given.get("ImageTagMutability") == "IMMUTABLE",
         mark("A tag of an image can be moved to another image"), "ImageTagMutability: IMMUTABLE"),
    Rule(_REPOSITORY, lambda given: _is_true(_get(given, "ImageScanningConfiguration", "ScanOnPush")),
         mark("Images are not scanned"), "ImageScanningConfiguration: {ScanOnPush: true}"),
    Rule("AWS::IAM::Role", lambda given: not any(_ADMINISTRATION.search(str(each))
         for each in _list(given.get("ManagedPolicyArns"))),
         mark("The role has all rights of a service, or of the account"), "Policies: [...]"),
    Rule("AWS::EC2::SecurityGroup", lambda given: all(map(_is_narrow, _list(given.get("SecurityGroupIngress")))),
         mark("Everybody reaches a port other than 80 and 443"), "SourceSecurityGroupId"),
    Rule("AWS::SNS::Topic", lambda given: given.get("KmsMasterKeyId") is not None,
         mark("The topic is not encrypted"), "KmsMasterKeyId"),
    Rule(_LISTENER, _redirects_or_encrypts, mark("The load balancer serves without TLS"), "Type: redirect"),
    Rule(_LISTENER, _has_modern_tls, mark("The load balancer accepts old versions of TLS"),
         "SslPolicy: ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"),
)  # fmt: skip

Place = tuple[str, str]  # problem, remedy


def check(folder: Path) -> CheckResult | None:
    """Check the `cloudformation*.yaml` of a folder."""
    templates = read_templates(folder)
    if not templates:
        return None
    faults, statements = [], 0
    for template in templates:
        for name, resource in template.content["Resources"].items():
            kind, given = str(resource.get("Type")), resource.get("Properties", {})
            broken = [
                (translate(rule.problem), rule.remedy) for rule in RULES
                if rule.kind == kind and not rule.is_met(given)
            ]  # fmt: skip
            if kind == _BUCKET and not _demands_tls(template, name):
                broken.append(
                    (say("The bucket can be read without TLS"), "AWS::S3::BucketPolicy: aws:SecureTransport")
                )
            for statement in list_statements(kind, given):
                statements += 1
                broken += _check_statement(statement, kind)
            faults += [Fault(template.name, template.locate(name), *words) for words in broken]
    rules = say_count("{n} rule", "{n} rules", len(RULES))
    counted = say_count("{n} statement of policies", "{n} statements of policies", statements)
    return CheckResult(CHECK, say("{rules}, {statements}", rules=rules, statements=counted), tuple(faults))


def _demands_tls(template: Template, bucket: str) -> bool:
    """Whether a policy of the bucket denies what comes without TLS."""
    policies = [
        resource for resource in template.content["Resources"].values()
        if resource["Type"] == "AWS::S3::BucketPolicy" and _get(resource, "Properties", "Bucket") == {"Ref": bucket}
    ]  # fmt: skip
    return any(
        statement.get("Effect") == "Deny"
        and _list(statement.get("Action")) == ["s3:*"]
        and str(_get(statement, "Condition", "Bool", "aws:SecureTransport")).lower() == "false"
        for policy in policies
        for statement in list_statements(policy["Type"], policy["Properties"])
    )


def list_statements(kind: str, given: Properties) -> Iterator[Properties]:
    """The statements of all policies of a resource."""
    documents = (
        [_get(policy, "PolicyDocument") for policy in _list(given.get("Policies"))]
        if kind == "AWS::IAM::Role"
        else []
    )
    documents += [given.get("PolicyDocument"), given.get("AssumeRolePolicyDocument")]
    for document in documents:
        if isinstance(document, Mapping):
            yield from (each for each in _list(document.get("Statement")) if isinstance(each, Mapping))


def _check_statement(statement: Properties, kind: str) -> Iterator[Place]:
    if statement.get("Effect") != "Allow":
        return
    actions = [str(action) for action in _list(statement.get("Action"))]
    if "NotAction" in statement or any("*" in action or "?" in action for action in actions):
        pattern = ", ".join(actions) or "NotAction"
        yield (
            say("The policy allows actions by a pattern: {actions}", actions=pattern),
            "Action: [s3:GetObject]",
        )
    unbound = kind.startswith("AWS::IAM::") and "*" in _list(statement.get("Resource"))
    if unbound and (
        narrow := [action for action in actions if "*" not in action and _takes_resource(action)]
    ):
        yield (
            say("The policy allows {actions} for all resources", actions=", ".join(narrow)),
            "Resource: !GetAtt",
        )
    resources = [str(_get(each, "Fn::Sub") or each) for each in _list(statement.get("Resource"))]
    if any(action.startswith("iam:") for action in actions) and any("*" in each for each in resources):
        yield (
            say("The policy allows {actions} for many roles", actions=", ".join(actions)),
            "Resource: !GetAtt ROLE.Arn",
        )
    if "*" in (*_list(_get(statement, "Principal", "AWS")), statement.get("Principal")):
        yield say("The policy allows everybody"), "Principal"
    if "sts:AssumeRoleWithWebIdentity" in actions and not _names_subject(statement):
        yield say("Every repository on GitHub may take the role"), "token.actions.githubusercontent.com:sub"


def _names_subject(statement: Properties) -> bool:
    """Whether a condition names the repository of whoever takes the role."""
    conditions = statement.get("Condition")
    for condition in conditions.values() if isinstance(conditions, Mapping) else ():
        for key, value in condition.items() if isinstance(condition, Mapping) else ():
            if key.endswith(":sub"):
                text = str(value.get("Fn::Sub", "") if isinstance(value, Mapping) else value)
                return text.startswith("repo:") and not text.startswith("repo:*")
    return False


@cache
def _read_actions() -> dict[str, Any]:
    """The actions of all services as the linter has them, with the resources that they take."""
    from cfnlint.data import AdditionalSpecs
    from cfnlint.helpers import load_resource

    services: dict[str, Any] = load_resource(AdditionalSpecs, "Policies.json")
    return services


def _takes_resource(action: str) -> bool:
    """Whether an action can be allowed for single resources; one that is not known can."""
    service, _, name = action.partition(":")
    known = _get(_read_actions(), service, "Actions", name.lower())
    return known is None or bool(known.get("Resources"))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
