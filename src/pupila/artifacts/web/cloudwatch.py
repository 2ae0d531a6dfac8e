"""The metrics of a service in CloudWatch: the one table that the service and the deployed alarms both read."""

from dataclasses import dataclass
from typing import Literal

NAMESPACE = "Pupila"
DIMENSION = "Service"  # its value is the name of the service


@dataclass(frozen=True, slots=True)
class CloudWatchMetric:
    """A metric as CloudWatch gets it."""

    name: str
    unit: Literal["Count", "Milliseconds", "None"]
    meaning: str


REQUESTS = CloudWatchMetric("Requests", "Count", "requests, health checks and scrapes excluded")
SERVER_ERRORS = CloudWatchMetric("ServerErrors", "Count", "requests with a 5xx")
CLIENT_ERRORS = CloudWatchMetric("ClientErrors", "Count", "requests with a 4xx")
LATENCY = CloudWatchMetric(
    "Latency", "Milliseconds", "of the requests for one image, refused ones excluded, one value each"
)
PREDICTIONS = CloudWatchMetric("Predictions", "Count", "predicted images")
ABSTENTIONS = CloudWatchMetric("Abstentions", "Count", "predicted images whose confidence was too low")
INVALID_IMAGES = CloudWatchMetric("InvalidImages", "Count", "images that could not be predicted")
QUEUE_IMAGES = CloudWatchMetric("QueueImages", "Count", "images in the queue")
READY = CloudWatchMetric(
    "Ready", "Count", "1 where /health/ready is a 200, else 0; written as long as it lives"
)
SWAP_FAILED = CloudWatchMetric("SwapFailed", "Count", "1: the bundle that should be served was refused")
DRIFT_ALARM = CloudWatchMetric("DriftAlarm", "Count", "1: the images no longer look like the reference")
DRIFT_EVIDENCE = CloudWatchMetric("DriftEvidence", "None", "evidence of drift; alarm from its limit on")

METRICS: tuple[CloudWatchMetric, ...] = (
    REQUESTS, SERVER_ERRORS, CLIENT_ERRORS, LATENCY, PREDICTIONS, ABSTENTIONS, INVALID_IMAGES, QUEUE_IMAGES, READY,
    SWAP_FAILED, DRIFT_ALARM, DRIFT_EVIDENCE,
)  # fmt: skip
