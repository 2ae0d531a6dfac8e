"""README.md: the commands for each target, in their order."""

from collections.abc import Callable, Sequence

from pupila.core.messages import say
from pupila.stages.deploy.costs import Stack, format_costs, hourly_costs
from pupila.stages.deploy.deployment import Deployment
from pupila.stages.deploy.templates import fill

README_FILE = "README.md"
_FOLLOWED = "registry:"  # what a model begins with that an alias names


def render(deployment: Deployment, targets: Sequence[str]) -> dict[str, bytes]:
    """Its file, by its name below the folder.

    Args:
        deployment: what is deployed.
        targets: all that the folder has.
    """
    names = {name: None for target in targets for name in SECTIONS_OF[target]}  # each once, in order
    sections = "\n".join(SECTIONS[name](deployment) for name in names)
    model = deployment.model or deployment.folder
    readme = fill("README.md", name=deployment.name, version=deployment.version, bundle=deployment.sha256[:12],
                  model=model, sections=sections)  # fmt: skip
    return {README_FILE: readme.encode()}


def _docker(deployment: Deployment) -> str:
    return fill("readme/docker.md", version=deployment.version)


def _compose(deployment: Deployment) -> str:
    if deployment.model:
        bundle = (
            "# The service opens the model by its address: its keys belong into secrets/api/aws-credentials."
        )
    else:
        bundle = f"cp -r {deployment.folder} bundle"
    return fill("readme/compose.md", bundle=bundle)


def _aws(deployment: Deployment) -> str:
    values = _describe_mounting(deployment) if not deployment.model else _describe_address(deployment)
    return fill("readme/aws.md", name=deployment.name, costs=_costs("aws"), **values)


def _describe_mounting(deployment: Deployment) -> dict[str, str]:
    """For a bundle on this disk: it is copied under its hash."""
    address = f"s3://$(output ModelsBucketName)/models/{deployment.sha256[:12]}"
    return {
        "copied": ", under a name that says which one it is.",
        "model_commands": f"aws s3 sync {deployment.folder} {address}",
        "model_parameters": f' "ModelAddress={address}" ModelSha256={deployment.sha256}',
        "update_model": "copy the new bundle (2), then 5 with the new `ModelAddress` and `ModelSha256`. With a "
        "registry on S3 (`pupila registry add`) the instances follow an alias instead",
    }


def _describe_address(deployment: Deployment) -> dict[str, str]:
    """For a model in a store: the instances read it there."""
    follows = deployment.model.startswith(_FOLLOWED)
    promoted = (
        "`pupila registry promote NAME@VERSION ALIAS`: the instances follow within seconds; back: `rollback`"
    )
    return {
        "copied": " lies in a store already: the instances read it there.",
        "model_commands": f"# {deployment.model}",
        "model_parameters": "",
        "update_model": promoted if follows else "5 with another `ModelAddress` and `ModelSha256`",
    }


def _aws_train(deployment: Deployment) -> str:
    costs = _costs("aws-train")
    return fill("readme/aws-train.md", name=deployment.name, version=deployment.version, costs=costs)


def _costs(stack: Stack) -> str:
    """What a stack costs with its defaults."""
    return f"### {say('Costs by the hour')}\n\n{format_costs(hourly_costs(stack))}"


SECTIONS: dict[str, Callable[[Deployment], str]] = {
    "docker": _docker, "compose": _compose, "aws": _aws, "aws-train": _aws_train,
}  # fmt: skip
SECTIONS_OF = {
    "docker": ("docker",),
    "compose": ("docker", "compose"),
    "aws": ("docker", "compose", "aws"),
    "aws-train": ("docker", "aws-train"),
}
