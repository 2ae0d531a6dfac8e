"""JSON files of a sweep with a checksum of their own: written whole, and refused where they were changed."""

from typing import ClassVar, TypeVar

from pydantic import Field

from pupila.core import checksums, files
from pupila.core.json_text import dump_json
from pupila.core.messages import say
from pupila.core.records import Record, check_record_seal, read_record
from pupila.core.version import __version__


class SealedRecord(Record):
    """What every file of a sweep has beside its content."""

    is_remade: ClassVar[bool] = True  # by resuming the sweep, where the file was deleted

    checksum: str = Field(
        default=checksums.BLANK, pattern=checksums.PATTERN, description="of the bytes of this file"
    )
    made_by: str = Field(default=f"pupila {__version__}", description="name and version of the writer")


Sealed = TypeVar("Sealed", bound=SealedRecord)


def write_sealed(uri: str, content: SealedRecord) -> None:
    """Write the record, whole or not at all."""
    fields = content.model_dump(mode="json", by_alias=True)
    text = dump_json({**fields, "checksum": checksums.BLANK}, indent=1) + "\n"
    files.write_bytes(uri, checksums.seal(text.encode()))


def read_sealed(model: type[Sealed], uri: str) -> Sealed:
    """The record in the file.

    Raises:
        PupilaError: another version of Pupila wrote it, or it is damaged.
    """
    problem = say("{path} was written by another version of Pupila", path=uri)
    remedy = (
        say("restore a copy of it, or delete it: pupila sweep DATA --resume --out FOLDER makes it again")
        if model.is_remade
        else say("restore a copy of it; pupila sweep DATA --out FOLDER starts another sweep")
    )
    content = read_record(model, uri, problem, remedy)
    check_record_seal(uri, remedy)
    return content
