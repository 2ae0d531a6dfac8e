"""Object stores (S3, MinIO, and what else fsspec knows): the one door to them, with faults that a user can mend."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pupila.core.errors import MissingExtra, PupilaError
from pupila.core.messages import say

FILE, FOLDER = "file", "directory"  # as fsspec calls them
EXTRAS = {
    "s3": ("s3", "s3fs"),
    "s3a": ("s3", "s3fs"),
}  # protocol to our extra, and the library that it brings
_NO_CREDENTIALS = {
    "NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ProfileNotFound",
    "TokenRetrievalError", "SSOTokenLoadError", "UnauthorizedSSOTokenError",
}  # fmt: skip
_NO_WAY_THERE = {"HTTPClientError", "ConnectionError", "FSTimeoutError", "TimeoutError", "ClientError"}
_PART = 8 * 2**20  # bytes of a part of a large object; what fails on the way is sent again part by part
_DELETED_AT_ONCE = 1000  # objects that S3 deletes in one request

Object = tuple[str, int, int]  # path below the root, bytes, nanoseconds since 1970


@dataclass(frozen=True, slots=True)
class _Seen:
    """What lay below a prefix when it was listed."""

    root: str
    objects: dict[str, Object]  # by path, sorted
    folders: set[str]  # paths, "" for the prefix itself

    def below(self, uri: str) -> str | None:
        """The address as a path below the prefix; None where it lies elsewhere."""
        plain = uri.rstrip("/")
        if plain == self.root:
            return ""
        return plain[len(self.root) + 1 :] if plain.startswith(f"{self.root}/") else None


_SEEN: ContextVar[_Seen | None] = ContextVar("seen", default=None)


@contextmanager
def listed_once(uri: str) -> Iterator[None]:
    """Whoever asks for what lies below the prefix is answered from one listing, made now; to read is to ask anew."""
    objects = {found[0]: found for found in walk(uri)}
    parts = (path.split("/")[:-1] for path in objects)
    folders = {"/".join(above[:end]) for above in parts for end in range(len(above) + 1)}
    token = _SEEN.set(_Seen(uri.rstrip("/"), objects, folders))
    try:
        yield
    finally:
        _SEEN.reset(token)


def _seen(uri: str) -> tuple[_Seen, str] | None:
    """The listing that covers the address, and where it lies in it."""
    if (seen := _SEEN.get()) is None or (below := seen.below(uri)) is None:
        return None
    return seen, below


def kind(uri: str) -> str:
    """FILE, FOLDER (some object's name begins so), or "" where there is nothing.

    Raises:
        PupilaError: the store can't be asked, as in all functions here; and there is no such bucket.
    """
    if told := _seen(uri):
        seen, below = told
        return FILE if below in seen.objects else FOLDER if below in seen.folders else ""
    with _telling(uri):
        filesystem, path = _store(uri)
        try:
            return str(filesystem.info(path)["type"])
        except FileNotFoundError as fault:
            if _code(fault) == "NoSuchBucket":
                raise
            return ""


def one(uri: str) -> Object | None:
    """The object at the address, its path empty; None where there is none."""
    if told := _seen(uri):
        return told[0].objects.get(told[1])
    with _telling(uri):
        filesystem, path = _store(uri)
        try:
            info = filesystem.info(path)
        except FileNotFoundError:
            return None
    return ("", int(info["size"]), _modified(info)) if info["type"] == FILE else None


def walk(uri: str) -> Iterator[Object]:
    """All objects below the prefix, sorted by path; asked for in whole pages and not one by one."""
    if told := _seen(uri):
        seen, prefix = told[0], f"{told[1]}/" if told[1] else ""
        for path, size, modified in seen.objects.values():
            if path.startswith(prefix):
                yield path[len(prefix) :], size, modified
        return
    with _telling(uri):
        filesystem, path = _store(uri)
        found = filesystem.find(path, detail=True)
    for name, info in sorted(found.items()):
        below = name[len(path) + 1 :]
        if (
            info["type"] == FILE and below and not below.endswith("/")
        ):  # consoles mark a folder by an empty object
            yield below, int(info["size"]), _modified(info)


def listed(uri: str) -> list[tuple[str, str]]:
    """(name, FILE or FOLDER) of what lies directly below the prefix.

    Raises:
        OSError: nothing lies there.
    """
    if known := _seen(uri):
        return _directly_below(*known)
    with _telling(uri):
        filesystem, path = _store(uri)
        found = filesystem.ls(path, detail=True)
    told = [(str(info["name"]).rstrip("/"), str(info["type"])) for info in found]
    return [(name.rsplit("/", 1)[-1], what) for name, what in told if name != path]


def _directly_below(seen: _Seen, below: str) -> list[tuple[str, str]]:
    """What `listed` says, of what was seen."""
    if below not in seen.folders:
        raise FileNotFoundError(f"{seen.root}/{below}")
    prefix = f"{below}/" if below else ""
    here = [(path, FILE) for path in seen.objects] + [(path, FOLDER) for path in seen.folders if path]
    return [(path[len(prefix) :], what) for path, what in here
            if path.startswith(prefix) and "/" not in path[len(prefix) :]]  # fmt: skip


def matching(pattern: str) -> list[str]:
    """The addresses of the objects that the pattern fits, sorted."""
    with _telling(pattern):
        filesystem, path = _store(pattern)
        return sorted(filesystem.unstrip_protocol(name) for name in filesystem.glob(path))


def read(uri: str, start: int | None = None, end: int | None = None) -> bytes:
    """The bytes of the object, or those of a range.

    Raises:
        OSError: there is no such object.
    """
    with _telling(uri):
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
    """Write the object, a large one in parts; it is seen when it is whole, and one of its name stays until then."""
    with _telling(uri):
        filesystem, path = _store(uri)
        filesystem.pipe_file(path, data, **({"chunksize": _PART} if _is_s3(filesystem) else {}))


def put(source: Path, uri: str) -> None:
    """Write the object from a file on disk, see `write`."""
    with _telling(uri):
        filesystem, path = _store(uri)
        filesystem.put_file(str(source), path, **({"chunksize": _PART} if _is_s3(filesystem) else {}))


def remove(uri: str) -> None:
    """Delete the object, where there is one."""
    with _telling(uri):
        filesystem, path = _store(uri)
        if filesystem.exists(path):
            filesystem.rm_file(path)


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload in parts that did not come to its end; what it holds is paid for and seen by nobody."""

    path: str  # of the object that it would have become, from the bucket's root
    id: str  # that S3 gave it


def unfinished(uri: str) -> list[Upload]:
    """The uploads below the prefix that neither ended nor were taken back; none in a store without parts."""
    found: list[Upload] = []
    with _telling(uri):
        filesystem, path = _store(uri)
        bucket, _, prefix = path.partition("/")
        after: dict[str, str] = {}
        while _is_s3(filesystem):
            told = filesystem.call_s3("list_multipart_uploads", Bucket=bucket, Prefix=f"{prefix}/", **after)
            found += [Upload(one["Key"], one["UploadId"]) for one in told.get("Uploads", [])]
            if not told.get("IsTruncated"):
                break
            after = {"KeyMarker": told["NextKeyMarker"], "UploadIdMarker": told["NextUploadIdMarker"]}
    return found


def take_back(uri: str, uploads: list[Upload]) -> None:
    """Drop the parts of uploads that did not come to their end."""
    with _telling(uri):
        filesystem, path = _store(uri)
        for upload in uploads:
            filesystem.abort_mpu(path.partition("/")[0], upload.path, upload.id)


def remove_all(uri: str, below: list[str]) -> None:
    """Delete the objects at these paths below the prefix, many in one request; "" is the mark of a folder itself.

    Raises:
        PupilaError: some could not be deleted.
    """
    with _telling(uri):
        filesystem, path = _store(uri)
        if not _is_s3(filesystem):
            for name in filter(None, below):
                filesystem.rm_file(f"{path}/{name}")
            return
        bucket, _, prefix = path.partition("/")
        for start in range(0, len(below), _DELETED_AT_ONCE):
            some = [{"Key": f"{prefix}/{name}"} for name in below[start : start + _DELETED_AT_ONCE]]
            told = filesystem.call_s3(
                "delete_objects", Bucket=bucket, Delete={"Objects": some, "Quiet": True}
            )
            if faults := told.get("Errors"):
                raise PupilaError(
                    say("Some objects could not be deleted"), found=f"{faults[0]['Key']}: {faults[0]['Code']}",
                    wanted=say("credentials that may do this there"), remedy="docs/reference/stores.md",
                )  # fmt: skip


@contextmanager
def _telling(uri: str) -> Iterator[None]:
    """Turn the faults of a store into sentences; of an object that is not there remains FileNotFoundError."""
    try:
        yield
    except PupilaError:
        raise
    except FileNotFoundError as fault:
        if _code(fault) != "NoSuchBucket":
            raise
        raise PupilaError(
            say("No such bucket"), found=_bucket(uri), wanted=say("a bucket that is there"),
            remedy=say("make it first, or mend the name"),
        ) from fault  # fmt: skip
    except Exception as fault:
        raise _told(uri, fault) from fault


def _told(uri: str, fault: Exception) -> PupilaError:
    """What went wrong, by the names of the classes: their libraries are loaded only where they are needed."""
    names = {kind.__name__ for kind in type(fault).__mro__}
    protocol, found = uri.partition("://")[0], " ".join(str(fault).split())[:200] or type(fault).__name__
    if isinstance(fault, ImportError) and protocol in EXTRAS:
        return MissingExtra(*EXTRAS[protocol])
    if isinstance(fault, ValueError) and found.startswith("Protocol not known"):
        return PupilaError(
            say("No such kind of address"),
            found=f"{protocol}://",
            wanted=say("a path, or s3://bucket/prefix"),
        )
    if names & _NO_CREDENTIALS:
        return PupilaError(
            say("No credentials for the store {uri}", uri=uri), found=found, wanted=say("an access key and its secret"),
            remedy=say("set {names}", names="AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY (docs/reference/stores.md)"),
        )  # fmt: skip
    if isinstance(fault, PermissionError):
        return PupilaError(
            say("The store refuses access to {uri}", uri=uri), found=_code(fault) or found,
            wanted=say("credentials that may do this there"),
            remedy=say("another key or profile: docs/reference/stores.md"),
        )  # fmt: skip
    if names & _NO_WAY_THERE:
        return PupilaError(
            say("The store of {uri} can't be reached", uri=uri), found=found,
            wanted=say("a store that answers"),
            remedy=say("check the network and AWS_ENDPOINT_URL: docs/reference/stores.md"),
        )  # fmt: skip
    return PupilaError(
        say("The store can't do this with {uri}", uri=uri), found=found, remedy="docs/reference/stores.md"
    )


def _store(uri: str) -> tuple[Any, str]:
    """(the file system, the path in it); listings are not kept, for others write to a store as well."""
    import fsspec

    filesystem, path = fsspec.core.url_to_fs(uri, use_listings_cache=False)
    return filesystem, path.rstrip("/")


def _is_s3(filesystem: Any) -> bool:
    return "s3" in filesystem.protocol


def _bucket(uri: str) -> str:
    return uri.partition("://")[2].partition("/")[0]


def _code(fault: BaseException) -> str:
    """What S3 calls the fault, such as NoSuchBucket; "" elsewhere."""
    told = getattr(fault.__cause__, "response", None) or {}
    return str(told.get("Error", {}).get("Code", ""))


def _modified(info: dict[str, Any]) -> int:
    """When the object was written, nanoseconds since 1970; 0 where the store keeps no time.

    S3 tells whole seconds. What follows them is drawn from the ETag, so that an object that was written twice within
    one second has two times.
    """
    when = info.get("mtime") or info.get("LastModified") or info.get("created")
    if when is None:
        return 0
    seconds = when.timestamp() if hasattr(when, "timestamp") else float(when)
    tag = str(info.get("ETag") or "").strip('"')
    if not tag:
        return int(seconds * 1e9)
    return int(seconds) * 10**9 + int.from_bytes(tag.encode()[:8]) % 10**9
