"""Live tracking: a process beside the training, which may hang or die without the training noticing."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import pupila
from pupila.artifacts.run.lock import hold_run
from pupila.artifacts.run.log import EpochLog, LogLine, Note, write_log
from pupila.artifacts.run.plan import RUNNING
from pupila.core.errors import MissingExtra, PupilaError
from pupila.stages.track.live import LiveTracking
from pupila.stages.track.target import Target, parse_target
from tests.pictures import write_classes
from tests.stages.track.runs import make_lines, read_log_points, write_run
from tests.stages.track.test_tensorboard import read_scalars, rounded

LINES = make_lines(4)


def pretend_to_train(
    folder: Path, target: Target, end_seconds: float = 60.0, fault: Exception | None = None
) -> list[LogLine]:
    """Write a run as training does, epoch by epoch; returns the messages."""
    messages: list[LogLine] = []
    with LiveTracking(str(folder), target, messages.append, end_seconds) as tracking, hold_run(str(folder)):
        write_run(folder, [], RUNNING)
        tracking.on_log(Note("begins"))
        for count, line in enumerate(LINES, start=1):
            write_log(str(folder), LINES[:count])
            tracking.on_log(line)
        if fault is not None:
            raise fault
        write_run(folder, LINES)
    return messages


def notes(lines: list[LogLine]) -> list[str]:
    return [str(line) for line in lines if isinstance(line, Note)]


def test_a_training_is_followed_to_its_end(tmp_path: Path) -> None:
    target = parse_target(f"tensorboard:{tmp_path}/tb")
    messages = pretend_to_train(tmp_path / "run", target)
    assert [line for line in messages if isinstance(line, EpochLog)] == LINES
    first, *waiting, last = notes(messages)
    assert (first, last) == ("begins", f"Tracked: tensorboard --logdir {tmp_path}/tb")
    assert all(note.startswith("Writing the run to") for note in waiting)  # on a busy machine
    shown = read_scalars(tmp_path / "tb/shop/run")
    assert {name: rows for name, rows in shown.items() if name.startswith("head/")} == rounded(
        read_log_points(tmp_path / "run")
    )
    assert "validation/accuracy" in shown
    assert pupila.track(tmp_path / "run", to=f"tensorboard:{tmp_path}/tb").runs[0].change == "unchanged"


def test_a_place_that_breaks_is_a_note_with_the_way_to_replay(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    messages = notes(pretend_to_train(tmp_path / "run", parse_target(f"tensorboard:{tmp_path}/file/tb")))
    last = messages[-1]
    assert last.startswith("The tracker does not have all of the run: Can't write to tensorboard:")
    assert last.endswith(f"later: pupila track {tmp_path}/run --to tensorboard:{tmp_path}/file/tb")


def test_unknown_and_missing_trackers_are_errors_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PupilaError, match=r"Unknown tracker tensorbord\. Did you mean tensorboard"):
        pupila.train(tmp_path / "no data", track="tensorbord")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="extra 'track'"):
        pupila.train(tmp_path / "no data", track="wandb")


@pytest.fixture
def silent_server() -> Iterator[int]:
    """The port of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken: list[socket.socket] = []

        def accept() -> None:
            try:
                while True:
                    taken.append(server.accept()[0])
            except OSError:
                return

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        for connection in taken:
            connection.close()


@pytest.mark.slow
def test_a_server_that_hangs_slows_no_epoch_and_is_given_up_at_the_end(
    silent_server: int, tmp_path: Path
) -> None:
    target = parse_target(f"mlflow:http://ann:hidden@127.0.0.1:{silent_server}")
    begin = time.monotonic()
    messages = notes(pretend_to_train(tmp_path / "run", target, end_seconds=5.0))
    assert time.monotonic() - begin < 60
    assert messages[1] == f"Writing the run to mlflow:http://***@127.0.0.1:{silent_server}, at most 5 s."
    assert "it took more than 5 s" in messages[2] and "hidden" not in "".join(messages)


@pytest.mark.slow
def test_a_training_that_fails_is_a_failed_run(tmp_path: Path) -> None:
    from tests.stages.track.test_mlflow import Reader

    with pytest.raises(PupilaError, match="diverged"):
        pretend_to_train(tmp_path / "run", parse_target(Reader(tmp_path).to), fault=PupilaError("diverged"))
    (run,) = Reader(tmp_path).runs()
    assert run.info.status == "FAILED"
    assert Reader(tmp_path).curves(run) == read_log_points(tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize("tracker", ["mlflow:sqlite:///{}/mlflow.db", "wandb:{}", "tensorboard:{}/tb"])
def test_a_real_training_is_followed_and_the_replay_finds_nothing_new(tracker: str, tmp_path: Path) -> None:
    data = write_classes(tmp_path / "shop", {"cat": 28, "dog": 28})
    to = tracker.format(tmp_path)
    run = pupila.train(
        data, out=tmp_path / "run", track=to, model="lenet", epochs=3, image_size=32, weights="none"
    )
    result = pupila.track(run, to=to)
    assert [(run.experiment, run.change, run.epochs) for run in result.runs] == [("shop", "unchanged", 3)]
