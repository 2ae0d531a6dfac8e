"""README.md: the commands for each target, in their order; and what stays out of version control."""

from collections.abc import Callable, Sequence

from pupila.artifacts.registry.names import parse_reference
from pupila.artifacts.web.cloudwatch import METRICS
from pupila.stages.deploy.aws_alarms import count_alarms
from pupila.stages.deploy.costs import CostRow, format_costs, service_costs, training_costs
from pupila.stages.deploy.deployment import Deployment
from pupila.stages.deploy.templates import fill

README_FILE = "README.md"


def render(deployment: Deployment, targets: Sequence[str]) -> dict[str, bytes]:
    """Its files, by their names below the folder.

    Args:
        deployment: what is deployed.
        targets: all that the folder has.
    """
    names = {name: None for target in targets for name in SECTIONS_OF[target]}  # each once, in order
    sections = "\n".join(SECTIONS[name](deployment) for name in names)
    model = deployment.model or deployment.folder
    readme = fill("README.md", name=deployment.name, version=deployment.version, bundle=deployment.sha256[:12],
                  model=model, sections=sections)  # fmt: skip
    return {README_FILE: readme.encode(), ".gitignore": fill("gitignore").encode()}


def _describe_images(deployment: Deployment) -> str:
    return fill("readme/docker.md", version=deployment.version)


def _describe_machine(deployment: Deployment) -> str:
    if deployment.model:
        bundle = "# The service opens the model by its address; its keys: secrets/api/aws-credentials."
    else:
        bundle = f"rm -rf bundle && cp -r {deployment.quoted_folder} bundle"
    return fill("readme/compose.md", bundle=bundle)


def _describe_service(deployment: Deployment) -> str:
    values = _copy_bundle(deployment) if not deployment.model else _open_address(deployment)
    has_drift = deployment.info.drift is not None
    rows = service_costs(count_alarms(has_drift), len(METRICS) if has_drift else len(METRICS) - 2)
    return fill("readme/aws.md", name=deployment.name, costs=_describe_costs(rows), **values)


def _copy_bundle(deployment: Deployment) -> dict[str, str]:
    """For a bundle on this disk: it is copied under its hash."""
    address = f"s3://$(output ModelsBucketName)/models/{deployment.sha256[:12]}"
    return {
        "copied": ", under a name that says which one it is.",
        "model_commands": f"aws s3 sync {deployment.quoted_folder} {address}",
        "model_parameters": f' \\\n    "ModelAddress={address}" ModelSha256={deployment.sha256}',
        "update_model": "render again with the new bundle, copy it (2), then 5 with the new `ModelAddress` and "
        "`ModelSha256`. With a registry on S3 (`pupila registry add`) the instances follow an alias instead",
    }


def _open_address(deployment: Deployment) -> dict[str, str]:
    """For a model in a store: the instances read it there."""
    update = "render again with the other address; 5 with its `ModelAddress` and `ModelSha256`"
    if deployment.follows:
        named = parse_reference(deployment.model)
        place = f"--registry {named.registry}"
        update = (
            f"`pupila registry promote {named.name}@VERSION {named.selector} {place}`: the instances follow within "
            f"seconds; back: `pupila registry rollback {named.name} {named.selector} {place}`"
        )
    return {
        "copied": " lies in a store already: the instances read it there.",
        "model_commands": f"# {deployment.model}",
        "model_parameters": "",
        "update_model": update,
    }


def _describe_training(deployment: Deployment) -> str:
    costs = _describe_costs(training_costs())
    return fill("readme/aws-train.md", name=deployment.name, version=deployment.version, costs=costs)


def _describe_costs(rows: list[CostRow]) -> str:
    return f"### Costs by the hour\n\n{format_costs(rows)}"


SECTIONS: dict[str, Callable[[Deployment], str]] = {
    "docker": _describe_images, "compose": _describe_machine, "aws": _describe_service,
    "aws-train": _describe_training,
}  # fmt: skip
SECTIONS_OF = {
    "docker": ("docker",),
    "compose": ("docker", "compose"),
    "aws": ("docker", "compose", "aws"),
    "aws-train": ("docker", "aws-train"),
}
