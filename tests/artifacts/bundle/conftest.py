"""One written bundle for tests that harm a copy of it: writing each file to the disk for good takes its time."""

import shutil
from pathlib import Path

import pytest

from pupila.artifacts.bundle.folder import Bundle
from tests.colours import write_colours


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Never changed."""
    return write_colours(tmp_path_factory.mktemp("written") / "bundle")


@pytest.fixture
def home(tmp_path: Path, written: Bundle) -> Path:
    """The folder of a copy, `bundle`."""
    return Path(shutil.copytree(written.folder, tmp_path / "bundle"))
