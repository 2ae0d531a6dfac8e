"""An account in moto, an AWS in memory: nothing reaches the network."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

REGION = "eu-central-1"
GITHUB = "https://token.actions.githubusercontent.com"
Cloud = Callable[[str], Any]  # the client of a service, by its name

# Whatever this process has of AWS is out of sight: keys, profiles, files, addresses of other endpoints.
_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "testing",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",  # more than a thousand, which take seconds
}


@contextmanager
def open_account() -> Iterator[Cloud]:
    """A new account, with GitHub's provider of identities, as a person makes it before the first stack."""
    import boto3
    from moto import mock_aws

    with patch.dict(os.environ, _ENVIRONMENT):
        for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
            os.environ.pop(name, None)
        with mock_aws(), patch.object(logging.getLogger("moto"), "disabled", True):
            session = boto3.Session(region_name=REGION)
            clients: dict[str, Any] = {}

            def cloud(service: str) -> Any:
                if service not in clients:
                    clients[service] = session.client(service)
                return clients[service]

            cloud("iam").create_open_id_connect_provider(Url=GITHUB, ThumbprintList=[])
            yield cloud


def prepare_network(cloud: Cloud) -> dict[str, str]:
    """What the parameters of a network are given: values by the types and the names of parameters."""
    ec2 = cloud("ec2")
    network = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=network, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"{REGION}{zone}")[
            "Subnet"
        ]
        for number, zone in enumerate("ab")
    ]
    return {
        "AWS::EC2::VPC::Id": network,
        "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>": ec2.register_image(Name="linux")["ImageId"],
        "AWS::EC2::Subnet::Id": subnets[0]["SubnetId"],
        "List<AWS::EC2::Subnet::Id>": ",".join(subnet["SubnetId"] for subnet in subnets),
        "VpcCidr": "10.0.0.0/16",
        "CertificateArn": cloud("acm").request_certificate(DomainName="example.org")["CertificateArn"],
    }


def _read_arn_of_role(cloud: Cloud, name: str) -> str:
    return str(cloud("iam").get_role(RoleName=name)["Role"]["Arn"])


def _read_arn_of_profile(cloud: Cloud, name: str) -> str:
    return str(cloud("iam").get_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Arn"])


def _read_repository(cloud: Cloud, name: str, key: str) -> str:
    return str(cloud("ecr").describe_repositories(repositoryNames=[name])["repositories"][0][key])


def _read_version(cloud: Cloud, template: str, key: str) -> str:
    return str(
        cloud("ec2").describe_launch_templates(LaunchTemplateIds=[template])["LaunchTemplates"][0][key]
    )


def _read_log_group(cloud: Cloud, name: str) -> str:
    return str(cloud("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"][0]["arn"])


def _read_key(cloud: Cloud, key: str) -> str:
    return str(cloud("kms").describe_key(KeyId=key)["KeyMetadata"]["Arn"])


# What `GetAtt` is of a physical id, by the type of the resource and the attribute.
ATTRIBUTES: dict[str, Callable[[Cloud, str], str]] = {
    "AWS::EC2::LaunchTemplate.DefaultVersionNumber": lambda cloud, name: _read_version(
        cloud, name, "DefaultVersionNumber"
    ),
    "AWS::EC2::LaunchTemplate.LatestVersionNumber": lambda cloud, name: _read_version(
        cloud, name, "LatestVersionNumber"
    ),
    "AWS::EC2::SecurityGroup.GroupId": lambda cloud, name: name,
    "AWS::ECR::Repository.Arn": lambda cloud, name: _read_repository(cloud, name, "repositoryArn"),
    "AWS::ECR::Repository.RepositoryUri": lambda cloud, name: _read_repository(cloud, name, "repositoryUri"),
    "AWS::ElasticLoadBalancingV2::LoadBalancer.LoadBalancerFullName": lambda cloud, name: name.split(
        "loadbalancer/"
    )[1],
    "AWS::ElasticLoadBalancingV2::TargetGroup.TargetGroupFullName": lambda cloud, name: name.split(":")[-1],
    "AWS::IAM::InstanceProfile.Arn": _read_arn_of_profile,
    "AWS::IAM::Role.Arn": _read_arn_of_role,
    "AWS::KMS::Key.Arn": _read_key,
    "AWS::Logs::LogGroup.Arn": _read_log_group,
    "AWS::S3::Bucket.Arn": lambda cloud, name: f"arn:aws:s3:::{name}",
    "AWS::SNS::Topic.TopicArn": lambda cloud, name: name,
}
