"""The files of each target."""

from collections.abc import Callable, Mapping, Sequence

from pupila.stages.deploy import aws, aws_train, compose, docker, readme, workflow
from pupila.stages.deploy.deployment import Deployment

Renderer = Callable[[Deployment], Mapping[str, bytes]]  # to bytes by the name of the file below the folder

TARGETS: dict[str, tuple[Renderer, ...]] = {
    "docker": (docker.render,),
    "compose": (docker.render, compose.render),
    "aws": (docker.render, compose.render, aws.render, workflow.render),
    "aws-train": (docker.render, aws_train.render),
}
METRICS_LOG = "metrics.jsonl"


def render_files(deployment: Deployment, targets: Sequence[str]) -> dict[str, bytes]:
    """The files of several targets, by their names below the folder."""
    files = {METRICS_LOG: deployment.metrics_log.encode()}
    for render in dict.fromkeys(render for target in targets for render in TARGETS[target]):
        files |= render(deployment)
    return files | readme.render(deployment, targets)
