"""A command as a process: what it printed, its exit code and its clean-up are those of any Python program."""

import subprocess
import sys
from pathlib import Path

import pytest

_PROGRAM = """
import atexit, sys, tempfile, threading, time
import pupila.cli.process as process

class Last:
    def __del__(self):
        print("freed at the end", flush=True)

last = Last()
folders = []
{before}

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


def _run(ending: str, before: str = "") -> subprocess.CompletedProcess[str]:
    program = _PROGRAM.format(ending=ending, before=before)
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


def test_handlers_registered_before_are_called() -> None:
    ended = _run("sys.exit(2)", before="atexit.register(print, 'before')")
    assert (
        ended.stdout.splitlines()[-3:] == ["at exit", "before", "freed at the end"] and ended.returncode == 2
    )


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_closed_stream_changes_nothing(stream: str) -> None:
    ended = _run("sys.exit(2)", before=f"sys.{stream} = None")
    lines = ended.stdout.splitlines()[1:]
    assert lines == (["thread", "at exit"] if stream == "stderr" else [])
    assert (ended.returncode, ended.stderr) == (2, "")


def test_output_that_cannot_be_written_is_an_error() -> None:
    program = _PROGRAM.format(ending="sys.exit(0)", before="")
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-c", program], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert ended.returncode and b"No space left" in ended.stderr
