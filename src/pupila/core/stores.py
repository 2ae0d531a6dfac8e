"""Object stores (S3, MinIO, Google Cloud, Azure), with errors that a user can fix."""

import contextlib
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pupila.core.errors import MissingExtra, PupilaError
from pupila.core.messages import say
from pupila.core.protocols import EXTRAS, check_protocol

FILE, FOLDER = "file", "directory"  # as fsspec calls them
_NO_CREDENTIALS = {
    "NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ProfileNotFound",
    "TokenRetrievalError", "SSOTokenLoadError", "UnauthorizedSSOTokenError",
}  # fmt: skip
_UNREACHABLE = {"HTTPClientError", "ConnectionError", "FSTimeoutError", "TimeoutError", "ClientError"}
_PART = 8 * 2**20  # bytes of a part of a large object; a failed part is sent again
_TRIAL = ".pupila-trial"  # the object that tries whether a store can be written to
_TRIES, _LONGEST_WAIT = 50, 0.2  # of a conditional write; seconds between two
_CONFLICTS = {
    "PreconditionFailed",
    "ConditionalRequestConflict",
    "412",
    "409",
    "NoSuchKey",
    "404",
}  # of such a write
_DELETED_AT_ONCE = 1000  # objects that S3 deletes in one request

Object = tuple[str, int, int]  # path below the root, bytes, nanoseconds since 1970


@dataclass(frozen=True, slots=True)
class _Listing:
    """The objects and folders below a prefix when it was listed."""

    root: str
    objects: dict[str, Object]  # by path, sorted
    folders: set[str]  # paths, "" for the prefix itself

    def below(self, uri: str) -> str | None:
        """The address as a path below the prefix; None where it lies elsewhere."""
        plain = uri.rstrip("/")
        if plain == self.root:
            return ""
        return plain[len(self.root) + 1 :] if plain.startswith(f"{self.root}/") else None


_CACHED_LISTING: ContextVar[_Listing | None] = ContextVar("seen", default=None)


@contextmanager
def cache_listing(uri: str) -> Iterator[None]:
    """Within it one listing serves every request for paths below the prefix; only reads go to the store."""
    objects = {entry[0]: entry for entry in walk(uri)}
    parts = (path.split("/")[:-1] for path in objects)
    folders = {"/".join(above[:end]) for above in parts for end in range(len(above) + 1)}
    token = _CACHED_LISTING.set(_Listing(uri.rstrip("/"), objects, folders))
    try:
        yield
    finally:
        _CACHED_LISTING.reset(token)


def _find_listing(uri: str) -> tuple[_Listing, str] | None:
    """The cached listing that covers the address, and the path in it."""
    if (listing := _CACHED_LISTING.get()) is None or (below := listing.below(uri)) is None:
        return None
    return listing, below


def kind(uri: str) -> str:
    """FILE, FOLDER (some object's name begins so), or "" where there is nothing.

    Raises:
        PupilaError: the store fails, as in all functions of this module; or there is no such bucket.
    """
    if known := _find_listing(uri):
        listing, below = known
        return FILE if below in listing.objects else FOLDER if below in listing.folders else ""
    with _translate_faults(uri):
        filesystem, path = _store(uri)
        try:
            return str(filesystem.info(path)["type"])
        except FileNotFoundError as fault:
            if _code(fault) == "NoSuchBucket":
                raise
            return ""


def stat_object(uri: str) -> Object | None:
    """The object at the address, its path empty; None where there is none."""
    if known := _find_listing(uri):
        return known[0].objects.get(known[1])
    with _translate_faults(uri):
        filesystem, path = _store(uri)
        try:
            info = filesystem.info(path)
        except FileNotFoundError:
            return None
    return ("", int(info["size"]), _modification_time(info)) if info["type"] == FILE else None


def walk(uri: str) -> Iterator[Object]:
    """All objects below the prefix, sorted by path; requested in pages and not one by one."""
    if known := _find_listing(uri):
        listing, prefix = known[0], f"{known[1]}/" if known[1] else ""
        for path, size, modified in listing.objects.values():
            if path.startswith(prefix):
                yield path[len(prefix) :], size, modified
        return
    with _translate_faults(uri):
        filesystem, path = _store(uri)
        entries = filesystem.find(path, detail=True)
    for name, info in sorted(entries.items()):
        below = name[len(path) + 1 :]
        # Consoles mark a folder by an empty object.
        if info["type"] == FILE and below and not below.endswith("/"):
            yield below, int(info["size"]), _modification_time(info)


def list_children(uri: str) -> list[tuple[str, str]]:
    """(name, FILE or FOLDER) of what lies directly below the prefix.

    Raises:
        OSError: nothing lies there.
    """
    if known := _find_listing(uri):
        return _directly_below(*known)
    with _translate_faults(uri):
        filesystem, path = _store(uri)
        entries = filesystem.ls(path, detail=True)
    pairs = [(str(info["name"]).rstrip("/"), str(info["type"])) for info in entries]
    return [(name.rsplit("/", 1)[-1], kind) for name, kind in pairs if name != path]


