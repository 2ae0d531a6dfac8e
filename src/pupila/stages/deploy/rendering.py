"""The files of each target, and how they are written into a folder without a loss."""

from collections.abc import Callable, Mapping

from pupila.stages.deploy import aws, aws_train, compose, docker, readme, workflow
from pupila.stages.deploy.deployment import Deployment

Renderer = Callable[[Deployment], Mapping[str, bytes]]  # to bytes by the name of the file below the folder

TARGETS: dict[str, tuple[Renderer, ...]] = {
    "docker": (docker.render,),
    "compose": (docker.render, compose.render),
    "aws": (docker.render, compose.render, aws.render, workflow.render),
    "aws-train": (docker.render, aws_train.render),
}


def render_files(deployment: Deployment, target: str) -> dict[str, bytes]:
    """The files of a target, by their names below the folder."""
    files: dict[str, bytes] = {}
    for render in TARGETS[target]:
        files |= render(deployment)
    return files | readme.render(deployment, target)
