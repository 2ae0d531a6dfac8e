"""The images: Dockerfiles, their locked requirements, and Pupila itself as a wheel."""

from pupila.stages.deploy.deployment import Deployment


def render(deployment: Deployment) -> dict[str, bytes]:
    """Its files, by their names below the folder."""
    return {}
