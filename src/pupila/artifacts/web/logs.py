"""The logs of a service: every request in the access log, every refused one in the security log, and its metrics."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pupila.artifacts.web.observing import RequestRecord
from pupila.core.json_lines import STDOUT, JsonLines
from pupila.core.messages import say

ACCESS_FILE, SECURITY_FILE = "access.jsonl", "security.jsonl"
_log = logging.getLogger("uvicorn.error")


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """A refused request, or a change of the file of tokens; never a secret, a picture or the name of a file."""

    outcome: Literal["refused", "tokens-read", "tokens-damaged"]
    reason: str = ""  # of the refusal
    detail: str = ""  # such as the state of the token
    token: str = ""  # id; empty: none
    address: str = ""  # of the client
    method: str = ""
    route: str = ""  # template of the path; empty: none has this path
    request_id: str = ""


class ServiceLogs:
    """Where the requests of a service are recorded.

    Args:
        folder: of `access.jsonl` and `security.jsonl`; `-`: both go to the standard output, each line with the name of
            its log; None: what is refused is reported beside the other messages, and nothing else.
        most_bytes: of one file.
        metrics: whether records of metrics go to the standard output.

    Raises:
        PupilaError: the files can't be written.
    """

    def __init__(self, folder: str | None, most_bytes: int, metrics: bool = False) -> None:
        self._both = folder == STDOUT
        self._access = self._security = self._metrics = None
        if folder == STDOUT:
            self._access = self._security = JsonLines(STDOUT, most_bytes)
        elif folder is not None:
            self._access = JsonLines(str(Path(folder) / ACCESS_FILE), most_bytes)
            self._security = JsonLines(str(Path(folder) / SECURITY_FILE), most_bytes)
        if metrics:  # two writers of one pipe would mix their lines
            self._metrics = self._access if self._both else JsonLines(STDOUT, most_bytes)

    def record(self, record: RequestRecord) -> None:
        """Write a request to the access log."""
        if self._access is not None:
            moment = datetime.fromtimestamp(record.time, UTC).isoformat(timespec="milliseconds")
            fields = {**_as_dict(record), "time": moment, "seconds": round(record.seconds, 6)}
            self._access.write(self._name("access", fields))

    def report(self, event: SecurityEvent) -> None:
        """Write an event to the security log."""
        if self._security is not None:
            moment = datetime.now(UTC).isoformat(timespec="milliseconds")
            self._security.write(self._name("security", {"time": moment, **_as_dict(event)}))
        elif event.outcome == "refused":
            _log.warning(say("Refused: {method} {route} from {address}, {reason}", method=event.method,
                             route=event.route or "-", address=event.address, reason=event.reason))  # fmt: skip

    def measure(self, fields: Mapping[str, Any]) -> None:
        """Write a record of metrics."""
        if self._metrics is not None:
            self._metrics.write(self._name("metrics", fields))

    def close(self) -> None:
        """Write what waits, and end."""
        for log in {self._access, self._security, self._metrics}:
            if log is not None:
                log.close()

    def _name(self, log: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"log": log, **fields} if self._both else fields


def _as_dict(record: RequestRecord | SecurityEvent) -> dict[str, Any]:
    """The fields; `dataclasses.asdict` copies each of them, at every request."""
    return {name: getattr(record, name) for name in record.__slots__}
