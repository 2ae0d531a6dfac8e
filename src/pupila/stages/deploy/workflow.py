"""A GitHub Actions workflow that builds the image and deploys it."""

from pupila.stages.deploy.deployment import Deployment
from pupila.stages.deploy.templates import fill

WORKFLOW = "github-workflow-deploy.yml"


def render(deployment: Deployment) -> dict[str, bytes]:
    """Its files, by their names below the folder."""
    return {WORKFLOW: fill(WORKFLOW, name=deployment.name).encode()}
