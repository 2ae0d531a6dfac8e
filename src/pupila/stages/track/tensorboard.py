"""TensorBoard: a folder of event files for each run, written whole with TensorBoard's own writer, without torch."""

import re
import struct
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pupila.core import files, folders
from pupila.core.errors import PupilaError
from pupila.core.json_text import dump_json
from pupila.core.messages import say
from pupila.stages.track.content import FAILED, RUNNING, TrackedRun, as_text
from pupila.stages.track.place import hold_place
from pupila.stages.track.quiet import at_door
from pupila.stages.track.target import Target
from pupila.stages.track.trackers import NEW, UNCHANGED, UPDATED, Change, Written

if TYPE_CHECKING:
    from tensorboard.compat.proto.summary_pb2 import Summary  # type: ignore[import-untyped]

_MARK = "pupila.json"  # identity and digest of the run that a folder shows
_NOT_IN_FOLDERS = re.compile(r"[^\w.-]")
_PNG_SIZE = struct.Struct(">II")  # width and height, from byte 16 on
_RGB = 3  # channels of an image, as TensorBoard counts them


class TensorboardTracker:
    """Writes runs below a folder, `EXPERIMENT/RUN`, those of a sweep one deeper.

    Args:
        target: with the folder.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._folders: dict[str, Path] = {}  # of the runs, by identity

    @property
    def hint(self) -> str:
        """The command that shows the runs."""
        return f"tensorboard --logdir {self._target.place}"

    def close(self) -> None:
        """Nothing is held."""

    def write(self, run: TrackedRun) -> Written:
        """Write the run's folder again, in one step, if anything has changed."""
        with hold_place(self._target):
            folder, change, digest = self._find_folder(run)
            self._folders[run.identity] = folder
            if digest == run.digest:
                return Written(UNCHANGED)
            with at_door(self._target):
                content = _pack_events(run)
            mark = dump_json({"identity": run.identity, "digest": run.digest}).encode()
            folders.replace_folder(folder, {**content, _MARK: mark})
        return Written(change)

    def _find_folder(self, run: TrackedRun) -> tuple[Path, Change, str]:
        """The folder of the run, what writing there would mean, and the digest of what it shows."""
        above = self._folders[run.parent] if run.parent else Path(self._target.place, _name(run.experiment))
        number = 1
        while True:
            folder = above / (_name(run.name) + (f"-{number}" if number > 1 else ""))
            if not folder.exists():
                return folder, NEW, ""
            mark = _read_mark(folder)
            if mark.get("identity") == run.identity:
                return folder, UPDATED, mark.get("digest", "")
            number += 1


def _read_mark(folder: Path) -> dict[str, str]:
    try:
        content = files.read_json(str(folder / _MARK))
    except (FileNotFoundError, NotADirectoryError, PupilaError):
        return {}
    return content if isinstance(content, dict) else {}


def _name(text: str) -> str:
    return _NOT_IN_FOLDERS.sub("_", text).strip(".") or "_"


def _pack_events(run: TrackedRun) -> dict[str, bytes]:
    """Name of the event file to its bytes."""
    from tensorboard.compat.proto.event_pb2 import Event, SessionLog  # type: ignore[import-untyped]
    from tensorboard.summary.writer.event_file_writer import EventFileWriter  # type: ignore[import-untyped]

    start = run.started or time.time()
    with tempfile.TemporaryDirectory() as temporary:
        writer = EventFileWriter(temporary)
        # A reader that follows the folder drops what it read from an older file.
        restart = SessionLog(status=SessionLog.START)
        writer.add_event(Event(wall_time=start, step=0, session_log=restart))
        for seconds, step, summary in _summaries(run):
            writer.add_event(Event(wall_time=start + seconds, step=step, summary=summary))
        writer.close()
        return {entry.name: entry.read_bytes() for entry in Path(temporary).iterdir()}


def _summaries(run: TrackedRun) -> Iterator[tuple[float, int, "Summary"]]:
    """Seconds since the start, step and summary: settings, curves, examples, results and tags."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams.summary_v2 import hparams_pb  # type: ignore[import-untyped]

    yield 0.0, 0, hparams_pb({name: _plain(value) for name, value in run.settings.items()}, run.identity,
                             run.started or 0.0)  # fmt: skip
    for epoch in run.epochs:
        values = [Summary.Value(tag=name, simple_value=value) for name, value in epoch.points.items()]
        yield epoch.elapsed, epoch.number, Summary(value=values)
    for part, number, path in run.examples:
        yield run.seconds, number, Summary(value=[Summary.Value(tag=f"{part}/examples", image=_image(path))])
    results = [Summary.Value(tag=name, simple_value=value) for name, value in run.results.items()]
    if results:
        yield run.seconds, len(run.epochs), Summary(value=results)
    yield run.seconds, 0, _text_summary("tags", run.tags)
    yield (
        run.seconds,
        0,
        _text_summary("settings", {name: as_text(value) for name, value in run.given.items()}),
    )
    if run.status != RUNNING:
        yield run.seconds, 0, _end_summary(run)


def _plain(value: object) -> bool | float | str:
    """A setting as TensorBoard takes it: numbers and booleans as they are, anything else as text."""
    return value if isinstance(value, bool | int | float) else as_text(value)


def _image(path: str) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary

    content = files.read_bytes(path)
    width, height = _PNG_SIZE.unpack(content[16:24])
    return Summary.Image(width=width, height=height, colorspace=_RGB, encoded_image_string=content)


def _text_summary(tag: str, rows: dict[str, str]) -> "Summary":
    """A table of texts, for TensorBoard's page of texts."""
    from tensorboard.plugins.text.summary_v2 import text_pb  # type: ignore[import-untyped]

    def escape(text: str) -> str:
        return text.replace("|", "\\|").replace("\n", " ")

    lines = [f"| {escape(name)} | {escape(text)} |" for name, text in rows.items()]
    header = [f"| {say('name')} | {say('value')} |", "|---|---|"]
    return text_pb(tag, "\n".join([*header, *lines]))


def _end_summary(run: TrackedRun) -> "Summary":
    """The end of the session, for the page of settings; TensorBoard's own function for it needs TensorFlow."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2  # type: ignore[import-untyped]

    status = api_pb2.STATUS_FAILURE if run.status == FAILED else api_pb2.STATUS_SUCCESS
    end = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=(run.started or 0.0) + run.seconds)
    about = metadata.create_summary_metadata(plugin_data_pb2.HParamsPluginData(session_end_info=end))
    value = Summary.Value(tag=metadata.SESSION_END_INFO_TAG, metadata=about, tensor=metadata.NULL_TENSOR)
    return Summary(value=[value])
