"""Where runs are replayed to: a tracker and a place, `mlflow:http://host:5000`; its secrets are never shown."""

import importlib.util
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

from pupila.core import files
from pupila.core.errors import MissingExtra, PupilaError
from pupila.core.messages import listing, say
from pupila.core.secrets import read_secret, scrub_password
from pupila.core.settings import unknown

EXTRA = "track"
_DEFAULT_DATABASE = "sqlite:///mlflow.db"  # in the working directory, where `mlflow ui` looks for it
_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_SCHEMES = (*_DATABASES, "http", "https", "databricks")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9.-]*)(?:\+[A-Za-z0-9_]+)?://.*", re.DOTALL)  # with a driver
_QUERY = re.compile(r"(?<=[?&;])([^=&\s'\"]+)=[^&\s'\"]+")


@dataclass(frozen=True, slots=True)
class Target:
    """A tracker and the place where it stores runs."""

    tracker: str  # a key of TRACKERS
    place: str  # URI or folder, with its secrets

    def __str__(self) -> str:
        return self.scrub(f"{self.tracker}:{self.place}")

    def __repr__(self) -> str:
        return f"Target({str(self)!r})"

    def scrub(self, text: str) -> str:
        """The text without user names, passwords and tokens of addresses, this one's above all."""
        return _QUERY.sub(r"\1=***", scrub_password(self.place, text))


def parse_target(text: str) -> Target:
    """What `--to` names; the library of its tracker must be installed.

    Raises:
        PupilaError: another tracker, a place that it can't use, or a library that is missing.
    """
    name, _, place = text.partition(":")
    if name not in PLACES:
        raise PupilaError(unknown(say("Unknown tracker {name}", name=name), name, [*PLACES]))
    target = Target(name, PLACES[name](place))
    if importlib.util.find_spec(name) is None:
        raise MissingExtra(EXTRA, name)
    return target


def _mlflow_uri(place: str) -> str:
    """The URI of a database or a server; by default MLFLOW_TRACKING_URI, as for MLflow itself.

    Raises:
        PupilaError: no URI, or that of a folder: MLflow's file store is given up by MLflow.
    """
    uri = place or read_secret("MLFLOW_TRACKING_URI") or _DEFAULT_DATABASE
    match = _SCHEME.fullmatch(uri)
    if match is not None and match[1].lower() in _SCHEMES:
        return _absolute_database(uri)
    if match is None and uri != "databricks":
        actual = say("no scheme in {uri}", uri=Target("mlflow", uri).scrub(uri))
    elif match is None:
        return uri
    else:
        actual = Target("mlflow", uri).scrub(uri)
    raise PupilaError(
        say("MLflow can't be reached so"), actual=actual,
        expected=say("a database or a server: {schemes}", schemes=listing([f"{s}://" for s in _SCHEMES], 9)),
        remedy=f"--to mlflow:{_DEFAULT_DATABASE}",
    )  # fmt: skip


def _absolute_database(uri: str) -> str:
    """The URI with the whole path of an SQLite file, so that it stays the same in every working directory."""
    path = sqlite_path(uri)
    if path is None:
        return uri
    head, _, query = uri.partition("?")
    scheme = head.partition(":")[0]
    return f"{scheme}:///{files.absolute(path)}" + (f"?{query}" if query else "")


def sqlite_path(uri: str) -> str | None:
    """The file of an SQLite URI; None for another one.

    Raises:
        PupilaError: a database in memory, which nobody else could read.
    """
    if not uri.lower().startswith("sqlite"):
        return None
    path = unquote(uri.partition("?")[0].partition(":///")[2])
    if not path or path == ":memory:":
        raise PupilaError(
            say("MLflow needs a database on disk"), actual=uri, expected=_DEFAULT_DATABASE,
            remedy=f"--to mlflow:{_DEFAULT_DATABASE}",
        )  # fmt: skip
    return path


def _local_folder(place: str, default: str) -> str:
    if files.is_remote(place):
        raise PupilaError(
            say("This tracker writes to a local folder"), actual=Target("", place).scrub(place),
            expected=say("a local folder"), remedy=say("replay to a folder, then copy it"),
        )  # fmt: skip
    return files.absolute(place or default)


# Each tracker -> the place that is meant by what follows its name.
PLACES: dict[str, Callable[[str], str]] = {
    "mlflow": _mlflow_uri,
    "wandb": lambda place: _local_folder(place, "."),
    "tensorboard": lambda place: _local_folder(place, "tensorboard"),
}
