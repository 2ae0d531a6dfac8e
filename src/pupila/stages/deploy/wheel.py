"""The installed Pupila as a wheel: what is deployed is the code that rendered it."""

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution
from importlib.resources import files as resources
from importlib.resources.abc import Traversable

from pupila.core.errors import PupilaError
from pupila.core.installation import NAME
from pupila.core.messages import say
from pupila.core.version import __version__

WHEEL_NAME = f"{NAME}-{__version__}-py3-none-any.whl"
_RECORD = f"{NAME}-{__version__}.dist-info/RECORD"
_WHEEL = "Wheel-Version: 1.0\nGenerator: pupila\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_START_OF_ZIP = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100644 << 16  # a file that everyone reads


def build_wheel() -> bytes:
    """The wheel: the same bytes for the same files, as it names no time and no folder.

    Raises:
        PupilaError: the metadata of the installed Pupila are of another version than its code.
    """
    contents = dict(sorted((*_read_package(resources(NAME), NAME), *_read_metadata())))
    record = "".join(f"{name},{_hash(data)},{len(data)}\n" for name, data in contents.items())
    contents[_RECORD] = f"{record}{_RECORD},,\n".encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in contents.items():
            entry = zipfile.ZipInfo(name, _START_OF_ZIP)
            entry.external_attr = _MODE
            entry.create_system = 3  # Unix, on every system
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED, 9)
    return buffer.getvalue()


def _read_package(folder: Traversable, name: str) -> Iterator[tuple[str, bytes]]:
    """The files below a folder by their names in the wheel, without bytecode and hidden files."""
    for entry in folder.iterdir():
        if entry.name.startswith(".") or entry.name == "__pycache__":
            continue
        if entry.is_dir():
            yield from _read_package(entry, f"{name}/{entry.name}")
        else:
            yield f"{name}/{entry.name}", entry.read_bytes()


def _read_metadata() -> Iterator[tuple[str, bytes]]:
    """The files of the folder .dist-info but RECORD."""
    installed = distribution(NAME)
    if installed.version != __version__:
        raise PupilaError(
            say("The installed Pupila can't be packed: its metadata are of another version"), installed.version,
            __version__, say("install Pupila again"),
        )  # fmt: skip
    folder = f"{NAME}-{__version__}.dist-info"
    yield f"{folder}/WHEEL", _WHEEL.encode()
    for name in ("METADATA", "entry_points.txt", "licenses/LICENSE"):
        if (text := installed.read_text(name)) is not None:
            yield f"{folder}/{name}", text.encode()


def _hash(data: bytes) -> str:
    """As RECORD has it."""
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
