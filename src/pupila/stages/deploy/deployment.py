"""What is deployed."""

import re
import shlex
import unicodedata
from dataclasses import dataclass

from pupila.artifacts.bundle.schema import BundleInfo
from pupila.artifacts.registry.names import is_reference, parse_reference
from pupila.core.errors import PupilaError
from pupila.core.messages import say

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST = 24  # characters: a load balancer's name has 32, and takes a suffix


@dataclass(frozen=True, slots=True)
class Deployment:
    """A model under a name, from which all files are rendered."""

    name: str  # of the service: small letters, digits and hyphens, as AWS, Docker and DNS take it
    model: str  # as the service opens it: `registry:s3://...#octagons@production`, `s3://...`; empty: mounted
    sha256: str  # hash of the bundle at the time of rendering
    info: BundleInfo
    version: str  # of Pupila
    metrics_log: (
        str  # JSON lines that a service of this bundle wrote: its metrics in the format of CloudWatch
    )
    folder: str = ""  # of the bundle on disk, as seen from that of the files; empty: it lies in a store

    @property
    def follows(self) -> bool:
        """Whether the service follows an alias of a registry, so that its bundle changes."""
        return is_reference(self.model) and not parse_reference(self.model).selector.isdecimal()

    @property
    def quoted_folder(self) -> str:
        """The folder as a shell takes it."""
        return shlex.quote(self.folder)


def check_service_name(name: str) -> str:
    """The name of a service.

    Raises:
        PupilaError: a name that AWS, Docker or DNS refuses.
    """
    if _NAME.fullmatch(name) and len(name) <= _LONGEST:
        return name
    raise PupilaError(
        say("Invalid name of a service"), actual=f"'{name}'",
        expected=say("at most {most} small letters, digits and single hyphens, first a letter", most=_LONGEST),
        remedy="--name octagons",
    )  # fmt: skip


def suggest_service_name(text: str) -> str:
    """A name of a service that resembles the text."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()  # piña: pina
    words = re.findall(r"[a-z0-9]+", plain.lower())
    name = "-".join(words).lstrip("0123456789-")[:_LONGEST].rstrip("-")
    return name or "pupila"
