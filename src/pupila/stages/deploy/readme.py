"""README.md: the commands for a target, in their order, and what it costs by the hour."""

from pupila.stages.deploy.deployment import Deployment


def render(deployment: Deployment, target: str) -> dict[str, bytes]:
    """Its file, by its name below the folder."""
    return {}
