"""A GitHub Actions workflow that builds the image and deploys it."""

from pupila.stages.deploy.deployment import Deployment


def render(deployment: Deployment) -> dict[str, bytes]:
    """Its files, by their names below the folder."""
    return {}
