"""URIs and bytes: walking, reading, hashing and atomic writing; disk and object stores are alike above it."""

import contextlib
import glob
import hashlib
import io
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import cache, partial
from pathlib import Path
from typing import Any

from pupila.core import checksums, disk, stores, writing
from pupila.core.errors import PupilaError
from pupila.core.json_text import dump_json
from pupila.core.messages import say

FileEntry = disk.FileEntry
UNPACKED = "embedded"  # folder of the cache folder
write_error, remove_partial = writing.write_error, writing.remove_partial
SPECIAL = disk.SPECIAL
describe_special, open_regular = disk.describe_special, disk.open_regular


def is_remote(uri: str | Path) -> bool:
    """Whether the address names a store (`s3://...`, `memory://...`) and not this machine's disk."""
    return "://" in str(uri) and not str(uri).startswith("file://")


def join(root: str, path: str) -> str:
    """The path below the root; an absolute path or a URI stays as it is."""
    if is_remote(path) or os.path.isabs(path):  # noqa: PTH117
        return path
    return f"{root.rstrip('/')}/{path}"


def relative(path: str, root: str) -> str:
    """The path as seen from the root where both lie on one disk or in one bucket, else unchanged."""
    if is_remote(path) or is_remote(root):
        prefix = root.rstrip("/") + "/"
        return path[len(prefix) :] if path.startswith(prefix) else path
    try:
        return Path(os.path.relpath(path, root)).as_posix()
    except ValueError:  # another drive on Windows
        return Path(path).as_posix()


def normalize_path(path: str) -> str:
    """The path on disk without `..` and `.`, with forward slashes; links stay links."""
    normal = os.path.normpath(path)
    return normal if os.sep == "/" else Path(normal).as_posix()


def absolute(uri: str) -> str:
    """The address from anywhere: a path on disk from its root and without links, a URI as it is."""
    return uri.rstrip("/") if is_remote(uri) else str(Path(uri).resolve())


def parent(uri: str) -> str:
    """The folder that the address lies in, `.` for a bare name."""
    return uri.rstrip("/").rpartition("/")[0] if is_remote(uri) else Path(uri).parent.as_posix()


def exists(uri: str) -> bool:
    """Whether a regular file or a folder lies at the address; a pipe or a device is neither."""
    if is_remote(uri):
        return bool(stores.kind(uri))
    return disk.exists(uri)


def is_folder(uri: str) -> bool:
    """Whether the address is a folder."""
    if is_remote(uri):
        return stores.kind(uri) == stores.FOLDER
    return Path(uri).is_dir()


def is_writable(folder: str) -> bool:
    """Whether files can be written below the folder, which need not exist yet; a store gets an empty object for it."""
    if is_remote(folder):
        return stores.is_writable(folder.rstrip("/"))
    return os.access(existing_folder(Path(folder)), os.W_OK | os.X_OK)


def existing_folder(folder: Path) -> Path:
    """The folder on disk, or where it does not exist yet, the nearest one above it that does."""
    place = folder.absolute()
    return next(above for above in (place, *place.parents) if above.exists())


def walk(root: str, special: bool = False) -> Iterator[FileEntry]:
    """All files below the root, sorted by path; links are followed once, after the folders; broken ones have size -1.

    Args:
        root: a folder.
        special: whether to list also what can't be read, with the size SPECIAL: pipes, sockets and devices.
    """
    if is_remote(root):
        for listed in stores.walk(root):
            yield FileEntry(*listed)
        return
    for entry in disk.walk(root):
        if special or entry.size != SPECIAL:
            yield entry


def stat_file(root: str, path: str) -> FileEntry | None:
    """The entry of the file at `path` below `root`, or None where there is none."""
    full = join(root, path)
    if is_remote(full):
        listed = stores.stat_object(full)
        return FileEntry(path, *listed[1:]) if listed else None
    return disk.find(root, path)


def cache_listing(uri: str) -> AbstractContextManager[None]:
    """Within it one listing of the store serves every request for paths beside or below the address.

    On disk, each folder is looked at once.
    """
    if not is_remote(uri):
        return disk.look_once()
    return stores.cache_listing(uri if is_folder(uri) else parent(uri))


