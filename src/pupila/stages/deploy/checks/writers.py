"""What moto's CloudFormation leaves out, written through the APIs of the services: botocore validates each call."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from pupila.stages.deploy.checks.cloud import Cloud

Properties = Mapping[str, Any]


def _create_scaling_policy(cloud: Cloud, properties: Properties, name: str) -> str:
    given = dict(properties)
    tracking = given.get("TargetTrackingConfiguration")
    if tracking:
        given["TargetTrackingConfiguration"] = {**tracking, "TargetValue": float(tracking["TargetValue"])}
    cloud("autoscaling").put_scaling_policy(PolicyName=name, **given)
    return name


def _create_alarm(cloud: Cloud, properties: Properties, name: str) -> str:
    given = {"AlarmName": name, **properties, "Threshold": float(properties["Threshold"])}
    given |= {
        key: int(given[key]) for key in ("Period", "EvaluationPeriods", "DatapointsToAlarm") if key in given
    }
    cloud("cloudwatch").put_metric_alarm(**given)
    return str(given["AlarmName"])


def _create_dashboard(cloud: Cloud, properties: Properties, name: str) -> str:
    given = {"DashboardName": name, **properties}
    cloud("cloudwatch").put_dashboard(**given)
    return str(given["DashboardName"])


def _create_metric_filter(cloud: Cloud, properties: Properties, name: str) -> str:
    transformations = [
        {key[:1].lower() + key[1:]: value for key, value in item.items()}
        for item in properties["MetricTransformations"]
    ]
    cloud("logs").put_metric_filter(
        filterName=name, logGroupName=properties["LogGroupName"], filterPattern=properties["FilterPattern"],
        metricTransformations=transformations,
    )  # fmt: skip
    return name


def _create_key(cloud: Cloud, properties: Properties, name: str) -> str:
    key = cloud("kms").create_key(
        Policy=json.dumps(properties["KeyPolicy"]), Description=properties.get("Description", "")
    )
    if properties.get("EnableKeyRotation"):
        cloud("kms").enable_key_rotation(KeyId=key["KeyMetadata"]["KeyId"])
    return str(key["KeyMetadata"]["KeyId"])


def _create_secret(cloud: Cloud, properties: Properties, name: str) -> str:
    return str(cloud("secretsmanager").create_secret(**{"Name": name, **properties})["ARN"])


def _create_bucket_policy(cloud: Cloud, properties: Properties, name: str) -> str:
    cloud("s3").put_bucket_policy(
        Bucket=properties["Bucket"], Policy=json.dumps(properties["PolicyDocument"])
    )
    return str(properties["Bucket"])


def _create_topic_policy(cloud: Cloud, properties: Properties, name: str) -> str:
    policy = json.dumps(properties["PolicyDocument"])
    for topic in properties["Topics"]:
        cloud("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    return str(properties["Topics"][0])


def _create_subscription(cloud: Cloud, properties: Properties, name: str) -> str:
    return str(cloud("sns").subscribe(**properties, ReturnSubscriptionArn=True)["SubscriptionArn"])


# Resources, by type; each gives the physical id.
CREATORS: dict[str, Callable[[Cloud, Properties, str], str]] = {
    "AWS::AutoScaling::ScalingPolicy": _create_scaling_policy,
    "AWS::CloudWatch::Alarm": _create_alarm,
    "AWS::CloudWatch::Dashboard": _create_dashboard,  # moto resolves no name of a load balancer in its body
    "AWS::KMS::Key": _create_key,  # moto reads no policy that its CloudFormation wrote
    "AWS::Logs::MetricFilter": _create_metric_filter,
    "AWS::S3::BucketPolicy": _create_bucket_policy,
    "AWS::SNS::Subscription": _create_subscription,
    "AWS::SNS::TopicPolicy": _create_topic_policy,
    "AWS::SecretsManager::Secret": _create_secret,
}


def _put_egress(cloud: Cloud, group: str, rules: Any) -> None:
    ec2 = cloud("ec2")
    default = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissionsEgress"]
    ec2.revoke_security_group_egress(GroupId=group, IpPermissions=default)  # as CloudFormation does
    ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[_permission(rule) for rule in rules])


def _put_ingress(cloud: Cloud, group: str, rules: Any) -> None:
    ec2 = cloud("ec2")
    if ingress := ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]:
        ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=ingress)
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[_permission(rule) for rule in rules])


def _permission(rule: Properties) -> dict[str, Any]:
    """A rule of CloudFormation as the API has it."""
    described = {"Description": rule["Description"]} if "Description" in rule else {}
    permission = {
        "IpProtocol": rule["IpProtocol"],
        "FromPort": int(rule["FromPort"]),
        "ToPort": int(rule["ToPort"]),
    }
    if "CidrIp" in rule:
        return permission | {"IpRanges": [{"CidrIp": rule["CidrIp"], **described}]}
    other = rule.get("SourceSecurityGroupId") or rule["DestinationSecurityGroupId"]
    return permission | {"UserIdGroupPairs": [{"GroupId": other, **described}]}


def _put_lifecycle(cloud: Cloud, bucket: str, given: Any) -> None:
    rules = []
    for rule in given["Rules"]:
        own = {key: value for key, value in rule.items() if key not in ("Id", "ExpirationInDays", "Prefix")}
        if "ExpirationInDays" in rule:
            own["Expiration"] = {"Days": int(rule["ExpirationInDays"])}
        rules.append({"ID": rule["Id"], "Filter": {"Prefix": rule.get("Prefix", "")}, **own})
    cloud("s3").put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})


def _put_metrics_collection(cloud: Cloud, group: str, given: Any) -> None:
    for collection in given:
        names = {"Metrics": collection["Metrics"]} if "Metrics" in collection else {}
        cloud("autoscaling").enable_metrics_collection(
            AutoScalingGroupName=group, Granularity=collection["Granularity"], **names
        )


def _put_lifecycle_policy(cloud: Cloud, repository: str, given: Any) -> None:
    cloud("ecr").put_lifecycle_policy(
        repositoryName=repository, lifecyclePolicyText=given["LifecyclePolicyText"]
    )


def _put_role_policies(cloud: Cloud, role: str, given: Any) -> None:
    for policy in given:
        document = json.dumps(policy["PolicyDocument"])
        cloud("iam").put_role_policy(RoleName=role, PolicyName=policy["PolicyName"], PolicyDocument=document)


def _call(service: str, method: str, physical: str, key: str) -> Callable[[Cloud, str, Any], Any]:
    """What writes a property by one call, which takes the physical id and the value under these names."""
    return lambda cloud, resource, value: getattr(cloud(service), method)(**{physical: resource, key: value})


def _put_retention(cloud: Cloud, group: str, days: Any) -> None:
    cloud("logs").put_retention_policy(logGroupName=group, retentionInDays=int(days))


def _put_scanning(cloud: Cloud, repository: str, given: Any) -> None:
    configuration = {key[:1].lower() + key[1:]: value for key, value in given.items()}
    cloud("ecr").put_image_scanning_configuration(
        repositoryName=repository, imageScanningConfiguration=configuration
    )


def _put_warmup(cloud: Cloud, group: str, seconds: Any) -> None:
    cloud("autoscaling").update_auto_scaling_group(
        AutoScalingGroupName=group, DefaultInstanceWarmup=int(seconds)
    )


def _put_topic_attribute(name: str) -> Callable[[Cloud, str, Any], Any]:
    return lambda cloud, topic, value: cloud("sns").set_topic_attributes(
        TopicArn=topic, AttributeName=name, AttributeValue=value
    )


_BALANCER, _TARGETS = "AWS::ElasticLoadBalancingV2::LoadBalancer", "AWS::ElasticLoadBalancingV2::TargetGroup"
_GROUP, _BUCKET = "AWS::AutoScaling::AutoScalingGroup", "AWS::S3::Bucket"

# Properties, by type and name, of resources that moto's CloudFormation creates without them.
PROPERTY_WRITERS: dict[str, Callable[[Cloud, str, Any], Any]] = {
    f"{_GROUP}.DefaultInstanceWarmup": _put_warmup,
    f"{_GROUP}.MetricsCollection": _put_metrics_collection,
    "AWS::EC2::SecurityGroup.SecurityGroupEgress": _put_egress,
    "AWS::EC2::SecurityGroup.SecurityGroupIngress": _put_ingress,
    "AWS::ECR::Repository.ImageScanningConfiguration": _put_scanning,
    "AWS::ECR::Repository.LifecyclePolicy": _put_lifecycle_policy,
    f"{_BALANCER}.LoadBalancerAttributes": _call(
        "elbv2", "modify_load_balancer_attributes", "LoadBalancerArn", "Attributes"
    ),
    f"{_TARGETS}.TargetGroupAttributes": _call(
        "elbv2", "modify_target_group_attributes", "TargetGroupArn", "Attributes"
    ),
    "AWS::IAM::Role.Policies": _put_role_policies,  # moto stores them as Python writes mappings
    "AWS::Logs::LogGroup.RetentionInDays": _put_retention,
    f"{_BUCKET}.LifecycleConfiguration": _put_lifecycle,
    f"{_BUCKET}.OwnershipControls": _call(
        "s3", "put_bucket_ownership_controls", "Bucket", "OwnershipControls"
    ),
    f"{_BUCKET}.PublicAccessBlockConfiguration": _call(
        "s3", "put_public_access_block", "Bucket", "PublicAccessBlockConfiguration"
    ),
    f"{_BUCKET}.VersioningConfiguration": _call(
        "s3", "put_bucket_versioning", "Bucket", "VersioningConfiguration"
    ),
    "AWS::SNS::Topic.DisplayName": _put_topic_attribute("DisplayName"),
    "AWS::SNS::Topic.KmsMasterKeyId": _put_topic_attribute("KmsMasterKeyId"),
}
