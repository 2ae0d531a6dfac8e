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
from pupila.artifacts.predictions.log import PREDICTIONS_FILE, PredictionRecord
from pupila.artifacts.predictions.outputs import RECORDED
from pupila.core.errors import PupilaError
from pupila.core.files import sha256
from pupila.core.json_lines import JsonLines
from pupila.core.messages import say
from pupila.imaging.images.appearance import measure_appearance
from pupila.imaging.images.preprocess import Preprocessing
from pupila.stages.serve.settings import ServeSettings
from pupila.stages.serve.stored_images import StoredImages
from pupila.statistics.drift.observations import to_digits
from pupila.tasks.task import PreprocessedImage

_log = logging.getLogger("uvicorn.error")
_MOST_WAITING = 1_000  # records; of more the line alone is written, without image file and monitoring
_PATIENCE = 5.0  # seconds that the end waits
_PAUSE = 0.1  # seconds in which records are gathered


class Monitor(Protocol):
    """What takes in the records of a service, in the thread of its log."""

    def start(self) -> None:
        """Take in what the log has already."""

    def add(self, record: PredictionRecord, bundle: Bundle) -> None:
        """Take in a record of the bundle."""


@dataclass(frozen=True, slots=True)
class RequestNote:
    """What the log says of a request."""

    request_id: str
    group: str  # of related images, as the client names it; empty: none
    start: float  # of the clock, seconds


@dataclass(frozen=True, slots=True)
class ImageTrace:
    """What the log says of an image, whatever is predicted for it."""

    note: RequestNote
    item: int  # number of the image in its request
    sha256: str
    content: bytes  # of the file; empty: it is not stored
    height: int  # of the upright image, pixels
    width: int
    appearance: tuple[float, float] | None  # brightness and sharpness; None: of a promptable model


class PredictionLog:
    """The log of a service.

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
        self.unmonitored = 0  # records that came faster than they could be monitored
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, monitor: Monitor | None = None) -> None:
        """Begin to write, and to have the records monitored."""
        self._thread = threading.Thread(
            target=self._work, args=(monitor,), daemon=True, name=f"recording {self.folder}"
        )
        self._thread.start()

    def trace(
        self, note: RequestNote, item: int, content: bytes, image: PreprocessedImage, spec: Preprocessing
    ) -> ImageTrace:
        """What is known of an image that waits for the model; in a thread."""
        appearance = measure_appearance(image.inputs, spec)
        digest = sha256(content)
        stored = content if self.stores(digest) else b""
        return ImageTrace(note, item, digest, stored, image.height, image.width, appearance)

    def stores(self, digest: str) -> bool:
        """Whether the image file of this SHA-256 is stored."""
        return self._images is not None and self._images.takes(digest)

    def write(self, trace: ImageTrace, prediction: Any, bundle: Bundle, embedding: list[float]) -> None:
        """Record a prediction; returns at once.

        Args:
            trace: of the image.
            prediction: of the task; without a finite confidence it is a fault of the model, and not recorded.
            bundle: that predicted it.
            embedding: projected.
        """
        if not isfinite(prediction.confidence):
            return
        note, read = trace.note, RECORDED[bundle.info.task]
        brightness, sharpness = trace.appearance or (None, None)
        record = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"), "request_id": note.request_id,
            "item": trace.item, "model_version": bundle.hash, "image": trace.sha256, "width": trace.width,
            "height": trace.height, "group": note.group, "predicted": list(read.classes(prediction)),
            "outputs": {name: to_digits(value) for name, value in read.outputs(prediction).items()},
            "confidence": to_digits(prediction.confidence), "abstained": prediction.abstained,
            "brightness": brightness and to_digits(brightness), "sharpness": sharpness and to_digits(sharpness),
            "embedding": embedding, "seconds": round(time.perf_counter() - note.start, 6), "file": "",
        }  # fmt: skip
        try:
            self._waiting.put_nowait((record, trace.content, bundle))
        except Full:
            self.unmonitored += 1
            self._lines.write(record)

    def close(self) -> None:
        """Write what waits, and end."""
        if self._thread is not None and self._thread.is_alive():
            self._closing.set()
            with contextlib.suppress(Full):
                self._waiting.put(None, timeout=_PATIENCE)
                self._thread.join(_PATIENCE)
        self._lines.close()

    def _work(self, monitor: Monitor | None) -> None:
        """In a thread: store images, write lines and have them monitored, until the end."""
        guarded = _Guarded(monitor)
        guarded.start()
        ended = False
        while not ended:
            entries = [self._waiting.get()]
            self._closing.wait(_PAUSE)  # so that a busy service does not wake this thread for each record
            entries += [self._waiting.get() for _ in range(self._waiting.qsize())]
            for entry in entries:
                if entry is None:
                    ended = True
                    break
                record, content, bundle = entry
                if content and self._images is not None:
                    record["file"] = self._images.store(record["image"], content)
                self._lines.write(record)
                guarded.add(record, bundle)


class _Guarded:
    """A monitor whose failure ends the monitoring, in words, and not the log."""

    def __init__(self, monitor: Monitor | None) -> None:
        self._monitor = monitor

    def start(self) -> None:
        self._run(lambda monitor: monitor.start())

    def add(self, record: dict[str, Any], bundle: Bundle) -> None:
        self._run(lambda monitor: monitor.add(PredictionRecord.model_construct(**record), bundle))

    def _run(self, work: Callable[[Monitor], None]) -> None:
        if self._monitor is None:
            return
        try:
            work(self._monitor)
        except Exception:  # noqa: BLE001 -- whatever fails, the log continues
            _log.exception(say("Drift is no longer monitored, for a fault of Pupila's own."))
            self._monitor = None


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