def _directly_below(listing: _Listing, below: str) -> list[tuple[str, str]]:
    """`list_children` from a cached listing."""
    if below not in listing.folders:
        raise FileNotFoundError(f"{listing.root}/{below}")
    prefix = f"{below}/" if below else ""
    pairs = [(path, FILE) for path in listing.objects] + [(path, FOLDER) for path in listing.folders if path]
    return [(path[len(prefix) :], kind) for path, kind in pairs
            if path.startswith(prefix) and "/" not in path[len(prefix) :]]  # fmt: skip


def glob_objects(pattern: str) -> list[str]:
    """The addresses of the objects that the pattern fits, sorted."""
    with _translate_faults(pattern):
        filesystem, path = _store(pattern)
        return sorted(filesystem.unstrip_protocol(name) for name in filesystem.glob(path))


def read(uri: str, start: int | None = None, end: int | None = None) -> bytes:
    """The bytes of the object, or those of a range.

    Raises:
        OSError: there is no such object.
    """
    with _translate_faults(uri):
        filesystem, path = _store(uri)
        # s3fs asks for an object's size before it reads it, unless it may not read parts at once.
        whole = {"max_concurrency": 1} if _is_s3(filesystem) and start is end is None else {}
        try:
            return bytes(filesystem.cat_file(path, start=start, end=end, **whole))
        except OSError as fault:
            if _code(fault) == "InvalidRange":  # an empty object has no first bytes
                return b""
            raise


def write(uri: str, data: bytes) -> None:
    """Write the object, a large one in parts; it replaces an older object only when it is complete."""
    with _translate_faults(uri):
        filesystem, path = _store(uri)
        filesystem.pipe_file(path, data, **({"chunksize": _PART} if _is_s3(filesystem) else {}))


def update(uri: str, change: Callable[[bytes], bytes]) -> None:
    """Write the object again from its bytes, if nobody else has written it meanwhile, else again from the new ones.

    S3 compares: any number of processes may do so at once. Other stores, and S3 servers without conditional writes,
    can't: there only one process may write.

    Args:
        uri: of the object; its bytes are empty where there is none yet.
        change: the bytes to the new ones.
    """
    for last in (*[False] * _TRIES, True):
        with _translate_faults(uri):
            filesystem, path = _store(uri)
            try:
                tag, old = filesystem.info(path).get("ETag"), bytes(filesystem.cat_file(path))
            except FileNotFoundError:
                tag, old = None, b""
            new = change(old)
            if not _is_s3(filesystem):
                filesystem.pipe_file(path, new)
                return
            bucket, _, key = path.partition("/")
            condition = {"IfMatch": tag} if tag else {"IfNoneMatch": "*"}
            try:
                filesystem.call_s3("put_object", Bucket=bucket, Key=key, Body=new, **condition)
            except OSError as fault:
                if _code(fault) == "NotImplemented":
                    filesystem.pipe_file(path, new)
                elif last or _code(fault) not in _CONFLICTS:
                    raise
                else:
                    time.sleep(random.uniform(0, _LONGEST_WAIT))
                    continue
            return


@cache
def is_writable(uri: str) -> bool:
    """Whether the store takes objects below the prefix: an empty one is written and deleted, once in a process."""
    with _translate_faults(uri):
        filesystem, path = _store(uri)
        try:
            filesystem.pipe_file(f"{path}/{_TRIAL}", b"")
        except (PermissionError, NotImplementedError):
            return False
        with contextlib.suppress(PermissionError):  # it may write and not delete
            filesystem.rm_file(f"{path}/{_TRIAL}")
    return True


def put(source: Path, uri: str) -> None:
    """Write the object from a file on disk, see `write`."""
    with _translate_faults(uri):
        filesystem, path = _store(uri)
        filesystem.put_file(str(source), path, **({"chunksize": _PART} if _is_s3(filesystem) else {}))


def remove(uri: str) -> None:
    """Delete the object, where there is one."""
    with _translate_faults(uri):
        filesystem, path = _store(uri)
        if filesystem.exists(path):
            filesystem.rm_file(path)


@dataclass(frozen=True, slots=True)
class Upload:
    """An unfinished multipart upload: its parts cost storage and are visible to nobody."""

    path: str  # of the object that it would have become, from the bucket's root
    id: str  # that S3 gave it


def unfinished_uploads(uri: str) -> list[Upload]:
    """The unfinished multipart uploads below the prefix; none in a store without multipart uploads."""
    uploads: list[Upload] = []
    with _translate_faults(uri):
        filesystem, path = _store(uri)
        bucket, _, prefix = path.partition("/")
        after: dict[str, str] = {}
        while _is_s3(filesystem):
            response = filesystem.call_s3(
                "list_multipart_uploads", Bucket=bucket, Prefix=f"{prefix}/", **after
            )
            uploads += [Upload(upload["Key"], upload["UploadId"]) for upload in response.get("Uploads", [])]
            if not response.get("IsTruncated"):
                break
            after = {"KeyMarker": response["NextKeyMarker"], "UploadIdMarker": response["NextUploadIdMarker"]}
    return uploads


