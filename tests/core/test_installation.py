"""The command that brings an extra, for each installer and each origin of the package."""

import json
import sys
from pathlib import Path

import pytest

from pupila.core.installation import Installation, find_installation

HASH = "0123abc"


class Package:
    """An installed distribution with these metadata files."""

    def __init__(self, **texts: str) -> None:
        self.texts = texts

    def read_text(self, name: str) -> str | None:
        return self.texts.get(name.partition(".")[0])


def describe(url: str, **origin: object) -> str:
    return json.dumps({"url": url, **origin})


LOCAL = describe("file:///home/me/my%20clone", dir_info={"editable": True})
COPY = describe("file:///home/me/clone", dir_info={})
GIT = describe(
    "https://host/pupila", vcs_info={"vcs": "git", "commit_id": HASH, "requested_revision": "main"}
)
WHEEL = describe("file:///tmp/pupila-1-py3-none-any.whl", archive_info={})
UV_RECEIPT = '[tool]\nrequirements = [{ name = "pupila", extras = ["data"] }, { name = "rich" }]\n'
PIPX_RECEIPT = json.dumps({"main_package": {"package": "pupila", "package_or_url": "pupila[geo, s3]"}})


@pytest.mark.parametrize(
    ("texts", "receipt", "install", "upgrade"),
    [
        ({"INSTALLER": "pip\n"}, {}, "pip install 'pupila[train]'", "pip install --upgrade pupila"),
        ({"INSTALLER": "uv"}, {}, "uv pip install 'pupila[train]'", "uv pip install --upgrade pupila"),
        ({"INSTALLER": "pip", "direct_url": LOCAL}, {}, "pip install -e '/home/me/my clone[train]'",
         "git -C '/home/me/my clone' pull"),
        ({"INSTALLER": "uv", "direct_url": COPY}, {}, "uv pip install '/home/me/clone[train]'",
         "uv pip install --upgrade /home/me/clone"),
        ({"direct_url": GIT}, {}, "pip install 'pupila[train] @ git+https://host/pupila@main'",
         "pip install --upgrade git+https://host/pupila@main"),
        ({"direct_url": WHEEL}, {}, "pip install 'pupila[train] @ file:///tmp/pupila-1-py3-none-any.whl'",
         "pip install --upgrade file:///tmp/pupila-1-py3-none-any.whl"),
        ({"INSTALLER": "uv"}, {"uv-receipt.toml": UV_RECEIPT}, "uv tool install 'pupila[data,train]'",
         "uv tool upgrade pupila"),
        ({"INSTALLER": "pip"}, {"pipx_metadata.json": PIPX_RECEIPT}, "pipx install --force 'pupila[geo,s3,train]'",
         "pipx upgrade pupila"),
    ],
    ids=["pip", "uv pip", "editable clone", "folder", "git", "wheel", "uv tool", "pipx"],
)  # fmt: skip
def test_every_installation_has_its_command(
    texts: dict[str, str], receipt: dict[str, str], install: str, upgrade: str,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for name, text in receipt.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr("importlib.metadata.distribution", lambda name: Package(**texts))
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path))
    installation = find_installation.__wrapped__(str(tmp_path))
    assert installation.install("train") == install
    assert installation.upgrade() == upgrade


def test_an_environment_that_is_not_active_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    for installer, start in (("pip", f"{sys.executable} -m pip"), ("uv", "uv pip")):
        package = Package(INSTALLER=installer)
        monkeypatch.setattr("importlib.metadata.distribution", lambda name, package=package: package)
        command = find_installation.__wrapped__(str(tmp_path)).install("geo")
        assert command.startswith(start) and sys.executable in command


def test_an_extra_that_is_there_is_not_named_twice() -> None:
    assert Installation("uv tool", extras=("data",)).install("data") == "uv tool install 'pupila[data]'"


def test_the_page_comes_in_two_steps_for_no_resolver_takes_it_in_one() -> None:
    assert Installation().install("ui") == "pip install gradio && pip install 'pupila[client]'"
    assert Installation("uv pip").install("ui") == "uv pip install gradio && uv pip install 'pupila[client]'"
