"""Locks as Windows has them, with a stand-in for its module (one byte far behind the end), and who still runs."""

import errno
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from pupila.core import locks


class Windows:
    """`msvcrt`: what is locked by which handle; `LK_LOCK` gives up after ten seconds with EDEADLK."""

    LK_LOCK, LK_NBLCK, LK_UNLCK = 1, 2, 0

    def __init__(self) -> None:
        self.locked: dict[int, int] = {}  # place to handle
        self.rounds = 0  # that end before another one frees the lock

    def locking(self, handle: int, mode: int, count: int) -> None:
        assert count == 1
        place = os.lseek(handle, 0, os.SEEK_CUR)
        if mode == self.LK_UNLCK:
            if self.locked.pop(place, None) is None:
                raise PermissionError(errno.EACCES, "Permission denied")
            return
        if place in self.locked:
            if mode == self.LK_NBLCK:
                raise PermissionError(errno.EACCES, "Permission denied")
            if self.rounds:
                self.rounds -= 1
                raise OSError(errno.EDEADLK, "Resource deadlock avoided")
            del self.locked[place]  # by the other one
        self.locked[place] = handle


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ModuleType, Windows]]:
    """The locks as they are loaded on Windows."""
    system = Windows()
    spec = importlib.util.spec_from_file_location("windows_locks", locks.__file__)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "msvcrt", system)
        patched.setattr(sys, "platform", "win32")
        spec.loader.exec_module(module)
    yield module, system
    assert not system.locked


def test_a_lock_of_windows_leaves_the_content_readable_and_is_freed(
    windows: tuple[ModuleType, Windows], tmp_path: Path
) -> None:
    module, system = windows
    path = tmp_path / "a.jsonl"
    path.write_text("{}\n")
    with module.hold(str(path)) as handle:
        (place,) = system.locked
        assert place > 2**30 and path.stat().st_size == 3  # far behind the end, which has not moved
        os.write(handle, b"[]\n")  # at the end, wherever the lock has put the position
        with pytest.raises(BlockingIOError), module.hold(str(path), wait=False):
            pass
    assert path.read_text() == "{}\n[]\n"


def test_windows_gives_up_after_ten_seconds_and_the_lock_is_waited_for_again(
    windows: tuple[ModuleType, Windows], tmp_path: Path
) -> None:
    module, system = windows
    system.locked[module._PLACE], system.rounds = -1, 3
    with module.hold(str(tmp_path / "a")):
        assert system.rounds == 0


def test_a_process_runs_until_it_has_ended() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert locks.is_running(child.pid) and locks.is_running(os.getpid())
    child.communicate(b"\n")
    assert not locks.is_running(child.pid) and not locks.is_running(2**70)


def test_windows_counts_every_process_as_running(windows: tuple[ModuleType, Windows]) -> None:
    module, _ = windows
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "platform", "win32")
        assert module.is_running(2**70)
