"""How this Pupila was installed, and the one command that adds an extra to it or brings a newer version."""

import json
import os
import shlex
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from importlib.metadata import Distribution

NAME = "pupila"
PIP, UV_PIP, UV_TOOL, PIPX = "pip", "uv pip", "uv tool", "pipx"
_UI = "ui"  # the extra that no resolver accepts
UV_RECEIPT, PIPX_RECEIPT = "uv-receipt.toml", "pipx_metadata.json"  # in the environments of these tools


@dataclass(frozen=True, slots=True)
class Installation:
    """Where this Pupila came from, and what put it where it is."""

    tool: str = PIP
    folder: str = ""  # a folder on disk that it was installed from
    editable: bool = False  # whether that folder is the package itself
    url: str = ""  # a wheel's, or a repository's with its revision; empty: a package index
    extras: tuple[str, ...] = ()  # that a tool with an environment per package knows
    python: str = ""  # of an environment that is not active; empty: the active one

    def install(self, extra: str) -> str:
        """The command that adds an extra."""
        if extra == _UI and self.tool in (
            PIP,
            UV_PIP,
        ):  # Gradio refuses the Pillow that Pupila needs, and runs with it
            return f"{self._verb()} gradio && {self.install('client')}"
        names = ",".join(dict.fromkeys([*self.extras, extra]))
        if self.folder:
            source = f"{self.folder}[{names}]"
        else:
            source = f"{NAME}[{names}]" + (f" @ {self.url}" if self.url else "")
        return f"{self._verb()}{' -e' if self.editable else ''} {_quote(source)}"

    def upgrade(self) -> str:
        """The command that brings the newest version."""
        if self.editable:
            return f"git -C {_quote(self.folder)} pull"
        if self.tool in (UV_TOOL, PIPX):
            return f"{self.tool} upgrade {NAME}"
        return f"{self._verb()} --upgrade {_quote(self.folder or self.url or NAME)}"

    def _verb(self) -> str:
        if self.tool == UV_TOOL:
            return "uv tool install"
        if self.tool == PIPX:
            return "pipx install --force"
        if self.tool == UV_PIP:
            return "uv pip install" + (f" --python {_quote(self.python)}" if self.python else "")
        return f"{_quote(self.python)} -m pip install" if self.python else "pip install"


def install_command(extra: str) -> str:
    """The one command that brings an extra, for the way in which this Pupila was installed."""
    return find_installation().install(extra)


def upgrade_command() -> str:
    """The one command that brings a newer Pupila, for the way in which this one was installed."""
    return find_installation().upgrade()


@cache
def find_installation(prefix: str = sys.prefix) -> Installation:
    """How the Pupila of this environment was installed, by the records that the installers leave.

    Args:
        prefix: folder of the environment.

    Source: PEP 610 (`direct_url.json`), PEP 627 (`INSTALLER`), and the receipts of uv and pipx.
    """
    from importlib.metadata import PackageNotFoundError, distribution  # loaded for an error alone

    try:
        package = distribution(NAME)
    except PackageNotFoundError:  # run from its source
        return Installation()
    folder, editable, url = _read_origin(package)
    uv, pipx = Path(prefix, UV_RECEIPT), Path(prefix, PIPX_RECEIPT)
    if uv.is_file():
        return Installation(UV_TOOL, folder, editable, url, _read_uv_extras(uv))
    if pipx.is_file():
        return Installation(PIPX, folder, editable, url, _read_pipx_extras(pipx))
    tool = UV_PIP if (package.read_text("INSTALLER") or "").strip() == "uv" else PIP
    return Installation(tool, folder, editable, url, python="" if _is_active(prefix) else sys.executable)


def _is_active(prefix: str) -> bool:
    """Whether a plain `pip install` in this shell would reach the environment."""
    active = [os.environ[name] for name in ("VIRTUAL_ENV", "CONDA_PREFIX") if os.environ.get(name)]
    return any(Path(path).resolve() == Path(prefix).resolve() for path in active)


def _read_origin(package: "Distribution") -> tuple[str, bool, str]:
    """Folder, whether it is editable, and URL; all empty for a package of an index."""
    record: dict[str, Any] = json.loads(package.read_text("direct_url.json") or "{}")
    url = str(record.get("url", ""))
    if "dir_info" in record:
        path = unquote(urlsplit(url).path)
        return path[os.name == "nt" :], bool(record["dir_info"].get("editable")), ""  # file:///C:/folder
    if (repository := record.get("vcs_info")) is not None:
        revision = repository.get("requested_revision") or repository.get("commit_id", "")
        return "", False, f"{repository.get('vcs', 'git')}+{url}@{revision}"
    return "", False, url


def _read_uv_extras(receipt: Path) -> tuple[str, ...]:
    import tomllib

    content = tomllib.loads(receipt.read_text(encoding="utf-8"))
    rows = content.get("tool", {}).get("requirements", [])
    return tuple(extra for row in rows if row.get("name") == NAME for extra in row.get("extras", []))


def _read_pipx_extras(receipt: Path) -> tuple[str, ...]:
    content = json.loads(receipt.read_text(encoding="utf-8"))
    text = str(content.get("main_package", {}).get("package_or_url") or "")
    inside = text.partition("[")[2].partition("]")[0] if "[" in text else ""
    return tuple(name.strip() for name in inside.split(",") if name.strip())


def _quote(text: str) -> str:
    """The text as one word of the user's shell."""
    quoted = shlex.quote(text)
    return quoted if os.name != "nt" or quoted == text else f'"{text}"'
