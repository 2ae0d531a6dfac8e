"""cloudformation.yaml: the service behind a load balancer on AWS."""

from pupila.stages.deploy.deployment import Deployment


def render(deployment: Deployment) -> dict[str, bytes]:
    """Its files, by their names below the folder."""
    return {}
