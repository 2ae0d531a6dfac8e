"""deploy.json: what was rendered into a folder, so that no edited file is ever overwritten."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pydantic import Field, field_validator

from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.records import Record, read_record
from pupila.stages.deploy.deployment import check_service_name

RECORD_FILE = "deploy.json"


class DeployRecord(Record):
    """What was rendered into a folder."""

    schema_version: int = Field(default=1, alias="schema", description="version of this file's schema")
    pupila: str = Field(description="version of Pupila that rendered the files")
    name: str = Field(description="of the service")
    model: str = Field(description="address of the model; of one on disk, as seen from this folder")
    bundle: str = Field(description="SHA-256 of the bundle when it was rendered")
    targets: list[str] = Field(description="docker, compose, aws or aws-train, as they were rendered")
    files: dict[str, str] = Field(description="SHA-256 of each file as it was rendered, by its name")

    @field_validator("name")
    @classmethod
    def _refuse_name(cls, name: str) -> str:
        try:
            return check_service_name(name)
        except PupilaError as fault:
            raise ValueError(str(fault)) from fault

    @field_validator("files")
    @classmethod
    def _refuse_outside(cls, files: dict[str, str]) -> dict[str, str]:
        for name in files:
            if (
                name != PurePosixPath(name).as_posix()
                or name.startswith("/")
                or ".." in PurePosixPath(name).parts
            ):
                raise ValueError(say("{name} lies outside the folder", name=name))
        return files


def read_deploy_record(folder: Path) -> DeployRecord | None:
    """The record of a folder; None where nothing was rendered into it.

    Raises:
        PupilaError: a damaged record.
    """
    path = folder / RECORD_FILE
    if not path.exists():
        return None
    remedy = say("restore it from version control, or render into another folder")
    return read_record(DeployRecord, str(path), say("Can't read {path}", path=path), remedy)


@dataclass(frozen=True, slots=True)
class Changes:
    """What a rendering changed in a folder."""

    written: list[str]  # files that are new or other than before
    deleted: list[str]  # files of an earlier rendering that this one does not have
    left: list[str]  # the same, but they were edited


def write_rendered(folder: Path, rendered: dict[str, bytes], record: DeployRecord, force: bool) -> Changes:
    """Write the files and their record, and delete what an earlier rendering wrote and this one does not have.

    Args:
        folder: created where there is none.
        rendered: bytes by name.
        record: of this rendering, without the hashes of its files.
        force: whether edited files are overwritten.

    Raises:
        PupilaError: edited files, or a folder that can't be written to; nothing was written then.
    """
    _refuse_links(folder, rendered)
    earlier = read_deploy_record(folder)
    known = earlier.files if earlier else {}
    hashes = {name: files.sha256(content) for name, content in sorted(rendered.items())}
    present = {name: _hash_file(folder / name) for name in {*rendered, *known}}
    written = [name for name in hashes if present[name] != hashes[name]]
    edited = [name for name in written if present[name] not in ("", known.get(name))]
    if edited and not force:
        raise PupilaError(
            say("Edited files would be overwritten"), actual=listing(edited),
            expected=say("files as Pupila rendered them"),
            remedy=say("render into another folder and compare the two, or add --force"),
        )  # fmt: skip
    for name in written:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        files.write_bytes(str(folder / name), rendered[name])
    stale = [name for name in known if name not in rendered and present[name]]
    deleted = [name for name in stale if present[name] == known[name]]
    for name in deleted:
        (folder / name).unlink()
    complete = record.model_copy(update={"files": hashes})
    files.write_json(str(folder / RECORD_FILE), complete.model_dump(by_alias=True))
    return Changes(written, deleted, [name for name in stale if name not in deleted])


def _refuse_links(folder: Path, names: Iterable[str]) -> None:
    """Refuse links in the folder, through which files elsewhere would be written."""
    for name in (*names, RECORD_FILE):
        for path in (folder / name, *(folder / above for above in PurePosixPath(name).parents if above.name)):
            if path.is_symlink():
                raise PupilaError(
                    say("{path} is a link", path=path), expected=say("a file or a folder of the deployment itself"),
                    remedy=say("delete the link, or render into another folder"),
                )  # fmt: skip


def _hash_file(path: Path) -> str:
    """Of a regular file; empty where there is none."""
    return files.sha256(path.read_bytes()) if path.is_file() else ""
