"""compose.yaml: the service, its page, Prometheus and Grafana on one machine."""

from pupila.stages.deploy.deployment import Deployment


def render(deployment: Deployment) -> dict[str, bytes]:
    """Its files, by their names below the folder."""
    return {}
