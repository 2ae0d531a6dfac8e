"""Readers: network, instances and their scaling."""

from collections.abc import Iterator
from typing import Any

from pupila.stages.deploy.checks.cloud import Cloud


def _read_security_group(cloud: Cloud, group: str) -> dict[str, Any]:
    given = cloud("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
    return {
        "GroupDescription": given["Description"],
        "VpcId": given["VpcId"],
        "SecurityGroupIngress": list(_flatten_rules(given["IpPermissions"], "SourceSecurityGroupId")),
        "SecurityGroupEgress": list(
            _flatten_rules(given["IpPermissionsEgress"], "DestinationSecurityGroupId")
        ),
    }


def _flatten_rules(permissions: list[dict[str, Any]], other: str) -> Iterator[dict[str, Any]]:
    """One rule for each range of addresses and each group, as CloudFormation has them."""
    for permission in permissions:
        rule = {key: permission.get(key, -1) for key in ("IpProtocol", "FromPort", "ToPort")}
        for addresses in permission["IpRanges"]:
            yield rule | {key: addresses[key] for key in ("CidrIp", "Description") if key in addresses}
        for pair in permission["UserIdGroupPairs"]:
            described = {"Description": pair["Description"]} if "Description" in pair else {}
            yield rule | {other: pair["GroupId"]} | described


def _read_load_balancer(cloud: Cloud, arn: str) -> dict[str, Any]:
    given = cloud("elbv2").describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"][0]
    attributes = cloud("elbv2").describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
    zones = [zone["SubnetId"] for zone in given["AvailabilityZones"]]
    return {**given, "Subnets": zones, "LoadBalancerAttributes": attributes}


def _read_listener(cloud: Cloud, arn: str) -> dict[str, Any]:
    given: dict[str, Any] = cloud("elbv2").describe_listeners(ListenerArns=[arn])["Listeners"][0]
    return given


def _read_target_group(cloud: Cloud, arn: str) -> dict[str, Any]:
    given = cloud("elbv2").describe_target_groups(TargetGroupArns=[arn])["TargetGroups"][0]
    attributes = cloud("elbv2").describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
    return {**given, "TargetGroupAttributes": attributes}


def _read_launch_template(cloud: Cloud, template: str) -> dict[str, Any]:
    given: dict[str, Any] = cloud("ec2").describe_launch_template_versions(
        LaunchTemplateId=template, Versions=["$Latest"]
    )["LaunchTemplateVersions"][0]
    return given


def _read_group(cloud: Cloud, name: str) -> dict[str, Any]:
    given = cloud("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])[
        "AutoScalingGroups"
    ][0]
    granularities = sorted({metric["Granularity"] for metric in given["EnabledMetrics"]})
    read = {**given, "VPCZoneIdentifier": given["VPCZoneIdentifier"].split(",")}
    if granularities:
        read["MetricsCollection"] = [{"Granularity": granularity} for granularity in granularities]
    return read


def _read_scaling_policy(cloud: Cloud, name: str) -> dict[str, Any]:
    policies = cloud("autoscaling").describe_policies()["ScalingPolicies"]
    return next(policy for policy in policies if policy["PolicyName"] == name)


def _read_instance(cloud: Cloud, instance: str) -> dict[str, Any]:
    given: dict[str, Any] = cloud("ec2").describe_instances(InstanceIds=[instance])["Reservations"][0][
        "Instances"
    ][0]
    return given


NETWORK_READERS = {
    "AWS::AutoScaling::AutoScalingGroup": _read_group,
    "AWS::AutoScaling::ScalingPolicy": _read_scaling_policy,
    "AWS::EC2::Instance": _read_instance,
    "AWS::EC2::LaunchTemplate": _read_launch_template,
    "AWS::EC2::SecurityGroup": _read_security_group,
    "AWS::ElasticLoadBalancingV2::Listener": _read_listener,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _read_load_balancer,
    "AWS::ElasticLoadBalancingV2::TargetGroup": _read_target_group,
}
