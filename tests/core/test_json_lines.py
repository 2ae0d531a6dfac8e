"""Logs of JSON lines: whole lines, rotated, and never in the way of their writer."""

import errno
import json
import os
import shutil
from pathlib import Path
from queue import Full
from typing import Any

import pytest

from pupila.core import json_lines
from pupila.core.errors import PupilaError
from pupila.core.json_lines import JsonLines, read_dropped


def read(*paths: Path) -> list[Any]:
    return [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()]


def test_lines_are_whole_and_in_order(tmp_path: Path) -> None:
    log = JsonLines(str(tmp_path / "new" / "a.jsonl"), 1_000_000)
    for number in range(3000):
        log.write({"n": number, "text": "a\nb ñ \ud800", "figure": float("nan")})
    log.close()
    lines = read(tmp_path / "new" / "a.jsonl")
    assert [line["n"] for line in lines] == list(range(3000))
    assert lines[0] == {"n": 0, "text": "a\nb ñ \ud800", "figure": None}


def test_a_later_log_continues_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    for number in range(2):
        log = JsonLines(str(path), 1_000_000)
        log.write({"n": number})
        log.close()
    assert read(path) == [{"n": 0}, {"n": 1}]


def test_full_files_are_rotated_and_the_oldest_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_lines, "_MOST_AT_ONCE", 1)
    path = tmp_path / "a.jsonl"
    log = JsonLines(str(path), 100)
    for number in range(80):
        log.write({"n": number, "text": "x" * 20})
    log.close()
    names = sorted(entry.name for entry in tmp_path.iterdir())
    assert names == ["a.jsonl", *(f"a.jsonl.{number}" for number in range(1, 6))]
    assert all(entry.stat().st_size <= 100 for entry in tmp_path.iterdir())
    rows = read(*(tmp_path / f"a.jsonl.{number}" for number in range(5, 0, -1)), path)
    numbers = [row["n"] for row in rows]
    assert numbers == list(range(numbers[0], 80))


def test_a_file_that_was_moved_is_begun_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jsonl"
    log = JsonLines(str(path), 1_000_000)
    log._try_to_write(b'{"n": 0}\n')
    path.rename(tmp_path / "moved")
    log._try_to_write(b'{"n": 1}\n')
    log.close()
    assert (read(tmp_path / "moved"), read(path)) == ([{"n": 0}], [{"n": 1}])


def test_a_full_disk_leaves_whole_lines_and_is_reported_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path, write = tmp_path / "a.jsonl", os.write
    log = JsonLines(str(path), 1_000_000)
    log._try_to_write(b'{"n": 0}\n')

    def full(handle: int, data: Any) -> int:
        if len(data) > 5:
            return write(handle, bytes(data)[:5])  # half a line first
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    for _ in range(3):
        log._try_to_write(b'{"n": 1}\n')
    monkeypatch.undo()
    log._try_to_write(b'{"n": 2}\n')
    log.close()
    assert read(path) == [{"n": 0}, {"n": 2}]
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 2 and "No space left" in messages[0] and "again" in messages[1]


def test_a_slow_disk_drops_lines_and_says_how_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = JsonLines(str(tmp_path / "a.jsonl"), 1_000_000)
    monkeypatch.setattr(log._waiting, "put_nowait", _refuse)
    for number in range(7):
        log.write({"n": number})
    monkeypatch.undo()
    log.write({"n": 8})
    log.close()
    assert read(tmp_path / "a.jsonl") == [{"n": 8}, {"dropped": 7}]


def _refuse(_: object) -> None:
    raise Full


def test_the_standard_output_takes_lines(capfd: pytest.CaptureFixture[str]) -> None:
    log = JsonLines("-", 10)
    log.write({"n": 1})
    log.close()
    assert capfd.readouterr().out == '{"n": 1}\n'


def test_a_folder_that_comes_back_is_written_again(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    log = JsonLines(str(folder / "a.jsonl"), 1000)
    log._write_records([{"n": 0}])
    shutil.rmtree(folder)
    folder.write_text("in the way")
    log._write_records([{"n": 1}])
    with (tmp_path / "other").open("w") as other:  # it may have the descriptor that the log had
        log._write_records([{"n": 2}])
        folder.unlink()
        log._write_records([{"n": 3}])
        other.write("whole")
    log.close()
    assert (tmp_path / "other").read_text() == "whole"
    assert read(folder / "a.jsonl") == [{"n": 3}, {"dropped": 2}]


def test_a_reader_that_reads_no_more_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_lines, "_PATIENCE", 0.01)
    source, target = os.pipe()
    monkeypatch.setattr(JsonLines, "_open", lambda _: target)
    log = JsonLines("-", 1000)
    log.write({"text": "x" * 1_000_000})  # more than a pipe holds
    log.close()
    assert log._thread.is_alive()
    os.close(source)  # the writer fails, and ends
    log._thread.join()
    os.close(target)


def test_closing_twice_closes_nothing_else(tmp_path: Path) -> None:
    log = JsonLines(str(tmp_path / "a.jsonl"), 1000)
    log.close()
    with (tmp_path / "other").open("w") as other:  # it may have the same descriptor
        log.close()
        log.write({"n": 1})
        other.write("whole")
    assert (tmp_path / "other").read_text() == "whole"
    assert read(tmp_path / "a.jsonl") == []


def test_a_folder_that_can_not_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PupilaError, match="Can't write"):
        JsonLines(str(tmp_path / "file" / "a.jsonl"), 10)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "log")
    with pytest.raises(PupilaError, match="Can't write"):
        JsonLines(str(tmp_path / "log"), 1000)


@pytest.mark.parametrize(("line", "count"), [
    (b'{"dropped": 7}\n', 7), (b'{"dropped": -7}\n', 0), (b"[" * 200_000 + b"\n", 0),
    (b'{"dropped": ' + b"9" * 4000 + b"}\n", 0),
])  # fmt: skip
def test_only_a_line_of_the_log_itself_counts_dropped_records(line: bytes, count: int) -> None:
    assert read_dropped(line) == count