def abort_uploads(uri: str, uploads: list[Upload]) -> None:
    """Abort unfinished multipart uploads and delete their parts."""
    with _translate_faults(uri):
        filesystem, path = _store(uri)
        for upload in uploads:
            filesystem.abort_mpu(path.partition("/")[0], upload.path, upload.id)


def remove_all(uri: str, below: list[str]) -> None:
    """Delete the objects at these paths below the prefix, many in one request; "" is the mark of a folder itself.

    Raises:
        PupilaError: some could not be deleted.
    """
    with _translate_faults(uri):
        filesystem, path = _store(uri)
        if not _is_s3(filesystem):
            for name in filter(None, below):
                filesystem.rm_file(f"{path}/{name}")
            return
        bucket, _, prefix = path.partition("/")
        for start in range(0, len(below), _DELETED_AT_ONCE):
            some = [{"Key": f"{prefix}/{name}"} for name in below[start : start + _DELETED_AT_ONCE]]
            response = filesystem.call_s3(
                "delete_objects", Bucket=bucket, Delete={"Objects": some, "Quiet": True}
            )
            if faults := response.get("Errors"):
                raise PupilaError(
                    say("Some objects could not be deleted"), actual=f"{faults[0]['Key']}: {faults[0]['Code']}",
                    expected=say("credentials with permission to delete"), remedy=say("see docs/reference/stores.md"),
                )  # fmt: skip


@contextmanager
def _translate_faults(uri: str) -> Iterator[None]:
    """Turn the errors of a store into PupilaErrors; a missing object stays a FileNotFoundError."""
    try:
        yield
    except PupilaError:
        raise
    except FileNotFoundError as fault:
        if _code(fault) != "NoSuchBucket":
            raise
        raise PupilaError(
            say("No such bucket"), actual=_bucket(uri), expected=say("an existing bucket"),
            remedy=say("create the bucket, or correct its name"),
        ) from fault  # fmt: skip
    except Exception as fault:
        raise _explain_fault(uri, fault) from fault


def _explain_fault(uri: str, fault: Exception) -> PupilaError:
    """The error for a fault, by class names: the libraries are imported only where they are needed."""
    names = {kind.__name__ for kind in type(fault).__mro__}
    protocol, message = uri.partition("://")[0], " ".join(str(fault).split())[:200] or type(fault).__name__
    if isinstance(fault, ImportError) and protocol in EXTRAS:
        return MissingExtra(*EXTRAS[protocol])
    if names & _NO_CREDENTIALS:
        return PupilaError(
            say("No credentials for the store {uri}", uri=uri), actual=message,
            expected=say("an access key and its secret"),
            remedy=say("set {names}: see docs/reference/stores.md", names="AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY"),
        )  # fmt: skip
    if isinstance(fault, PermissionError):
        return PupilaError(
            say("Access to {uri} denied", uri=uri), actual=_code(fault) or message,
            expected=say("credentials with permission for this"),
            remedy=say("use another key or profile: see docs/reference/stores.md"),
        )  # fmt: skip
    if names & _UNREACHABLE:
        return PupilaError(
            say("Can't reach the store of {uri}", uri=uri), actual=message,
            expected=say("a store that responds"),
            remedy=say("check the network and AWS_ENDPOINT_URL: see docs/reference/stores.md"),
        )  # fmt: skip
    return PupilaError(
        say("The store failed on {uri}", uri=uri), actual=message, remedy=say("see docs/reference/stores.md")
    )


def _store(uri: str) -> tuple[Any, str]:
    """(the file system, the path in it); listings are not cached, for others may write to the store.

    fsspec gets the one protocol and not the address, in which it would look for a chain of them.
    """
    protocol = check_protocol(uri)
    import fsspec

    store = fsspec.get_filesystem_class(protocol)
    options = store._get_kwargs_from_urls(uri)
    return store(use_listings_cache=False, **options), store._strip_protocol(uri).rstrip("/")


def _is_s3(filesystem: Any) -> bool:
    return "s3" in filesystem.protocol


def _bucket(uri: str) -> str:
    return uri.partition("://")[2].partition("/")[0]


def _code(fault: BaseException) -> str:
    """The error code of S3, such as NoSuchBucket; "" elsewhere."""
    response = getattr(fault.__cause__, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))


def _modification_time(info: dict[str, Any]) -> int:
    """When the object was written, nanoseconds since 1970; 0 where the store keeps no time.

    S3 gives whole seconds. The fraction is derived from the ETag, so that an object that is written twice within one
    second has two different times.
    """
    when = info.get("mtime") or info.get("LastModified") or info.get("created")
    if when is None:
        return 0
    seconds = when.timestamp() if hasattr(when, "timestamp") else float(when)
    tag = str(info.get("ETag") or "").strip('"')
    if not tag:
        return int(seconds * 1e9)
    return int(seconds) * 10**9 + int.from_bytes(tag.encode()[:8]) % 10**9
