"""cloudformation.yaml: the service behind a load balancer on AWS."""

import re

from pupila.artifacts.registry.names import PREFIX
from pupila.artifacts.web.limits import ConnectionLimits
from pupila.stages.deploy.aws_alarms import render_alarms, render_dashboard
from pupila.stages.deploy.deployment import Deployment
from pupila.stages.deploy.templates import fill

STACK = "cloudformation.yaml"
PORT = 8000
DRAIN_SECONDS = 20
_SPARE_SECONDS = 10
# Docker kills a container that stops later: after draining, accepted requests are completed.
STOP_SECONDS = DRAIN_SECONDS + int(ConnectionLimits().grace_seconds) + _SPARE_SECONDS
_ADDRESS = re.compile(r"s3://(?P<bucket>[^/#]+)/?(?P<path>[^#]*)")


def render(deployment: Deployment) -> dict[str, bytes]:
    """Its files, by their names below the folder."""
    address = _ADDRESS.match(deployment.model.removeprefix(PREFIX))
    name, has_drift = deployment.name, deployment.info.drift is not None
    seconds = {"drain_seconds": str(DRAIN_SECONDS), "stop_seconds": str(STOP_SECONDS), "port": str(PORT)}
    text = fill(
        STACK, **seconds, name=name,
        model=deployment.model,
        sha256=deployment.sha256 if deployment.model and not deployment.follows else "",
        models_bucket=address["bucket"] if address else "",
        models_prefix=address["path"] if address else "",
        bucket=fill("bucket.yaml"),
        user_data=fill("user-data.sh", **seconds, name=name, unit_seconds=str(STOP_SECONDS + _SPARE_SECONDS)),
        alarms=render_alarms(name, has_drift),
        dashboard=render_dashboard(name, has_drift),
    )  # fmt: skip
    return {STACK: text.encode()}
