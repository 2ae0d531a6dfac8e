"""The files of a bundle: which there must be, and whether each is the one that was written."""

import hashlib
import re
from itertools import islice

from pupila.artifacts.bundle import graph_check
from pupila.artifacts.bundle.golden import GOLDEN
from pupila.artifacts.bundle.info_file import INFO_FILE, ascii_text, modification_error
from pupila.artifacts.bundle.schema import BundleInfo
from pupila.core import disk, files
from pupila.core.errors import PupilaError
from pupila.core.installation import upgrade_command
from pupila.core.messages import integer, listing, say
from pupila.tasks import TASKS

HASH = re.compile(r"[0-9a-f]{64}")
MAX_BYTES = {".onnx": graph_check.MAX_BYTES, ".txt": 1_000_000_000}  # the latter: hashes of 15 million images
_MOST_FOREIGN = 1000  # files in the folder that a file browser or version control left there
_BLOCK = 1_048_576  # bytes that are hashed at once


def onnx_file(role: str) -> str:
    """The ONNX file of one of a task's roles."""
    return f"{role}.onnx"


def check_parts(folder: str, info: BundleInfo) -> None:
    """Refuse a bundle that lists too little to predict, and to check its predictions.

    Raises:
        PupilaError: a task that this Pupila does not have, no model, no weights of a member of an ensemble, or no
            golden predictions.
    """
    uri, task = files.join(folder, INFO_FILE), TASKS.get(info.task)
    if task is None:
        raise PupilaError(
            say("Can't read {path}", path=uri), actual=f"task: {ascii_text(info.task)}", expected=listing(list(TASKS)),
            remedy=upgrade_command(),
        )  # fmt: skip
    needed = [*(onnx_file(role) for role in task.roles), *(f"{GOLDEN}/{name}" for name in info.golden),
              *dict.fromkeys(member.weights_file for member in info.members)]  # fmt: skip
    faults = [say("{name} is missing", name=name) for name in needed if name not in info.files]
    if faults or not info.golden:
        raise modification_error(folder, faults or [say("{name} is missing", name=GOLDEN)])


def check_files(folder: str, info: BundleInfo) -> None:
    """Refuse a folder with other files than those that are listed, or with other content.

    Raises:
        PupilaError: each file that is missing, added, changed, too large, or no regular file.
    """
    try:
        listed = list(islice(files.walk(folder), len(info.files) + 1 + _MOST_FOREIGN))
    except OSError as fault:  # a link to folders that come and go
        raise modification_error(folder, [fault.strerror or str(fault)]) from fault
    entries = {entry.path: entry for entry in listed if not files.is_hidden(entry.path)}
    entries.pop(INFO_FILE, None)
    faults = [say("{name} is missing", name=name) for name in sorted(info.files.keys() - entries.keys())]
    added = sorted(entries.keys() - info.files.keys())
    faults += [say("{name} is not part of the bundle", name=ascii_text(name)) for name in added]
    for name, digest in info.files.items():
        if name not in entries:
            continue
        size, most = entries[name].size, MAX_BYTES.get(files.suffix(name))
        if size < 0:
            faults.append(say("{name} is no regular file", name=name))
        elif most is not None and size > most:
            faults.append(say("{name} has {n} bytes", name=name, n=integer(size)))
        elif _hash_file(files.join(folder, name), name) != digest:
            faults.append(say("{name} was changed", name=name))
    if faults:
        raise modification_error(folder, faults)


def _hash_file(uri: str, name: str) -> str:
    """The SHA-256 of a file, a block at a time on disk: weights can be larger than the memory that is left."""
    try:
        if files.is_remote(uri):
            return files.sha256(files.read_bytes(uri))
        digest = hashlib.sha256()
        with disk.open_regular(uri) as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
        return digest.hexdigest()
    except OSError as fault:
        raise PupilaError(say("Can't read {path}", path=name), actual=fault.strerror or str(fault)) from fault
