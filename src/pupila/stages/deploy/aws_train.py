"""cloudformation-train.yaml: one instance that trains, stores what it trained, and stops itself."""

from pupila.stages.deploy.deployment import Deployment
from pupila.stages.deploy.templates import fill

TEMPLATE = "cloudformation-train.yaml"


def render(deployment: Deployment) -> dict[str, bytes]:
    """Its files, by their names below the folder."""
    text = fill(TEMPLATE, name=deployment.name, version=deployment.version, script=fill("train.sh"))
    return {TEMPLATE: text.encode()}