def entry_finder(root: str) -> Callable[[str], FileEntry | None]:
    """A `stat_file` for many paths below one root: a store is listed once for all of them."""

    @cache
    def entries() -> dict[str, FileEntry]:
        return {listed.path: listed for listed in walk(root)}

    def find(path: str) -> FileEntry | None:
        below = relative(path, root)
        return stat_file(root, path) if join(root, below) == below else entries().get(below)

    return find if is_remote(root) else partial(stat_file, root)


def glob_files(pattern: str) -> list[str]:
    """The files that a pattern such as `photos/*.jpg` fits, sorted."""
    return stores.glob_objects(pattern) if is_remote(pattern) else sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207


def read_bytes(uri: str) -> bytes:
    """All bytes at the address.

    Raises:
        OSError: nothing can be read there.
    """
    if is_remote(uri):
        return stores.read(uri)
    return disk.read(uri)


def read_start(uri: str, count: int) -> bytes:
    """The first bytes at the address, at most `count`.

    Raises:
        OSError: nothing can be read there.
    """
    if is_remote(uri):
        return stores.read(uri, 0, count)
    return disk.read(uri, count)


def list_folders(root: str) -> list[str]:
    """The names of the folders directly below the root, sorted; without hidden ones and names that are not UTF-8."""
    if is_remote(root):
        names = [name for name, kind in stores.list_children(root) if kind == stores.FOLDER]
    else:
        names = disk.list_children(root)[0]
    return sorted(name for name in names if not is_hidden(name) and is_text(name))


def list_files(root: str) -> list[str]:
    """The names of the files directly below the root, sorted."""
    if is_remote(root):
        return sorted(name for name, kind in stores.list_children(root) if kind == stores.FILE)
    return sorted(disk.list_children(root)[1])


def suffix(path: str) -> str:
    """The ending of the file's name in small letters, with its dot; pathlib would take most of a walk's time."""
    name = path.rpartition("/")[2]
    stem, dot, ending = name.rpartition(".")
    return f".{ending.lower()}" if dot and stem else ""


# Files and folders of macOS, Windows, Linux, NAS drives and Python, in lower case, beside those that begin with a dot.
_SYSTEM_NAMES = frozenset({
    "__macosx", "thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r", "@eadir", "@tmp", "#recycle",
    "#snapshot", "@recycle", "$recycle.bin", "recycler", "system volume information", "lost+found", "__pycache__",
})  # fmt: skip


def is_hidden(path: str) -> bool:
    """Whether a part of the path is a system's own: `.DS_Store`, `._photo.jpg`, `__MACOSX`, `Thumbs.db`, `@eaDir`."""
    return path.startswith(".") or "/." in path or not _SYSTEM_NAMES.isdisjoint(path.lower().split("/"))


def is_text(path: str) -> bool:
    """Whether the path can be written as UTF-8: old archives and old disks leave names that can't."""
    if path.isascii():
        return True
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def write_bytes(uri: str, data: bytes) -> None:
    """Write the file whole or not at all: a reader or a crash never meets half of it. See `core.writing`.

    Raises:
        PupilaError: the folder can't be written to.
    """
    if is_remote(uri):
        stores.write(uri, data)
        return
    writing.write(uri, data)


def append(uri: str, lines: bytes) -> None:
    """Add whole lines to the end of a file of lines, all or none, and have them on the disk before returning.

    Any number of processes of one machine may do so at once. A store can't append: the object is written again, if it
    is still the one that was read; where a store can't compare, only one process may write.

    Raises:
        PupilaError: the file can't be written.
    """
    if is_remote(uri):
        stores.update(uri, lambda old: old + lines)
        return
    writing.append(uri, lines)


def update(uri: str, change: Callable[[bytes], bytes]) -> None:
    """Replace the file by what `change` makes of its bytes, as nobody else changed them meanwhile: `stores.update`."""
    (stores.update if is_remote(uri) else writing.update)(uri, change)


@contextlib.contextmanager
def atomic_path(path: str) -> Iterator[Path]:
    """A temporary path for a file that is written bit by bit: it is renamed once complete, and removed on failure.

    Args:
        path: on disk, or a URI: then the file is written to this machine's disk and uploaded once it is complete.

    Raises:
        PupilaError: the file can't be written.
    """
    try:
        if not is_remote(path):
            with writing.replace(path) as part:
                yield part
            return
        with tempfile.TemporaryDirectory() as folder:
            part = Path(folder, path.rpartition("/")[2])
            yield part
            stores.put(part, path)
    except OSError as fault:
        raise write_error(path, fault) from fault


