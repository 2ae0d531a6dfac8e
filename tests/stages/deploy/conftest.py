"""The images, built once for all tests that start them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pupila.stages.deploy import docker
from tests.stages.deploy.container import Image
from tests.stages.deploy.deployments import deployment
from tests.stages.deploy.images import Builder, find_obstacle


@pytest.fixture(scope="session")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `deploy render` writes."""
    folder = tmp_path_factory.mktemp("deploy")
    for name, content in docker.render(deployment()).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(scope="session")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builder]:
    if obstacle := find_obstacle():
        pytest.skip(f"images can't be built here: {obstacle}")
    builder = Builder(tmp_path_factory.mktemp("storage"))
    yield builder
    builder.remove()


@pytest.fixture(scope="session")
def api(builder: Builder, context: Path) -> Image:
    return builder.build(context, "api")
