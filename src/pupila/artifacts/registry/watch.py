"""Watch what a service follows: an alias of a registry, or a bundle in a store that is replaced in place."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pupila.artifacts.bundle.folder import Bundle, read_bundle
from pupila.artifacts.bundle.info_file import INFO_FILE, read_info
from pupila.artifacts.registry.names import PREFIX, Reference, is_reference, parse_reference
from pupila.artifacts.registry.registry import Registry
from pupila.core import files
from pupila.core.errors import PupilaError


@dataclass(frozen=True, slots=True)
class Target:
    """The bundle that a service should serve now."""

    key: str  # another one where its files have changed
    bundle_hash: str  # empty where `bundle.json` can't be read
    number: int | None  # of the version in a registry
    load: Callable[[], Bundle]  # reads and verifies it


class Watch(Protocol):
    """What a service follows."""

    @property
    def source(self) -> str:
        """Its name, as the user gave it."""

    def find_target(self) -> Target:
        """The bundle that it names now; only small files are read.

        Raises:
            PupilaError: the registry or the store can't be read.
        """


@dataclass(frozen=True, slots=True)
class AliasWatch:
    """Follows an alias of a registry."""

    reference: Reference

    @property
    def source(self) -> str:
        """`registry:NAME@ALIAS`."""
        return f"{PREFIX}{self.reference.name}@{self.reference.selector}"

    def find_target(self) -> Target:
        """The version that the alias names now.

        Raises:
            PupilaError: the registry can't be read.
        """
        model = Registry(self.reference.registry).find(self.reference.name)
        version = model.version(self.reference.selector)
        return Target(version.bundle, version.bundle, version.number, lambda: model.bundle(version))


@dataclass(frozen=True, slots=True)
class FolderWatch:
    """Follows a bundle that is replaced in place, file by file."""

    folder: str  # URI

    @property
    def source(self) -> str:
        """Its URI."""
        return self.folder

    def find_target(self) -> Target:
        """The bundle as its files are now.

        Raises:
            PupilaError: the store can't be read.
        """
        entries = [f"{entry.path} {entry.size} {entry.modified}" for entry in files.walk(self.folder)]
        try:
            bundle_hash = read_info(files.join(self.folder, INFO_FILE)).hash
        except PupilaError:  # it is replaced at this moment; loading it says what is wrong
            bundle_hash = ""
        key = files.sha256("\n".join(entries).encode())
        return Target(key, bundle_hash, None, lambda: read_bundle(self.folder))


def find_watch(model: object, folder: str) -> Watch | None:
    """What to follow of a model that a user named; None where it can't change.

    Args:
        model: the name or path; an object stands for what was read.
        folder: of its bundle.
    """
    if is_reference(model):
        reference = parse_reference(str(model))
        return None if reference.selector.isdecimal() else AliasWatch(reference)
    return FolderWatch(folder) if isinstance(model, str) and files.is_remote(folder) else None
