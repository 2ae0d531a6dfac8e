"""`mirror.json`: which files the mirror of a run has, and where; written last, so that half a copy is no mirror."""

import tempfile
from pathlib import PurePosixPath
from typing import Literal

from pydantic import Field, NonNegativeInt, ValidationError

from pupila.artifacts.run.plan import PLAN_FILE, PlanFile, RunPlan, read_plan
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.json_text import dump_json
from pupila.core.messages import say
from pupila.core.records import Record

MIRROR_FILE = "mirror.json"
STATE = "state"  # folder of the mirror, with the files of an unfinished run under their hashes


class MirroredFile(Record):
    """A file of the run in its mirror."""

    sha256: str = Field(pattern="[0-9a-f]{64}", description="hash of its bytes")
    size: NonNegativeInt = Field(description="its size, bytes")
    stored: str = Field(
        description="where it lies below the mirror: state/HASH, or the path of a finished run"
    )


class MirrorContent(Record):
    """The content of `mirror.json`."""

    schema_version: Literal[1] = Field(default=1, alias="schema", description="version of this file")
    run: str = Field(
        description="SHA-256 of the beginning of the run, its data, its split and its settings; another run is refused"
    )
    writer: str = Field(description="process that may write the mirror: the last one that resumed the run")
    files: dict[str, MirroredFile] = Field(description="path in the run to file of the mirror")

    def to_bytes(self) -> bytes:
        """As it is stored."""
        return (dump_json(self.model_dump(by_alias=True), indent=1) + "\n").encode()


def identify_run(plan_file: PlanFile[RunPlan]) -> str:
    """The hash that tells runs apart: the same for a run and for what it is after it was resumed."""
    plan = plan_file.plan
    parts = [plan_file.created, plan.data_hash, plan.splits_hash, plan_file.settings]
    return files.sha256(dump_json(parts).encode())


def parse_mirror(uri: str, content: bytes) -> MirrorContent:
    """The manifest of a mirror.

    Raises:
        PupilaError: it is damaged, or names files outside the run.
    """
    try:
        parsed = MirrorContent.model_validate_json(content)
    except ValidationError as fault:
        raise _damage(uri, MIRROR_FILE) from fault
    for path, entry in parsed.files.items():
        for place in (path, entry.stored):
            if ".." in PurePosixPath(place).parts or place.startswith("/") or files.is_remote(place):
                raise _damage(uri, place)
    return parsed


def read_mirrored_plan(uri: str, content: MirrorContent) -> PlanFile[RunPlan]:
    """The `plan.json` in the mirror.

    Raises:
        PupilaError: it is damaged, or of another version of Pupila.
    """
    with tempfile.TemporaryDirectory() as folder:
        _restore_file(uri, content, PLAN_FILE, folder)
        return read_plan(folder)


def restore_run(uri: str, content: MirrorContent, folder: str) -> None:
    """Write all files of the mirror into the folder, each with the hash of the manifest; `plan.json` is the last one.

    Raises:
        PupilaError: a file is missing or has another hash.
    """
    for path in sorted(content.files, key=lambda path: path == PLAN_FILE):
        _restore_file(uri, content, path, folder)


def _restore_file(uri: str, content: MirrorContent, path: str, folder: str) -> None:
    if (entry := content.files.get(path)) is None:
        raise _damage(uri, path)
    try:
        data = files.read_bytes(files.join(uri, entry.stored))
    except FileNotFoundError as fault:
        raise _damage(uri, entry.stored) from fault
    if files.sha256(data) != entry.sha256:
        raise _damage(uri, entry.stored)
    files.write_bytes(files.join(folder, path), data)


def _damage(uri: str, path: str) -> PupilaError:
    return PupilaError(
        say("The mirror {uri} is damaged", uri=uri), actual=path,
        expected=say("the files of {name}, each with its hash", name=MIRROR_FILE),
        remedy=say("restore an older version of its files, or --mirror with another address"),
    )  # fmt: skip
