"""Readers: roles, keys, secrets and topics."""

from typing import Any

from pupila.stages.deploy.checks.cloud import Cloud


def _read_role(cloud: Cloud, name: str) -> dict[str, Any]:
    iam = cloud("iam")
    policies = [
        {
            "PolicyName": policy,
            "PolicyDocument": iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"],
        }
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
    ]
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    read: dict[str, Any] = {**iam.get_role(RoleName=name)["Role"], "Policies": policies}
    return read | {"ManagedPolicyArns": [policy["PolicyArn"] for policy in attached]} if attached else read


def _read_instance_profile(cloud: Cloud, name: str) -> dict[str, Any]:
    given = cloud("iam").get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
    return {**given, "Roles": [role["RoleName"] for role in given["Roles"]]}


def _read_key(cloud: Cloud, key: str) -> dict[str, Any]:
    kms = cloud("kms")
    return {
        **kms.describe_key(KeyId=key)["KeyMetadata"],
        "KeyPolicy": kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"],
        "EnableKeyRotation": kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"],
    }


def _read_secret(cloud: Cloud, arn: str) -> dict[str, Any]:
    given: dict[str, Any] = cloud("secretsmanager").describe_secret(SecretId=arn)
    return given


def _read_topic(cloud: Cloud, arn: str) -> dict[str, Any]:
    subscriptions = cloud("sns").list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
    return {
        **cloud("sns").get_topic_attributes(TopicArn=arn)["Attributes"],
        "TopicName": arn.split(":")[-1],
        "Subscription": [{key: each[key] for key in ("Endpoint", "Protocol")} for each in subscriptions],
    }


def _read_topic_policy(cloud: Cloud, arn: str) -> dict[str, Any]:
    return {"Topics": [arn], "PolicyDocument": _read_topic(cloud, arn)["Policy"]}


def _read_subscription(cloud: Cloud, arn: str) -> dict[str, Any]:
    given: dict[str, Any] = cloud("sns").get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    return given


ACCESS_READERS = {
    "AWS::IAM::InstanceProfile": _read_instance_profile,
    "AWS::IAM::Role": _read_role,
    "AWS::KMS::Key": _read_key,
    "AWS::SNS::Subscription": _read_subscription,
    "AWS::SNS::Topic": _read_topic,
    "AWS::SNS::TopicPolicy": _read_topic_policy,
    "AWS::SecretsManager::Secret": _read_secret,
}
