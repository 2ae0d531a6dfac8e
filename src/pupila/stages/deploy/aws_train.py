"""cloudformation-train.yaml: one instance that trains, stores what it trained, and stops itself."""

from pupila.stages.deploy.deployment import Deployment


def render(deployment: Deployment) -> dict[str, bytes]:
    """Its files, by their names below the folder."""
    return {}
