"""Contents by their SHA-256 in a folder or a store: each once, verified when it is written and when it is read."""

from collections.abc import Callable

from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say

OBJECTS = "objects"


def object_path(digest: str) -> str:
    """Where contents lie below the folder of objects."""
    return f"{digest[:2]}/{digest}"


def object_uri(store: str, digest: str) -> str:
    """The address of contents in a store."""
    return files.join(store, f"{OBJECTS}/{object_path(digest)}")


def size_finder(store: str) -> Callable[[str], int | None]:
    """What tells the size of stored contents by their hash, None where there are none; a store is listed once."""
    find = files.entry_finder(files.join(store, OBJECTS))

    def size(digest: str) -> int | None:
        entry = find(object_path(digest))
        return entry.size if entry is not None else None

    return size


def write_object(store: str, content: bytes) -> str:
    """Write contents, read them back, and return their hash.

    Several processes may write the same contents at once: each writes a file of its own that takes the name at the end.

    Raises:
        PupilaError: the store can't be written to, or gives other bytes back.
    """
    digest = files.sha256(content)
    uri = object_uri(store, digest)
    files.write_bytes(uri, content)
    read_object(store, digest)
    return digest


def read_object(store: str, digest: str) -> bytes:
    """The contents with this hash.

    Raises:
        PupilaError: they are missing or damaged.
    """
    uri = object_uri(store, digest)
    try:
        content = files.read_bytes(uri)
    except OSError as fault:
        missing = isinstance(fault, FileNotFoundError)
        raise PupilaError(
            say("{path} is missing from the store", path=uri) if missing else say("Can't read {path}", path=uri),
            actual="" if missing else str(fault.strerror or fault), expected=say("the contents of a snapshot"),
        ) from fault  # fmt: skip
    if (actual := files.sha256(content)) != digest:
        raise PupilaError(
            say("{path} is damaged", path=uri), actual=say("SHA-256 {hash}", hash=actual[:12]),
            expected=say("SHA-256 {hash}", hash=digest[:12]),
        )  # fmt: skip
    return content
