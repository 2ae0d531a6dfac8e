"""Processes that die while they write: `python -m tests.killing DATA NUMBER`."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def die() -> None:
    """As a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_at_write(number: int) -> None:
    """Die before the so-manieth call that opens, writes, cuts, renames, deletes or makes a file or a folder."""
    left = [number]

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def call_or_die(*arguments: Any, **options: Any) -> Any:
            left[0] -= 1
            if not left[0]:
                die()
            return call(*arguments, **options)

        return call_or_die

    for owner, names in ((os, ("open", "write", "fsync", "ftruncate")),
                         (Path, ("replace", "unlink", "mkdir", "write_bytes"))):  # fmt: skip
        for name in names:
            setattr(owner, name, counted(getattr(owner, name)))


class Killed(Exception):
    """Stands for a kill: nothing is written after it."""


@contextmanager
def struck(*steps: int) -> Iterator[None]:
    """Raise after these steps of any training."""
    from torch.optim.optimizer import register_optimizer_step_post_hook

    count = 0

    def strike(*_: Any) -> None:
        nonlocal count
        count += 1
        if count in steps:
            raise Killed

    hook = register_optimizer_step_post_hook(strike)
    try:
        yield
    finally:
        hook.remove()


def keep_records(data: str) -> None:
    """Split, give ten labels and record ten test accesses; each is printed once it is kept."""
    import pupila
    from pupila.artifacts.dataset.labels import Label, append_labels
    from pupila.artifacts.dataset.test_access import record_test_access

    opened = pupila.open(data)
    pupila.split(opened)
    print("split", flush=True)
    for row in range(10):
        image, digest = opened.images.select("image", "sha256").row(row)
        name = f"{os.getpid()}-{row}"
        label = Label(image, digest, f"annotator:{name}", True, "cat", "2026-11-01T00:00:00")
        append_labels(opened.home, [label])
        print(f"label {name}", flush=True)
        record_test_access(opened.home, [name], "pupila evaluate")
        print(f"access {name}", flush=True)


if __name__ == "__main__":
    die_at_write(int(sys.argv[2]))
    keep_records(sys.argv[1])
