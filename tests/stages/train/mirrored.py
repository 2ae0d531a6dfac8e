"""A training with a mirror: `python -m tests.stages.train.mirrored DATA RUN MIRROR none | kill:1 | term:3`."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pupila
from pupila.artifacts.run.mirror_file import MIRROR_FILE
from pupila.cli import main
from pupila.core import files
from pupila.stages.train.run import TrainingRun
from tests.pictures import write_classes
from tests.stages.train import child

SETTINGS: dict[str, Any] = {**child.SETTINGS, "precision": "float32"}  # "auto" measures


def write_pets(folder: Path) -> Path:
    """Pictures of two classes, with their split."""
    pupila.split(write_classes(folder, {"cat": 28, "dog": 28}))
    return folder


def upload(folder: Path, uri: str) -> None:
    """Copy all files of a folder to a store."""
    for path in folder.rglob("*"):
        if path.is_file():
            files.write_bytes(f"{uri}/{path.relative_to(folder).as_posix()}", path.read_bytes())


def strike(signal_: int, epochs: int, mirror: str) -> None:
    """Send the signal when so many epochs were logged in this process and the mirror has one of them."""
    left, train_epoch = [epochs + 1], TrainingRun._write_log

    def counted(self: TrainingRun, *arguments: Any) -> None:
        left[0] -= 1
        if not left[0]:
            while not files.exists(files.join(mirror, MIRROR_FILE)):
                pass
            os.kill(os.getpid(), signal_)
        train_epoch(self, *arguments)

    TrainingRun._write_log = counted  # type: ignore[method-assign, assignment]


if __name__ == "__main__":
    data, run, mirror, how = sys.argv[1:5]
    kind, _, number = how.partition(":")
    if number:
        strike(signal.SIGKILL if kind == "kill" else signal.SIGTERM, int(number), mirror)
    sys.argv = ["pupila", "train", data, "--out", run, "--mirror", mirror, "--workers", "0"]
    sys.argv += [f"{name}={value}" for name, value in SETTINGS.items()]
    main()
