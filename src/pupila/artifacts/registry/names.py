"""Names of models and aliases, and references such as `registry:octagons@production`."""

import os
import re
import shlex
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from pupila.core.errors import PupilaError
from pupila.core.messages import say

PREFIX = "registry:"
DEFAULT_ALIAS = "production"
_LONGEST = 64  # characters
_NAME = re.compile(r"[^\W_]([\w.-]*[^\W_])?")  # letters and digits of any script; ".", "-" and "_" within
_DEVICE = re.compile(
    r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE
)  # no folder of Windows has such a name


@dataclass(frozen=True, slots=True)
class Reference:
    """A version of a model in a registry, as a user names it."""

    registry: str  # URI
    name: str
    selector: str = DEFAULT_ALIAS  # a number or an alias

    def __str__(self) -> str:
        place = "" if self.registry == default_registry() else f"{self.registry}#"
        return f"{PREFIX}{place}{self.name}@{self.selector}"


def default_registry() -> str:
    """The registry where none is named: `PUPILA_REGISTRY`, else the folder `registry`."""
    return os.environ.get("PUPILA_REGISTRY", "").rstrip("/") or "registry"


def is_reference(model: object) -> bool:
    """Whether this names a model of a registry, and no path."""
    return isinstance(model, str) and model.startswith(PREFIX)


def parse_reference(text: str, registry: str | None = None) -> Reference:
    """The parts of `NAME`, `NAME@3` or `NAME@production`, after `registry:` or `registry:URI#` where that is there.

    Args:
        text: the reference.
        registry: its URI where the text has none; None: the default.

    Raises:
        PupilaError: no name, or no alias.
    """
    place, _, version = text.removeprefix(PREFIX).rpartition("#")
    name, separator, selector = version.partition("@")
    if not separator:
        selector = DEFAULT_ALIAS
    elif not selector.isdecimal():
        selector = check_alias(selector)
    elif not selector.isascii():
        raise _invalid(say("Invalid version"), selector)
    place = place.rstrip("/") or registry or default_registry()
    return Reference(place, check_name(name), selector.lstrip("0") if selector.isdecimal() else selector)


def add_registry(model: str, registry: str | None) -> str:
    """The reference with the registry's URI in it; any other model as it is.

    Raises:
        PupilaError: no name, or no alias.
    """
    if registry is None or not is_reference(model):
        return model
    reference = parse_reference(model, registry.rstrip("/"))
    return f"{PREFIX}{reference.registry}#{reference.name}@{reference.selector}"


def write_command(registry: str, *words: str) -> str:
    """The command line `pupila registry WORD ...` for this registry, as a shell takes it."""
    place = [] if registry == default_registry() else ["--registry", registry]
    return shlex.join(["pupila", "registry", *words, *place])


def write_name(registry: str, name: str, selector: str) -> str:
    """The reference to a version, as a shell takes it."""
    return shlex.quote(str(Reference(registry, name, selector)))


def check_name(name: str) -> str:
    """The name of a model, in its composed form (NFC).

    Raises:
        PupilaError: it can't name a folder on every system.
    """
    return _check(name, say("Invalid name of a model"))


def check_alias(alias: str) -> str:
    """The name of an alias, in its composed form (NFC).

    Raises:
        PupilaError: see `check_name`; or a number, which names a version.
    """
    if alias.isnumeric():
        raise _invalid(say("Invalid alias"), alias)
    return _check(alias, say("Invalid alias"))


def check_collision(name: str, names: Iterable[str]) -> None:
    """Refuse a name that differs from another one only in case or in the form of its letters.

    Raises:
        PupilaError: both names.
    """
    for other in names:
        if other != name and _fold(other) == _fold(name):
            raise PupilaError(
                say("The name {name} can be confused with another one", name=f"'{name}'"), actual=f"'{other}'",
                expected=say("a name that differs in more than case"), remedy=say("use {name}", name=f"'{other}'"),
            )  # fmt: skip


def _check(name: str, problem: str) -> str:
    name = unicodedata.normalize("NFC", name)
    if len(name) > _LONGEST or not _NAME.fullmatch(name) or _DEVICE.fullmatch(name):
        raise _invalid(problem, name)
    return name


def _invalid(problem: str, name: str) -> PupilaError:
    shown = name if len(name) <= _LONGEST else f"{name[:_LONGEST]}..."
    return PupilaError(
        problem, actual=ascii(shown) if not shown.isprintable() else f"'{shown}'",
        expected=say("at most {n} letters, digits, '-', '_' or '.', such as octagons, octagons@3 or "
                     "octagons@production", n=_LONGEST),
    )  # fmt: skip


def _fold(name: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
