"""Stacks for tests."""

from pathlib import Path

from pupila.artifacts.bundle.validation import DriftReference
from pupila.stages.deploy import aws
from pupila.stages.deploy.deployment import Deployment
from tests.colours import info

HASH = "ab" * 32
REFERENCE = DriftReference(groups=60, source="left-out", file="reference.npz")


def render_stack(model: str = "", drift: DriftReference | None = REFERENCE) -> str:
    """The template of a service with this model."""
    deployment = Deployment("octagons", model, HASH, info(drift=drift), "1.0", "")
    return aws.render(deployment)["cloudformation.yaml"].decode()


def write_template(folder: Path, text: str) -> Path:
    """A folder with this template."""
    (folder / "cloudformation.yaml").write_text(text, encoding="utf-8")
    return folder