def remove(uri: str) -> None:
    """Delete the file where there is one."""
    if is_remote(uri):
        stores.remove(uri)
        return
    Path(uri).unlink(missing_ok=True)


def remove_folder(folder: Path) -> None:
    """Delete a folder on disk with its contents, where there is one."""
    if folder.exists():
        shutil.rmtree(folder)


def is_unpacked(path: str) -> bool:
    """Whether the path lies among the images that were unpacked into the cache folder, from where they come again."""
    return not is_remote(path) and path.startswith(f"{cache_folder().as_posix()}/{UNPACKED}/")


def write_to_cache(path: Path, content: bytes) -> None:
    """Write a file of the cache folder, with its checksum; a cache that can't be written to is ignored."""
    remove_partial(path.parent)
    with contextlib.suppress(PupilaError):
        write_bytes(str(path), checksums.wrap(content))


def read_from_cache(path: Path) -> bytes | None:
    """The content of a file that `write_to_cache` wrote; None where there is none, or a damaged one, which is reported.

    A file of an earlier Pupila has no checksum and is returned as it is: its reader has to take what does not parse as
    missing.
    """
    try:
        stored = path.read_bytes()
    except OSError:
        return None
    if (content := checksums.unwrap(stored)) is None:
        drop_damaged_cache(path)
    return content


def report_damaged_cache(path: Path) -> None:
    """Say that a file of the cache is damaged."""
    print(say("{path} of the cache is damaged and is made again.", path=path), file=sys.stderr, flush=True)


def drop_damaged_cache(path: Path) -> None:
    """Say that a file of the cache is damaged, and delete it, so that it is made again."""
    report_damaged_cache(path)
    with contextlib.suppress(OSError):
        path.unlink()


def write_parquet(uri: str, frame: Any, metadata: dict[str, str] | None = None) -> None:
    """Write a polars frame, atomically, compressed, with metadata and its checksum."""
    write_bytes(uri, pack_parquet(frame, metadata))


def pack_parquet(frame: Any, metadata: dict[str, str] | None = None) -> bytes:
    """The bytes of the Parquet file that `write_parquet` writes."""
    buffer = io.BytesIO()
    frame.write_parquet(
        buffer, compression="zstd", metadata={**(metadata or {}), checksums.KEY: checksums.BLANK}
    )
    return checksums.seal(buffer.getvalue())


def check_seal(uri: str, content: bytes, remedy: str) -> bytes:
    """The content of a file with a checksum of its own, if it is what was written.

    Args:
        uri: of the file.
        content: of it; that of an earlier Pupila has no checksum and is returned as it is.
        remedy: what to do where it is not.

    Raises:
        PupilaError: it is not.
    """
    if checksums.is_damaged(content):
        raise PupilaError(
            say("{path} is damaged", path=uri), actual=say("other bytes than were written"),
            expected=say("the file as Pupila wrote it"), remedy=remedy,
        )  # fmt: skip
    return content


def write_json(uri: str, content: object) -> None:
    """Write readable JSON, atomically, with keys in the order given; NaN and infinities as null."""
    write_bytes(uri, (dump_json(content, indent=1) + "\n").encode())


def read_json(uri: str) -> Any:
    """The JSON at the address.

    Raises:
        PupilaError: the file is no JSON, or can't be read.
        FileNotFoundError: there is no such file.
    """
    try:
        return json.loads(read_bytes(uri))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else None
        raise PupilaError(
            say("Can't read {path}", path=uri), actual=reason or str(fault), expected=say("a JSON file")
        ) from fault


def sha256(data: bytes) -> str:
    """The SHA-256 of the bytes as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def weights_folder() -> str:
    """The folder of pretrained weights that is searched before the hub: `PUPILA_WEIGHTS`; empty: none."""
    return os.environ.get("PUPILA_WEIGHTS", "")


def cache_folder() -> Path:
    """The cache folder: `PUPILA_CACHE`, else the user's cache folder of the system."""
    if folder := os.environ.get("PUPILA_CACHE"):
        return Path(folder)
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA", str(Path.home()))) / "pupila"
    base = os.environ.get("XDG_CACHE_HOME", "")
    return Path(base) / "pupila" if base else Path.home() / ".cache" / "pupila"
