"""Files that no check has a fault in, with what looks like one and is none."""

import json
from pathlib import Path

DOCKERFILE = """\
# syntax=docker/dockerfile:1
ARG BASE=debian:bookworm-slim
FROM debian:bookworm-slim AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --no-install-recommends --yes python3-venv \\
    # a comment within a continued instruction
    && rm -rf /var/lib/apt/lists/*
COPY requirements/api.txt /tmp/requirements.txt
COPY wheel/*.whl /tmp/
RUN python3 -m venv /opt/pupila \\
    && /opt/pupila/bin/pip install --no-cache-dir --require-hashes -r /tmp/requirements.txt \\
    && /opt/tools/bin/pip --python /opt/pupila/bin/python install --no-index --no-deps /tmp/pupila-1.0-py3-none-any.whl

FROM debian:bookworm-slim AS base
USER 10001:10001
HEALTHCHECK CMD ["/opt/pupila/bin/python", "-c", "pass"]

FROM base
ENV TOKENS_FILE=/run/secrets/tokens.json TOKENIZERS_PARALLELISM=false PUPILA_TOKEN=/run/secrets/token
COPY --from=build /opt/pupila /opt/pupila
EXPOSE 8000
ENTRYPOINT ["/opt/pupila/bin/pupila", "serve"]
"""

COMPOSE = """\
x-common: &common
  read_only: true
  restart: on-failure
services:
  api:
    <<: *common
    build: {context: ., dockerfile: Dockerfile.api}
    image: pupila-api:1.0
    ports: ["127.0.0.1:8000:8000", "${ADDRESS:-127.0.0.1}:8001:8001", "${OTHER:?say which}:8002:8002"]
    environment:
      TOKENS_FILE: /run/secrets/tokens.json
      HOME: /tmp
    volumes: ["predictions:/var/lib/pupila", "./prometheus/prometheus.yml:/etc/prometheus.yml:ro",
      {type: bind, source: ./bundle, target: /bundle, bind: {create_host_path: false}}]
    secrets: [tokens]
    healthcheck: {test: [CMD, "true"], interval: 10s}
  grafana:
    <<: *common
    image: localhost:5000/grafana/grafana:12.0.1
    environment: ["GF_SECURITY_ADMIN_PASSWORD__FILE=/run/secrets/grafana", "GF_LOG_LEVEL=warn"]
    expose: ["3000"]
volumes:
  predictions: {}
secrets:
  tokens: {file: ./secrets/tokens.json}
"""

WORKFLOW = """\
name: Deploy
on:
  push:
    tags: ["v*"]
permissions:
  contents: read
jobs:
  deploy:
    runs-on: ubuntu-24.04
    permissions:
      contents: read
      id-token: write
    env:
      TITLE: ${{ github.event.head_commit.message }}
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
      - uses: aws-actions/configure-aws-credentials@ececac1a45f3b08a01d2dd070d28d111c5fe6722 # v4.1.0
        with:
          role-to-assume: ${{ secrets.AWS_ROLE_ARN }}
          aws-region: ${{ vars.AWS_REGION }}
      - run: |
          echo "$TITLE"
          aws sts get-caller-identity
"""

