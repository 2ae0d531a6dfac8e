"""`predictions.jsonl`: every predicted image, recorded beside the service, which never waits for it."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from queue import Full, Queue
from typing import Any, Protocol

from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.bundle.reference import Reference, project
from pupila.artifacts.predictions.log import PREDICTIONS_FILE, PredictionRecord
from pupila.artifacts.predictions.outputs import RECORDED
from pupila.core.errors import PupilaError
from pupila.core.files import sha256
from pupila.core.json_lines import JsonLines
from pupila.core.messages import say
from pupila.imaging.images.appearance import measure_appearance
from pupila.imaging.images.decode import Array
from pupila.imaging.images.preprocess import Preprocessing
from pupila.stages.serve.settings import ServeSettings
from pupila.stages.serve.stored_images import StoredImages
from pupila.stages.serve.uploads import Read
from pupila.statistics.drift.observations import to_digits
from pupila.tasks.task import PreprocessedImage

_log = logging.getLogger("uvicorn.error")
_MOST_WAITING = 10_000  # records; of more the line alone is written, without image file and monitoring
_PATIENCE = 5.0  # seconds that the end waits
_PAUSE = 0.1  # seconds in which records are gathered
_MOST_BYTES = 200_000_000  # of image files that wait to be stored; of more the records alone are written


class Monitor(Protocol):
    """What takes in the records of a service, in the thread of its log."""

    def start(self, ending: threading.Event) -> None:
        """Take in what the log has already; give up once the log is ending."""

    def add(self, record: PredictionRecord, bundle: Bundle) -> None:
        """Take in a record of the bundle, which is not in the log yet."""

    def miss(self) -> None:
        """Count a record that came while too many were waiting."""

    def fail(self) -> None:
        """Say from now on that nothing is monitored any more."""


@dataclass(frozen=True, slots=True)
class RequestNote:
    """What the log says of a request, and of which of its images."""

    request_id: str
    group: str  # of related images, as the client names it; empty: none
    start: float  # of the clock, seconds
    item: int = 0  # number of the image in the request


@dataclass(frozen=True, slots=True)
class ImageTrace:
    """What the log says of an image, whatever is predicted for it."""

    note: RequestNote
    sha256: str
    read: Read | None  # the bytes of the file, while the request is open; None: it is not stored
    height: int  # of the upright image, pixels
    width: int
    appearance: tuple[float, float] | None  # brightness and sharpness; None: of a promptable model


class PredictionLog:
    """The log of a service; whatever fails in it, the service answers.

    Args:
        folder: of `predictions.jsonl` and of `images`.
        most_bytes: of one file.
        images: which image files are stored; None: none.

    Raises:
        PupilaError: the folder can't be written.
    """

    def __init__(self, folder: str, most_bytes: int, images: StoredImages | None = None) -> None:
        self.folder, self._images = Path(folder), images
        self._lines = JsonLines(str(self.folder / PREDICTIONS_FILE), most_bytes)
        self._waiting: Queue[tuple[dict[str, Any], bytes, Bundle] | None] = Queue(_MOST_WAITING)
        self._room = _MOST_BYTES  # for image files that wait
        self._counting = threading.Lock()
        self._ending = threading.Event()
        self._failing = False
        self._monitor: Monitor | None = None
        self._thread = threading.Thread(target=self._work, daemon=True, name=f"recording {folder}")

    def start(self, monitor: Monitor) -> None:
        """Begin to write, and to have the records monitored."""
        self._monitor = monitor
        self._thread.start()

    def trace(
        self, note: RequestNote, read: Read, content: bytes, image: PreprocessedImage, spec: Preprocessing
    ) -> ImageTrace | None:
        """What is known of an image that waits for the model, in a thread; None: that failed.

        Args:
            note: of its request.
            read: gives the content again, once it is stored.
            content: of the file.
            image: made of it.
            spec: how that was preprocessed.
        """
        try:
            digest = sha256(content)
            stored = read if self.stores(digest) else None
            appearance = measure_appearance(image.inputs, spec)
            return ImageTrace(note, digest, stored, image.height, image.width, appearance)
        except Exception:  # noqa: BLE001 -- whatever fails, the request gets its response
            self._report_failure()
            return None

    def stores(self, digest: str) -> bool:
        """Whether the image file of this SHA-256 is stored."""
        return self._images is not None and self._images.takes(digest)

    def write(
        self, trace: ImageTrace | None, prediction: Any, bundle: Bundle, embedding: Array | None = None,
        reference: Reference | None = None,
    ) -> None:  # fmt: skip
        """Record a prediction; returns at once.

        Args:
            trace: of the image; None: there is none.
            prediction: of the task; without a finite confidence it is a fault of the model, and not recorded.
            bundle: that predicted it.
            embedding: (E,) float32; None: there is none.
            reference: of the bundle, whose projection is recorded; None: it has none.
        """
        if trace is None or not isfinite(prediction.confidence):
            return
        try:
            record = _make_record(trace, prediction, bundle)
            record["embedding"] = [] if embedding is None else project(embedding, reference)
            content = self._read_content(trace)
            try:
                self._waiting.put_nowait((record, content, bundle))
            except Full:
                self._free(content)
                self._lines.write(record)
                if self._monitor is not None:
                    self._monitor.miss()
        except Exception:  # noqa: BLE001 -- whatever fails, the request gets its response
            self._report_failure()

    def close(self) -> None:
        """Write what waits, and end."""
        self._ending.set()
        if self._thread.is_alive():
            with contextlib.suppress(Full):
                self._waiting.put(None, timeout=_PATIENCE)
                self._thread.join(_PATIENCE)
        self._lines.close()

    def _read_content(self, trace: ImageTrace) -> bytes:
        """The file that is stored; empty where it is not, or where too many bytes wait already."""
        if trace.read is None:
            return b""
        content = trace.read()
        with self._counting:
            if len(content) > self._room:
                return b""
            self._room -= len(content)
        return content

    def _free(self, content: bytes) -> None:
        with self._counting:
            self._room += len(content)

    def _work(self) -> None:
        """In a thread: store images, write lines and have them monitored, until the end."""
        self._run_monitor(lambda monitor: monitor.start(self._ending))
        ended = False
        while not ended:
            entries = [self._waiting.get()]
            self._ending.wait(_PAUSE)  # so that a busy service does not wake this thread for each record
            entries += [self._waiting.get() for _ in range(self._waiting.qsize())]
            ended = None in entries
            for entry in filter(None, entries):
                self._record(*entry)

    def _record(self, record: dict[str, Any], content: bytes, bundle: Bundle) -> None:
        """In the thread; monitored first, as a monitor may read the log."""
        if content and self._images is not None:
            record["file"] = self._images.store(record["image"], content)
        self._free(content)
        read = PredictionRecord.model_construct(**record)
        self._run_monitor(lambda monitor: monitor.add(read, bundle))
        self._lines.write(record)

    def _run_monitor(self, work: Callable[[Monitor], None]) -> None:
        """A monitor whose failure ends the monitoring, in words, and not the log."""
        if self._monitor is None:
            return
        try:
            work(self._monitor)
        except Exception:  # noqa: BLE001 -- whatever fails, the log continues
            _log.exception(say("Drift is no longer monitored, for a fault of Pupila's own."))
            self._monitor.fail()
            self._monitor = None

    def _report_failure(self) -> None:
        """Report what was raised, once."""
        if not self._failing:
            _log.exception(say("Predictions can't be recorded, for a fault of Pupila's own."))
        self._failing = True


def _make_record(trace: ImageTrace, prediction: Any, bundle: Bundle) -> dict[str, Any]:
    """The fields of a `PredictionRecord`, without the embedding."""
    note, read = trace.note, RECORDED[bundle.info.task]
    brightness, sharpness = map(to_digits, trace.appearance) if trace.appearance else (None, None)
    return {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"), "request_id": note.request_id,
        "item": note.item, "model_version": bundle.hash, "image": trace.sha256, "width": trace.width,
        "height": trace.height, "group": note.group, "predicted": list(read.classes(prediction)),
        "outputs": {name: to_digits(value) for name, value in read.outputs(prediction).items()},
        "confidence": to_digits(prediction.confidence), "abstained": prediction.abstained, "brightness": brightness,
        "sharpness": sharpness, "seconds": round(time.perf_counter() - note.start, 6), "file": "",
    }  # fmt: skip


def open_log(settings: ServeSettings) -> PredictionLog | None:
    """The log; None: predictions are not recorded.

    Raises:
        PupilaError: images can be stored beside a log alone, or the folder can't be written.
    """
    folder = settings.log_predictions
    if folder is None:
        if settings.keep_images:
            raise PupilaError(
                say("Images are stored beside the log of predictions"), actual=f"keep_images={settings.keep_images:g}",
                expected=say("a folder for both"), remedy="--log-predictions FOLDER",
            )  # fmt: skip
        return None
    share, most = settings.keep_images, settings.keep_images_bytes
    return PredictionLog(folder, settings.log_bytes, StoredImages(folder, share, most) if share else None)
