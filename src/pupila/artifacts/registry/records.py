"""What a registry stores of a model: `model.json`, which decides, and the events of `history.jsonl`."""

from typing import Literal

from pydantic import Field

from pupila.core import checksums
from pupila.core.records import Record

MODEL_SCHEMA: Literal[1] = 1  # of model.json
ADD: Literal["add"] = "add"
PROMOTE: Literal["promote"] = "promote"
ROLLBACK: Literal["rollback"] = "rollback"


class Event(Record):
    """A line of `history.jsonl`."""

    number: int  # from 1, without gaps
    id: str  # unique
    time: str  # ISO 8601, UTC; never earlier than that of the event before
    who: str  # user@host
    action: Literal["add", "promote", "rollback"]
    alias: str = ""  # that moved; empty for a version that was added
    from_version: int | None = Field(default=None, alias="from")  # that the alias named before
    to_version: int = Field(alias="to")  # that it names now, or that was added
    bundle: str  # hash of that version's bundle
    report: str | None = None  # SHA-256 of the evaluation report that the promotion rests on
    verdict: str = ""  # of the paired comparison with the version before; empty: there was none
    forced: list[str] = Field(default_factory=list)  # objections that --force overruled
    reason: str = ""  # as the user gave it
    previous: str = ""  # SHA-256 of the line before


class Placement(Record):
    """A version under an alias, and the report that it was promoted with."""

    version: int
    event: int  # number of the event that put it there
    since: str  # ISO 8601, UTC
    report: str | None = None  # SHA-256 of the report
    data_hash: str = ""  # of the report
    splits_hash: str = ""


class Alias(Record):
    """An alias: the version that it names, and those that a rollback returns to."""

    live: Placement
    earlier: list[Placement] = Field(default_factory=list)  # the last one is the next


class Version(Record):
    """A version: its number never names another bundle."""

    number: int
    bundle: str  # hash
    task: str
    classes: list[str]
    added: str  # ISO 8601, UTC
    who: str
    complete: bool = False  # whether all of its files were copied and verified


class ModelFile(Record):
    """`model.json`: the versions and aliases of a model, and its last event, which the history may still lack."""

    schema_version: Literal[1] = Field(default=MODEL_SCHEMA, alias="schema")
    checksum: str = Field(default=checksums.BLANK, pattern=checksums.PATTERN)  # of the file, against damage
    name: str
    versions: list[Version] = Field(default_factory=list)
    aliases: dict[str, Alias] = Field(default_factory=dict)
    last: Event | None = None
