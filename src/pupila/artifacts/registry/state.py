"""Read and change `model.json` and `history.jsonl`, so that they agree after a kill at any moment.

`model.json` decides. It is replaced by compare-and-swap, together with the event that explains the change; only
then is the event added to the history. Whoever reads or writes next adds an event that a killed process left out.
"""

import getpass
import json
import socket
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import ValidationError

from pupila.artifacts.registry.records import Event, ModelFile
from pupila.core import checksums, files
from pupila.core.errors import PupilaError
from pupila.core.json_text import dump_json
from pupila.core.messages import say

STATE_FILE, HISTORY_FILE, VERSIONS = "model.json", "history.jsonl", "versions"

Change = Callable[[ModelFile], ModelFile]


@dataclass(frozen=True, slots=True)
class History:
    """The events of a model, and what is wrong with the file that lists them."""

    events: list[Event]  # that can be read, in order
    damaged: list[int]  # lines, from 1


def read_state(folder: str) -> ModelFile | None:
    """The content of a model's `model.json`; None where there is none.

    Raises:
        PupilaError: it is damaged.
    """
    uri = files.join(folder, STATE_FILE)
    try:
        content = files.read_bytes(uri)
    except FileNotFoundError:
        return None
    except OSError as fault:
        raise PupilaError(say("Can't read {path}", path=uri), actual=fault.strerror or str(fault)) from fault
    return _parse(uri, content)


def change_state(folder: str, name: str, change: Change) -> ModelFile:
    """Replace `model.json` by what `change` makes of it, if nobody else has changed it meanwhile.

    Args:
        folder: of the model.
        name: of the model, where there is no file yet.
        change: from the content to the new one; what it raises leaves everything as it is. It may be called again.

    Raises:
        PupilaError: it can't be written.
    """
    uri = files.join(folder, STATE_FILE)
    result = ModelFile(name=name)

    def rewrite(content: bytes) -> bytes:
        nonlocal result
        before = _parse(uri, content) or begin_state(folder, name)
        result = change(before)
        if result.last is not None and before.last is not None and result.last.id != before.last.id:
            _add_event(
                folder, before.last
            )  # else a third process could replace it before it is in the history
        return content if result == before else _to_bytes(result)

    files.update(uri, rewrite)
    if result.last is not None:
        _add_event(folder, result.last)
    return result


def begin_state(folder: str, name: str) -> ModelFile:
    """The content of `model.json` for a new model.

    Raises:
        PupilaError: the model is not new, its file is lost: nobody knows then which numbers are taken.
    """
    if has_remains(folder) and read_state(folder) is None:  # not begun by another process meanwhile
        raise PupilaError(
            say("{path} is lost", path=files.join(folder, STATE_FILE)),
            actual=say("versions or a history without it"),
            remedy=_restore(),
        )
    return ModelFile(name=name)


def has_remains(folder: str) -> bool:
    """Whether a model has a history or versions, with or without its `model.json`."""
    return any(files.exists(files.join(folder, name)) for name in (HISTORY_FILE, VERSIONS))


def read_history(folder: str, state: ModelFile | None) -> History:
    """The events of a model, the last one of `model.json` included; lines that can't be read are counted.

    Args:
        folder: of the model.
        state: read before: the history has all events but its last one.
    """
    uri = files.join(folder, HISTORY_FILE)
    try:
        content = files.read_bytes(uri) if files.exists(uri) else b""
    except OSError as fault:
        raise PupilaError(say("Can't read {path}", path=uri), actual=fault.strerror or str(fault)) from fault
    events, damaged = [], []
    for number, line in enumerate(content.splitlines(), start=1):
        event = _parse_event(line)
        if event is None:
            damaged.append(number)
        else:
            events.append(event)
    last = None if state is None else state.last
    if last is not None and all(event.id != last.id for event in events):
        events.append(last)
    return History(events, damaged)


def next_event(state: ModelFile, **values: object) -> Event:
    """The event after the last one, with its number, its time and who caused it; times never go back.

    Args:
        state: before the event.
        values: its other fields.
    """
    last = state.last
    return Event.model_validate({
        "number": 1 if last is None else last.number + 1, "id": uuid.uuid4().hex,
        "time": max(current_time(), "" if last is None else last.time), "who": user_name(),
        "previous": "" if last is None else hash_event(last), **values,
    })  # fmt: skip


def hash_event(event: Event) -> str:
    """SHA-256 of the event's line, which the next event names."""
    return files.sha256(_to_line(event))


def current_time() -> str:
    """Now, as ISO 8601 in UTC; texts of it sort by time."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def user_name() -> str:
    """The user of this machine, and its name."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container that has no name for its user
        user = "anonymous"
    return f"{user}@{socket.gethostname()}"


def _add_event(folder: str, event: Event) -> None:
    """Add the event to the history, unless it is there."""

    def add(content: bytes) -> bytes:
        if f'"{event.id}"'.encode() in content and any(
            other is not None and other.id == event.id for other in map(_parse_event, content.splitlines())
        ):
            return content
        end = b"" if not content or content.endswith(b"\n") else b"\n"
        return content + end + _to_line(event) + b"\n"

    files.update(files.join(folder, HISTORY_FILE), add)


def _to_line(event: Event) -> bytes:
    return dump_json(event.model_dump(mode="json", by_alias=True)).encode()


def _parse_event(line: bytes) -> Event | None:
    try:
        return Event.model_validate(json.loads(line))
    except (ValueError, RecursionError):  # a ValidationError is a ValueError
        return None


def _parse(uri: str, content: bytes) -> ModelFile | None:
    """The content of `model.json`; None where it is empty.

    Raises:
        PupilaError: it is damaged.
    """
    if not content:
        return None
    remedy = _restore()
    files.check_seal(uri, content, remedy)
    try:
        return ModelFile.model_validate_json(content)
    except ValidationError as fault:
        place = ".".join(map(str, fault.errors()[0]["loc"]))
        raise PupilaError(
            say("Can't read {path}", path=uri),
            actual=place or say("no JSON"),
            expected="schema 1",
            remedy=remedy,
        ) from fault


def _to_bytes(state: ModelFile) -> bytes:
    fields = state.model_dump(mode="json", by_alias=True) | {"checksum": checksums.BLANK}
    return checksums.seal((dump_json(fields, indent=1) + "\n").encode())


def _restore() -> str:
    return say("restore the file from a backup; pupila registry verify checks it")
