"""Readers: images, buckets, logs and alarms."""

import contextlib
from typing import Any

from pupila.stages.deploy.checks.cloud import Cloud


def pascal(value: Any) -> Any:
    """Keys such as `scanOnPush` as `ScanOnPush`, at any depth."""
    if isinstance(value, dict):
        return {key[:1].upper() + key[1:]: pascal(item) for key, item in value.items()}
    return [pascal(item) for item in value] if isinstance(value, list) else value


def _read_or_none(client: Any, method: str, **arguments: Any) -> dict[str, Any]:
    """The response; empty where the resource has no such configuration."""
    response: dict[str, Any] = {}
    with contextlib.suppress(client.exceptions.ClientError):
        response = getattr(client, method)(**arguments)
    return response


def _read_repository(cloud: Cloud, name: str) -> dict[str, Any]:
    given: dict[str, Any] = pascal(
        cloud("ecr").describe_repositories(repositoryNames=[name])["repositories"][0]
    )
    lifecycle = _read_or_none(cloud("ecr"), "get_lifecycle_policy", repositoryName=name)
    return given | ({"LifecyclePolicy": pascal(lifecycle)} if lifecycle else {})


def _read_bucket(cloud: Cloud, bucket: str) -> dict[str, Any]:
    s3 = cloud("s3")
    encryption = _read_or_none(s3, "get_bucket_encryption", Bucket=bucket)
    public = _read_or_none(s3, "get_public_access_block", Bucket=bucket)
    ownership = _read_or_none(s3, "get_bucket_ownership_controls", Bucket=bucket)
    lifecycle = _read_or_none(s3, "get_bucket_lifecycle_configuration", Bucket=bucket)
    versioning = s3.get_bucket_versioning(Bucket=bucket)
    read: dict[str, Any] = {"BucketName": bucket}
    if encryption:
        rules = encryption["ServerSideEncryptionConfiguration"]["Rules"]
        read["BucketEncryption"] = {
            "ServerSideEncryptionConfiguration": [
                {"ServerSideEncryptionByDefault": rule["ApplyServerSideEncryptionByDefault"]}
                for rule in rules
            ]
        }
    if public:
        read["PublicAccessBlockConfiguration"] = public["PublicAccessBlockConfiguration"]
    if ownership:
        read["OwnershipControls"] = ownership["OwnershipControls"]
    if lifecycle:
        read["LifecycleConfiguration"] = {"Rules": [_read_rule(rule) for rule in lifecycle["Rules"]]}
    if "Status" in versioning:
        read["VersioningConfiguration"] = {"Status": versioning["Status"]}
    return read


def _read_rule(rule: dict[str, Any]) -> dict[str, Any]:
    """A rule of a bucket's lifecycle, of which CloudFormation has another name."""
    days = {"ExpirationInDays": rule["Expiration"]["Days"]} if "Days" in rule.get("Expiration", {}) else {}
    prefix = {"Prefix": rule["Filter"]["Prefix"]} if rule.get("Filter", {}).get("Prefix") else {}
    return {"Id": rule["ID"], **{key: value for key, value in rule.items() if key != "ID"}, **days, **prefix}


def _read_bucket_policy(cloud: Cloud, bucket: str) -> dict[str, Any]:
    return {"Bucket": bucket, "PolicyDocument": cloud("s3").get_bucket_policy(Bucket=bucket)["Policy"]}


def _read_log_group(cloud: Cloud, name: str) -> dict[str, Any]:
    groups = cloud("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    return next(pascal(group) for group in groups if group["logGroupName"] == name)


def _read_metric_filter(cloud: Cloud, name: str) -> dict[str, Any]:
    filters = cloud("logs").describe_metric_filters()["metricFilters"]
    return next(pascal(given) for given in filters if given["filterName"] == name)


def _read_alarm(cloud: Cloud, name: str) -> dict[str, Any]:
    given: dict[str, Any] = cloud("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"][0]
    return given


def _read_dashboard(cloud: Cloud, name: str) -> dict[str, Any]:
    given: dict[str, Any] = cloud("cloudwatch").get_dashboard(DashboardName=name)
    return given


STORAGE_READERS = {
    "AWS::CloudWatch::Alarm": _read_alarm,
    "AWS::CloudWatch::Dashboard": _read_dashboard,
    "AWS::ECR::Repository": _read_repository,
    "AWS::Logs::LogGroup": _read_log_group,
    "AWS::Logs::MetricFilter": _read_metric_filter,
    "AWS::S3::Bucket": _read_bucket,
    "AWS::S3::BucketPolicy": _read_bucket_policy,
}
