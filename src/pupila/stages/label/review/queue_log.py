"""The images of a service's log: each once, with its last prediction and the feedback on it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pupila.artifacts.predictions.feedback import FeedbackRecord, read_feedback
from pupila.artifacts.predictions.log import IMAGES_FOLDER, LogReading, PredictionRecord, read_predictions
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say, say_images


@dataclass(slots=True)
class LoggedImage:
    """An image file that the service stored."""

    record: PredictionRecord  # of its last prediction
    feedback: dict[str, FeedbackRecord] = field(default_factory=dict)  # the last one by each person


@dataclass(frozen=True, slots=True)
class ServiceLog:
    """What a log has."""

    folder: Path
    images: int  # distinct
    stored: Mapping[str, LoggedImage]  # by SHA-256
    unmatched: int  # statements on images that are not stored, or no longer in the log
    reading: LogReading

    def read(self, digest: str) -> bytes | None:
        """The bytes of a stored image; None where they are gone or others."""
        try:
            content = (self.folder / self.stored[digest].record.file).read_bytes()
        except OSError:
            return None
        return content if files.sha256(content) == digest else None


def read_log(folder: str) -> ServiceLog:
    """Read the log in a folder.

    Raises:
        PupilaError: there is none.
    """
    place, reading = Path(folder), LogReading()
    try:
        present = {path.name for path in (place / IMAGES_FOLDER).iterdir()}
    except OSError:
        present = set()
    digests: set[str] = set()
    stored: dict[str, LoggedImage] = {}
    sources: dict[tuple[str, int], str] = {}
    for record in read_predictions(place, reading):
        digests.add(record.image)
        if record.file.rpartition("/")[2] in present and record.file.startswith(f"{IMAGES_FOLDER}/"):
            stored[record.image] = LoggedImage(record)
            sources[record.request_id, record.item] = record.image
    unmatched = 0
    for statement in read_feedback(place, reading):
        digest = sources.get((statement.request_id, statement.item))
        if digest is None:
            unmatched += 1
        else:
            stored[digest].feedback[statement.who] = statement
    return ServiceLog(place, len(digests), stored, unmatched, reading)


def require_stored(log: ServiceLog) -> None:
    """Refuse a log without any image file.

    Raises:
        PupilaError: it has none.
    """
    if not log.stored:
        raise PupilaError(
            say("The log has no image files to review"),
            actual=say("{images} in {path}", images=say_images(log.images), path=log.folder),
            expected=say("a share of the images, stored beside it"),
            remedy="pupila serve BUNDLE --log-predictions FOLDER --keep-images share=0.02",
        )  # fmt: skip
