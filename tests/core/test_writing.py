"""Writing on disk: modes, links, appending by several processes, full disks, and what a kill leaves behind."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pupila.core import files, locks, writing
from pupila.core.errors import PupilaError

_APPEND = """
import sys
from pupila.core import files
path, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
for number in range(count):
    files.append(path, f'{{"from": "{name}", "number": {number}, "more": "{"x" * 500}"}}\\n'.encode())
    print(number, flush=True)
"""


def _start(path: Path, name: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", _APPEND, str(path), name, str(count)], text=True,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip


def _let_go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def _reported(process: subprocess.Popen[str]) -> int:
    """Lines that the process says are in the file."""
    return sum(word.isdigit() for word in process.communicate()[0].split())


def test_no_line_of_several_processes_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    processes = [_start(path, str(number), 20) for number in range(3)]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        _let_go(process)
    assert [_reported(process) for process in processes] == [20] * 3
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert sorted((row["from"], row["number"]) for row in rows) == [
        (str(n), k) for n in range(3) for k in range(20)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_no_reported_line_is_lost_among_killed_processes(seed: int, tmp_path: Path) -> None:
    path, rng = tmp_path / "a.jsonl", random.Random(seed)
    processes = [_start(path, str(number), 20) for number in range(6)]
    for process in processes:
        _let_go(process)
    for process in processes[:3]:
        time.sleep(rng.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
    reported = [_reported(process) for process in processes]
    files.append(str(path), b'{"from": "last"}\n')
    rows = [json.loads(line) for line in path.read_text().splitlines()]  # not one is torn
    for number, count in enumerate(reported):
        written = [row["number"] for row in rows if row["from"] == str(number)]
        assert written[:count] == list(range(count))
        assert number < 3 or len(written) == 20


def test_one_who_waits_for_a_file_that_is_replaced_opens_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"old": 1}\n')
    with locks.hold(str(path)):
        process = _start(path, "late", 1)
        assert process.stdout is not None
        process.stdout.readline()
        _let_go(process)
        path.rename(tmp_path / "archived.jsonl")
    assert _reported(process) == 1
    assert json.loads(path.read_text())["from"] == "late"
    assert (tmp_path / "archived.jsonl").read_text() == '{"old": 1}\n'


def test_a_lock_is_refused_to_a_second_holder_and_free_after_a_kill(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    with locks.hold(path), pytest.raises(BlockingIOError), locks.hold(path, wait=False):
        pass
    code = "with locks.hold(sys.argv[1]): print(1, flush=True); time.sleep(60)"
    process = subprocess.Popen(
        [sys.executable, "-c", f"import sys, time; from pupila.core import locks\n{code}", path],
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()
    with pytest.raises(BlockingIOError), locks.hold(path, wait=False):
        pass
    process.kill()
    process.communicate()
    with locks.hold(path, wait=False):
        pass


def test_a_full_disk_leaves_no_part_of_a_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    code = """
import resource, signal, sys
from pupila.core import files
from pupila.core.errors import PupilaError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
files.append(sys.argv[1], b'{"a": 1}\\n')
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))  # a larger write is cut off and then refused
try:
    files.append(sys.argv[1], b'{"b": "' + b"x" * 5000 + b'"}\\n')
except PupilaError as fault:
    print(fault)
"""
    finished = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert "Can't write" in finished.stdout and "too large" in finished.stdout
    assert path.read_bytes() == b'{"a": 1}\n'


def test_a_whole_line_without_its_end_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}\n{"b": 2}')
    files.append(str(path), b'{"c": 3}\n')
    assert path.read_text() == '{"a": 1}\n{"b": 2}\n{"c": 3}\n'


@pytest.mark.parametrize("umask", [0o022, 0o002, 0o077])
def test_a_new_file_has_the_mode_that_the_umask_leaves(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        files.write_bytes(str(tmp_path / "new/a"), b"x")
        files.append(str(tmp_path / "new/b"), b"x\n")
        with files.atomic_path(str(tmp_path / "new/c")) as part:
            part.write_bytes(b"x")
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o777 for path in sorted((tmp_path / "new").iterdir())] == [
        0o666 & ~umask
    ] * 3
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o777 & ~umask


def test_a_file_that_is_written_again_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(0o640)
    files.write_bytes(str(path), b"new")
    assert path.stat().st_mode & 0o777 == 0o640
    with files.atomic_path(str(path)) as part:
        part.write_bytes(b"newer")
    assert path.stat().st_mode & 0o777 == 0o640 and path.read_bytes() == b"newer"


def test_a_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real/a")
    for content in (b"first", b"second"):  # the first makes what the link leads to
        files.write_bytes(str(tmp_path / "link"), content)
        assert (tmp_path / "link").is_symlink() and (tmp_path / "real/a").read_bytes() == content
    files.append(str(tmp_path / "link"), b"\n")
    assert (tmp_path / "link").is_symlink()


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = subprocess.Popen(["cat", str(tmp_path / "pipe")], stdout=subprocess.PIPE)
    files.write_bytes(str(tmp_path / "pipe"), b"x")
    assert reader.communicate()[0] == b"x"
    assert (tmp_path / "pipe").is_fifo()


def test_a_pipe_that_nobody_reads_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "READER_TRIES", 2)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(PupilaError, match="Can't write"):
        files.write_bytes(str(tmp_path / "pipe"), b"x")


def test_long_names_can_be_written(tmp_path: Path) -> None:
    for name in ("a" * 255, "ä" * 127):
        files.write_bytes(str(tmp_path / name), b"x")
        assert (tmp_path / name).read_bytes() == b"x"


def test_what_a_kill_leaves_is_removed_and_what_is_being_written_stays(tmp_path: Path) -> None:
    code = """
import os, signal, sys
from pupila.core import files
with files.atomic_path(sys.argv[1]) as part:
    part.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "splits.json")], check=False)
    (left,) = tmp_path.iterdir()
    assert writing.is_partial(left.name) and files.is_hidden(left.name)
    (tmp_path / ".eslintrc.markdown").write_text("of the user")
    with files.atomic_path(str(tmp_path / "a")) as part:
        part.write_text("x")
        assert files.remove_partial(tmp_path) == 1
        assert part.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".eslintrc.markdown", "a"]
    assert files.remove_partial(tmp_path / "nothing") == 0


def test_a_place_that_can_not_be_written_to_is_reported_by_every_writer(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file/below"):
        with pytest.raises(PupilaError, match="Can't write"):
            files.write_bytes(str(path), b"x")
        with pytest.raises(PupilaError, match="Can't write"):
            files.append(str(path), b"x\n")
        with pytest.raises(PupilaError, match="Can't write"), files.atomic_path(str(path)) as part:
            part.write_bytes(b"x")


def test_what_several_processes_change_at_once_is_changed_by_each(tmp_path: Path) -> None:
    lines = ("import sys", "from pupila.core.files import update", "for _ in range(10):",
             "    update(sys.argv[1], lambda old: old + b'x')")  # fmt: skip
    code = "\n".join(lines)
    counter = tmp_path / "deep/counter"
    processes = [subprocess.Popen([sys.executable, "-c", code, str(counter)]) for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert counter.read_bytes() == b"x" * 20


def test_a_change_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"old")

    def refuse(old: bytes) -> bytes:
        raise ValueError(old)

    with pytest.raises(ValueError, match="old"):
        files.update(str(path), refuse)
    before = path.stat()
    files.update(str(path), lambda old: old)
    assert path.read_bytes() == b"old"
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
