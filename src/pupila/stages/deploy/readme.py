"""README.md: the commands for each target, in their order."""

from collections.abc import Sequence

from pupila.stages.deploy.deployment import Deployment
from pupila.stages.deploy.templates import fill

README_FILE = "README.md"


def render(deployment: Deployment, targets: Sequence[str]) -> dict[str, bytes]:
    """Its file, by its name below the folder.

    Args:
        deployment: what is deployed.
        targets: all that the folder has.
    """
    values = {"name": deployment.name, "version": deployment.version, "bundle": deployment.sha256[:12],
              "model": deployment.model or deployment.folder}  # fmt: skip
    return {README_FILE: fill("README.md", sections="", **values).encode()}
