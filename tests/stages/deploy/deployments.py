"""Deployments whose files are known by hand."""

from pupila.core.version import __version__
from pupila.stages.deploy.deployment import Deployment
from tests.colours import info

HASH = "ab" * 32


def deployment(model: str = "", name: str = "shop", sha256: str = HASH) -> Deployment:
    return Deployment(name, model, sha256, info(), __version__, metrics_log="")
