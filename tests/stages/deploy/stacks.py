"""Stacks for tests."""

from pathlib import Path
from typing import cast

from pupila.artifacts.bundle.schema import BundleInfo
from pupila.stages.deploy import aws
from pupila.stages.deploy.deployment import Deployment

HASH = "ab" * 32


def render_stack(model: str = "") -> str:
    """The template of a service with this model."""
    deployment = Deployment("octagons", model, HASH, cast(BundleInfo, None), "1.0", "")
    return aws.render(deployment)["cloudformation.yaml"].decode()


def write_template(folder: Path, text: str) -> Path:
    """A folder with this template."""
    (folder / "cloudformation.yaml").write_text(text, encoding="utf-8")
    return folder
