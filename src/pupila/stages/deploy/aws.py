"""cloudformation.yaml: the service behind a load balancer on AWS."""

import re

from pupila.stages.deploy.aws_alarms import render_alarms, render_dashboard
from pupila.stages.deploy.deployment import Deployment
from pupila.stages.deploy.templates import fill

STACK = "cloudformation.yaml"
PORT = 8000
DRAIN_SECONDS = 20
_STOP_SECONDS = DRAIN_SECONDS + 10  # docker kills a container that stops later
_REGISTRY = "registry:"
_ADDRESS = re.compile(r"s3://(?P<bucket>[^/#]+)/?(?P<path>[^#]*)")


def render(deployment: Deployment) -> dict[str, bytes]:
    """Its files, by their names below the folder."""
    follows = deployment.model.startswith(_REGISTRY)
    address = _ADDRESS.match(deployment.model.removeprefix(_REGISTRY))
    name, has_drift = deployment.name, deployment.info.drift is not None
    seconds = {"drain_seconds": str(DRAIN_SECONDS), "port": str(PORT)}
    text = fill(
        STACK, **seconds, name=name,
        model=deployment.model,
        sha256=deployment.sha256 if deployment.model and not follows else "",
        models_bucket=address["bucket"] if address else "",
        models_prefix=address["path"] if address else "",
        bucket=fill("bucket.yaml"),
        user_data=fill("user-data.sh", **seconds, name=name, stop_seconds=str(_STOP_SECONDS)),
        alarms=render_alarms(name, has_drift),
        dashboard=render_dashboard(name, has_drift),
    )  # fmt: skip
    return {STACK: text.encode()}
