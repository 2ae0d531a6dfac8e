"""Records: immutable data that is stored as JSON and read back."""

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say

RecordType = TypeVar("RecordType", bound="Record")


class Record(BaseModel):
    """Immutable data; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def read_record(model: type[RecordType], uri: str, problem: str, remedy: str) -> RecordType:
    """The JSON file at the address as a record.

    Args:
        model: of the record; the default of its field `schema_version` is the schema that can be read.
        uri: of the file.
        problem: sentence for JSON that is no such record.
        remedy: what to do then.

    Raises:
        PupilaError: no JSON, another schema, or content that is no such record.
    """
    expected = model.model_fields["schema_version"].default
    try:
        content = files.read_json(uri)
    except PupilaError as fault:
        raise PupilaError(fault.problem, fault.actual, fault.expected, remedy) from fault
    if not isinstance(content, dict):
        actual = type(content).__name__
    elif content.get("schema", 1) != expected:
        actual = f"schema {content.get('schema', 1)}"
    else:
        try:
            return model.model_validate(content)
        except ValidationError as fault:
            places = (".".join(map(str, error["loc"])) for error in fault.errors()[:3])
            actual = say("unreadable fields: {names}", names=", ".join(places))
    raise PupilaError(problem, actual=actual, expected=f"schema {expected}", remedy=remedy)


def check_record_seal(uri: str, remedy: str) -> None:
    """Refuse a record's file whose checksum tells that it has other bytes than were written; Git may change line ends.

    Args:
        uri: of the file.
        remedy: what to do then.

    Raises:
        PupilaError: see above.
    """
    files.check_seal(uri, files.read_bytes(uri).replace(b"\r\n", b"\n"), remedy)
