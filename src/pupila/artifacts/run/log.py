"""`log.jsonl` of a run: one line per epoch, which trackers and reports replay."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, Field, PositiveInt, ValidationError, WithJsonSchema

from pupila.core import checksums, files
from pupila.core.errors import PupilaError
from pupila.core.messages import number, say
from pupila.core.records import Record
from pupila.statistics.metrics.titles import metric_title

LOG_FILE = "log.jsonl"
_SEAL = f',"checksum":"{checksums.BLANK}"}}'  # the end of each line; those of an earlier Pupila have none
_SEALED = re.compile(rf',"checksum":"{checksums.PATTERN}"}}\r?$'.encode())
_SHOWN = (
    "mean_average_precision",
    "macro_f1",
    "accuracy",
    "mean_dice",
    "mean_iou",
)  # metrics of an epoch that people follow


# A figure that is NaN in memory and null in the file: JSON has no NaN.
_Figure = Annotated[
    float,
    BeforeValidator(lambda value: math.nan if value is None else value),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "null"}]}),
]


class EpochLog(Record):
    """One line of the log: an epoch of one part of a run."""

    part: str = Field(
        description="phase, after the fold if there are folds: head, fold0-finetune, whole-finetune"
    )
    phase: str = Field(description="head (frozen encoder) or finetune")
    epoch: PositiveInt = Field(description="number of the epoch within its part")
    train_loss: _Figure = Field(description="mean loss over the training images; null where it diverged")
    validation_loss: float | None = Field(
        default=None, description="loss on validation; null without validation, and where it diverged"
    )
    metrics: dict[str, _Figure] = Field(
        default_factory=dict, description="id of a metric: value on validation; null where it is no number"
    )
    score: _Figure = Field(
        description="what chooses the epoch; the epoch's number without validation; null where it is no number"
    )
    lr: float = Field(description="learning rate of the last step; 0 of a head that is fitted at once")
    choice: str = Field(
        default="", description="what was chosen by measurement for this part; empty: nothing"
    )
    seconds: float = Field(description="duration of the epoch with its validation")

    def __str__(self) -> str:
        shown = [name for name in _SHOWN if name in self.metrics]
        metrics = [f"{metric_title(name)} {number(self.metrics[name])}" for name in shown]
        values = {"part": self.part, "epoch": self.epoch, "loss": number(self.train_loss)}
        if not metrics:
            return say("{part} epoch {epoch}: loss {loss}", **values)
        return say("{part} epoch {epoch}: loss {loss}, {metrics}", metrics=", ".join(metrics), **values)


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence for the user that is not part of the log."""

    text: str

    def __str__(self) -> str:
        return self.text


LogLine = EpochLog | Note
LogCallback = Callable[[LogLine], None]


def read_log(run: str) -> list[EpochLog]:
    """The lines of a run's log; none where it has no log. Half a last line, as a crash leaves it, is left out.

    Raises:
        PupilaError: a line is damaged.
    """
    uri = files.join(run, LOG_FILE)
    if not files.exists(uri):
        return []
    try:
        lines = files.read_bytes(uri).split(b"\n")[:-1]
    except OSError as fault:
        raise _damage(uri, fault.strerror or str(fault)) from fault
    return [_parse_line(uri, number, line) for number, line in enumerate(lines, start=1) if line.strip()]


def _parse_line(uri: str, number: int, line: bytes) -> EpochLog:
    if checksums.is_damaged(line.rstrip(b"\r")):
        raise _damage(f"{uri}:{number}", say("other bytes than were written"))
    try:
        return EpochLog.model_validate_json(_SEALED.sub(b"}", line))
    except ValidationError as fault:
        first = fault.errors()[0]
        place = "".join(f"{part}: " for part in first["loc"])
        raise _damage(f"{uri}:{number}", f"{place}{first['msg']}") from fault


def _damage(place: str, actual: str) -> PupilaError:
    return PupilaError(
        say("Can't read {path}", path=place), actual=actual, expected=say("a line of JSON for each epoch"),
        remedy=say("delete the file: report and bundle do not need it"),
    )  # fmt: skip


def write_log(run: str, lines: Sequence[EpochLog]) -> None:
    """Write the log of a run, of all folds and phases in their order."""
    sealed = [checksums.seal(f"{line.model_dump_json()[:-1]}{_SEAL}".encode()) + b"\n" for line in lines]
    files.write_bytes(files.join(run, LOG_FILE), b"".join(sealed))
