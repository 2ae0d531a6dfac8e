"""deploy.json: what was rendered into a folder, so that no edited file is ever overwritten."""

from pathlib import Path

from pydantic import Field

from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.records import Record, read_record

RECORD_FILE = "deploy.json"


class DeployRecord(Record):
    """What was rendered into a folder."""

    schema_version: int = Field(default=1, alias="schema", description="version of this file's schema")
    pupila: str = Field(description="version of Pupila that rendered the files")
    name: str = Field(description="of the service")
    model: str = Field(description="the model as the user named it")
    bundle: str = Field(description="SHA-256 of the bundle when it was rendered")
    targets: list[str] = Field(description="docker, compose, aws or aws-train, as they were rendered")
    files: dict[str, str] = Field(description="SHA-256 of each file as it was rendered, by its name")


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


def write_rendered(folder: Path, rendered: dict[str, bytes], record: DeployRecord, force: bool) -> list[str]:
    """Write the files and their record, and name those that are new or other than before.

    Args:
        folder: created where there is none.
        rendered: bytes by name.
        record: of this rendering; the files of earlier ones are added.
        force: whether files that a person edited are overwritten.

    Raises:
        PupilaError: files that a person edited, or a folder that can't be written to; nothing was written then.
    """
    earlier = read_deploy_record(folder)
    known = earlier.files if earlier else {}
    changed, edited = [], []
    for name, content in rendered.items():
        path = folder / name
        present = files.sha256(path.read_bytes()) if path.is_file() else None
        if present == files.sha256(content):
            continue
        changed.append(name)
        if present is not None and present != known.get(name):
            edited.append(name)
    if edited and not force:
        raise PupilaError(
            say("Edited files would be overwritten"), actual=listing(edited),
            expected=say("files as Pupila rendered them"),
            remedy=say("render into another folder and compare the two, or add --force"),
        )  # fmt: skip
    for name in changed:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        files.write_bytes(str(target), rendered[name])
    hashes = {name: files.sha256(content) for name, content in rendered.items()}
    merged = record.model_copy(update={"files": dict(sorted({**known, **hashes}.items()))})
    files.write_json(str(folder / RECORD_FILE), merged.model_dump(by_alias=True))
    return changed
