"""The protocols of stores that Pupila reads and writes; all others are refused."""

from pupila.core.errors import PupilaError
from pupila.core.messages import say

EXTRAS = {"s3": ("s3", "s3fs"), "s3a": ("s3", "s3fs")}  # protocol to our extra, and its library
# All that is passed on to fsspec, which also knows protocols that request any web address, run on others' machines,
# read this machine's files, or chain one of those (`zip://x::http://host/y`): addresses come from tables, too.
PROTOCOLS = frozenset({*EXTRAS, "gs", "gcs", "abfs", "abfss", "az", "memory"})
_ACCOUNTS = ("abfs", "abfss", "az")  # protocols whose addresses have a container before the @ of an account
_SHOWN = 200  # characters of an address in an error


def check_protocol(uri: str) -> str:
    """The protocol of the address, one that is supported; fsspec is imported only after it.

    Raises:
        PupilaError: another protocol, several in a chain, or a key in the address: the library of a store shows it in
            its messages.
    """
    protocol, _, path = uri.partition("://")
    if protocol not in PROTOCOLS or ("::" in path and "://" in path):
        raise PupilaError(
            say("Unsupported protocol"), actual=uri if len(uri) <= _SHOWN else f"{uri[:_SHOWN]}...",
            expected=say("a path, s3://bucket/prefix, or one of {names}",
                         names=", ".join(f"{name}://" for name in sorted(PROTOCOLS - {"memory"}))),
            remedy=say("copy the file to this machine or to a store: see docs/reference/stores.md"),
        )  # fmt: skip
    user, at, _ = path.partition("/")[0].rpartition("@")
    if at and (protocol not in _ACCOUNTS or ":" in user):
        raise PupilaError(
            say("The address of a store has a user or a key in it"), uri, say("an address without them"),
            say("give the key in the environment: see docs/reference/stores.md"),
        )  # fmt: skip
    return protocol