TEMPLATE = """\
AWSTemplateFormatVersion: 2010-09-09
Parameters:
  Service: {Type: String, Default: shop}
  HasDrift: {Type: String, Default: "false"}
  ImageTag: {Type: String, Default: ""}
Conditions:
  Drift: !And [!Equals [!Ref HasDrift, "true"], !Condition Serves]
  Serves: !Not [!Equals [!Ref ImageTag, ""]]
Resources:
  Topic: {Type: AWS::SNS::Topic}
  Silent:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmDescription: !Sub "${Service} writes no metrics"
      Namespace: Pupila
      MetricName: Ready
      Dimensions: [{Name: Service, Value: !Ref Service}]
      Statistic: Maximum
      Period: 60
      EvaluationPeriods: 3
      ComparisonOperator: LessThanThreshold
      Threshold: 1
      TreatMissingData: breaching
      AlarmActions: [!Ref Topic]
  Slow:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Namespace: Pupila
      MetricName: Latency
      Dimensions: [{Name: Service, Value: !Sub "${Service}"}]
      ExtendedStatistic: p95
      Period: 60
      EvaluationPeriods: 10
      DatapointsToAlarm: 8
      ComparisonOperator: GreaterThanThreshold
      Threshold: 2000
      TreatMissingData: notBreaching
      AlarmActions: [!Ref Topic]
      ActionsEnabled: !If [Serves, true, false]
  Errors:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Metrics:
        - {Id: share, Expression: 100 * errors / requests}
        - Id: errors
          ReturnData: false
          MetricStat:
            Metric: {Namespace: Pupila, MetricName: ServerErrors, Dimensions: [{Name: Service, Value: shop}]}
            Period: 300
            Stat: Sum
        - Id: requests
          ReturnData: false
          MetricStat:
            Metric: {Namespace: Pupila, MetricName: Requests, Dimensions: [{Name: Service, Value: shop}]}
            Period: 300
            Stat: Sum
      EvaluationPeriods: 1
      ComparisonOperator: GreaterThanThreshold
      Threshold: 5
      AlarmActions: [!Ref Topic]
  Healthy:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Namespace: AWS/ApplicationELB
      MetricName: HealthyHostCount
      Dimensions:
        - {Name: LoadBalancer, Value: !GetAtt Balancer.LoadBalancerFullName}
        - {Name: TargetGroup, Value: !GetAtt Targets.TargetGroupFullName}
      Statistic: Minimum
      Period: 60
      EvaluationPeriods: 3
      ComparisonOperator: LessThanThreshold
      Threshold: 1
      TreatMissingData: breaching
      AlarmActions: [!Ref Topic]
  Refused:
    Type: AWS::Logs::MetricFilter
    Properties:
      LogGroupName: shop
      FilterPattern: '{ $.log = "security" }'
      MetricTransformations: [{MetricName: Refusals, MetricNamespace: Pupila/Log, MetricValue: "1"}]
  ManyRefused:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Namespace: Pupila/Log
      MetricName: Refusals
      Statistic: Sum
      Period: 300
      EvaluationPeriods: 1
      ComparisonOperator: GreaterThanThreshold
      Threshold: 100
      AlarmActions: [!Ref Topic]
  Drifted: # not in a stack with these parameters
    Type: AWS::CloudWatch::Alarm
    Condition: Drift
    Properties: {Namespace: Pupila, MetricName: DriftAlarm}
  Scale:
    Type: AWS::AutoScaling::ScalingPolicy
    Properties:
      AutoScalingGroupName: group
      PolicyType: TargetTrackingScaling
      TargetTrackingConfiguration:
        PredefinedMetricSpecification: {PredefinedMetricType: ASGAverageCPUUtilization}
        TargetValue: 60
  Board:
    Type: AWS::CloudWatch::Dashboard
    Properties:
      DashboardBody: !Sub |
        {"widgets": [{"type": "text", "properties": {"markdown": "Pupila"}}, {"type": "metric", "properties": {
          "metrics": [["Pupila", "Requests", "Service", "${Service}", {"stat": "Sum"}],
                      [".", "ServerErrors", ".", "."], ["...", {"stat": "p99"}], [{"expression": "m1 / m2"}]]}}]}
"""


def write_log(folder: Path, *names: str, service: str = "shop", namespace: str = "Pupila") -> None:
    """A recorded log with these metrics in one record."""
    directive = {
        "Namespace": namespace,
        "Dimensions": [["Service"]],
        "Metrics": [{"Name": name} for name in names],
    }
    record = {
        "_aws": {"Timestamp": 1_800_000_000_000, "CloudWatchMetrics": [directive]},
        "Service": service,
        **dict.fromkeys(names, 1),
    }
    lines = [json.dumps({"log": "access", "route": "/health"}), json.dumps(record)]
    (folder / "metrics.jsonl").write_text("\n".join(lines) + "\n")


def write_good(folder: Path) -> Path:
    """The folder with all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (
        ("Dockerfile.api", DOCKERFILE), ("compose.yaml", COMPOSE), ("github-workflow-deploy.yml", WORKFLOW),
        ("cloudformation.yaml", TEMPLATE), ("requirements/api.txt", ""), ("wheel/pupila-1.0-py3-none-any.whl", ""),
        ("prometheus/prometheus.yml", ""), ("Dockerfile.api.dockerignore", "*"),
    ):  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    write_log(folder, "Requests", "ServerErrors", "Latency", "Ready")
    return folder
