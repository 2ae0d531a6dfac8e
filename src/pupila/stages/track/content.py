"""What a tracker gets of one run, in no tracker's own terms: settings, curves, results, tags and files."""

import json
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Literal

from pupila.core import files

Status = Literal["running", "finished", "killed", "failed"]
RUNNING: Status = "running"
FINISHED: Status = "finished"
KILLED: Status = "killed"  # by Ctrl-C, with a bundle
FAILED: Status = "failed"  # no process trains it, and it never ended


@dataclass(frozen=True, slots=True)
class Epoch:
    """The figures of one line of the log."""

    part: str  # such as head, or fold0-finetune
    number: int  # of the epoch within its part, from 1
    figures: dict[str, float]  # train_loss, validation_loss, lr, seconds, score and the metrics by id
    elapsed: float  # seconds of this epoch and all before it

    @property
    def points(self) -> dict[str, float]:
        """The figures by the name of their curve: "head/train_loss"."""
        return {f"{self.part}/{name}": value for name, value in self.figures.items()}


@dataclass(frozen=True, slots=True)
class TrackedFile:
    """A file that goes along with a run."""

    name: str  # in the tracker, with `/`
    path: str  # path or URI
    sha256: str


@dataclass(frozen=True)
class TrackedRun:
    """One run, or the parent of a sweep's runs, as its folder describes it."""

    identity: str  # 32 hexadecimal digits, the same for a resumed run and others for one that started over
    name: str
    experiment: str
    status: Status
    started: float | None  # seconds since 1970; None: an older run, which does not know
    settings: dict[str, object] = field(default_factory=dict)  # every setting decided, flat
    given: dict[str, object] = field(default_factory=dict)  # as the user gave them, flat
    epochs: tuple[Epoch, ...] = ()
    results: dict[str, float] = field(default_factory=dict)  # "validation/accuracy", with _low and _high
    tags: dict[str, str] = field(default_factory=dict)
    files: tuple[TrackedFile, ...] = ()
    examples: tuple[tuple[str, int, str], ...] = ()  # part, epoch, and path of a PNG
    parent: str = ""  # identity of the sweep
    is_parent: bool = False  # whether it is a sweep

    @cached_property
    def digest(self) -> str:
        """Hash of all that a tracker gets: equal where there is nothing new to write."""
        return files.sha256(json.dumps(asdict(self), sort_keys=True).encode())

    @property
    def seconds(self) -> float:
        """Duration of all epochs."""
        return self.epochs[-1].elapsed if self.epochs else 0.0

    def log_digest(self, count: int) -> str:
        """Hash of the first so many epochs."""
        return files.sha256(json.dumps([asdict(epoch) for epoch in self.epochs[:count]]).encode())


def as_text(value: object) -> str:
    """A setting as text: texts as they are, anything else as JSON, rates without the noise of binary fractions."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        value = float(f"{value:.12g}")
    return json.dumps(value, ensure_ascii=False)


def flatten(settings: dict[str, object], prefix: str = "") -> dict[str, object]:
    """Nested settings by names with dots: "options.pad_type"."""
    flat: dict[str, object] = {}
    for name, value in settings.items():
        if isinstance(value, dict) and value:
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat
