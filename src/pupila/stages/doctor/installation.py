"""Describe the installation for bug reports: versions, extras, cores and the cache folder."""

import platform
import re
from importlib import metadata

from pupila.core import files
from pupila.core.messages import say
from pupila.core.threads import CORES
from pupila.core.version import __version__


def describe() -> dict[str, str]:
    """Name to value, one line each; loads no heavy library."""
    lines = {
        "pupila": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": str(CORES),
        "cache": str(files.cache_folder()),
    }
    for extra, missing in extras().items():
        lines[f"extra {extra}"] = (
            say("missing: {names}", names=", ".join(missing)) if missing else say("installed")
        )
    for name in sorted(_requirements("")):
        lines[name] = _version(name) or say("missing")
    return lines


def extras() -> dict[str, list[str]]:
    """Every extra with its libraries that are not installed."""
    declared = metadata.metadata("pupila").get_all("Provides-Extra") or []
    return {
        extra: [n for n in _requirements(extra) if _version(n) is None]
        for extra in declared
        if extra != "all"
    }


def _requirements(extra: str) -> list[str]:
    """The libraries that the base (extra "") or one extra requires, by name."""
    names = []
    for line in metadata.requires("pupila") or []:
        requirement, _, marker = line.partition(";")
        extra_name = re.search(r"extra\s*==\s*['\"]([\w-]+)['\"]", marker)
        name = re.match(r"[\w.-]+", requirement)
        if name and name[0] != "pupila" and (extra_name[1] if extra_name else "") == extra:
            names.append(name[0])
    return names


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
