"""A command as a process: what it printed, its exit code and its clean-up are those of any Python program."""

import subprocess
import sys
from pathlib import Path

import pytest

_PROGRAM = """
import atexit, os, sys, tempfile, threading, time, weakref
import pupila.cli.process as process

class Last:
    def __del__(self):
        print("freed at the end", flush=True)

last = Last()
folders = []
assert atexit._ncallbacks() == 0  # what is registered before `run_process` would not be called

def work():
    time.sleep(0.2)
    print("thread")

def main():
    folders.append(tempfile.TemporaryDirectory())
    print(folders[0].name)
    atexit.register(print, "at exit")
    threading.Thread(target=work).start()
    {ending}

process.main = main
process.run_process()
"""


def _run(ending: str) -> subprocess.CompletedProcess[str]:
    program = _PROGRAM.format(ending=ending)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("code", [0, 2, 130])
def test_threads_handlers_and_temporary_folders_end_and_only_objects_are_not_freed(code: int) -> None:
    ended = _run(f"sys.exit({code})")
    folder, *lines = ended.stdout.splitlines()
    assert lines == ["thread", "at exit"] and not Path(folder).exists()
    assert (ended.returncode, ended.stderr) == (code, "")


@pytest.mark.parametrize(("ending", "code"), [("raise KeyError('planted')", 1), ("sys.exit('planted')", 1)])
def test_what_is_no_exit_code_ends_as_python_ends_it(ending: str, code: int) -> None:
    ended = _run(ending)
    assert ended.returncode == code and "planted" in ended.stderr and "freed at the end" in ended.stdout


def test_output_that_cannot_be_written_is_an_error() -> None:
    program = _PROGRAM.format(ending="sys.exit(0)")
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-c", program], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert ended.returncode and b"No space left" in ended.stderr
