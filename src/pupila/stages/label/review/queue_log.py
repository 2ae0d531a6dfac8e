"""The images of a service's log: each once, with the last prediction of each model and the feedback on them."""

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

    by_model: dict[str, PredictionRecord] = field(
        default_factory=dict
    )  # the last one of each version, in their order
    # by token and person, the last statement of each and the prediction that it is about
    feedback: dict[tuple[str, str], tuple[FeedbackRecord, PredictionRecord]] = field(default_factory=dict)

    @property
    def record(self) -> PredictionRecord:
        """Of its last prediction."""
        return next(reversed(self.by_model.values()))


@dataclass(frozen=True, slots=True)
class ServiceLog:
    """What a log has."""

    folder: Path
    images: int  # distinct
    stored: Mapping[str, LoggedImage]  # by SHA-256
    period: tuple[
        str, str
    ]  # time of the first and of the last prediction of a stored image; empty: there is none
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
    sources: dict[tuple[str, int], PredictionRecord] = {}
    for record in read_predictions(place, reading):
        digests.add(record.image)
        if record.file.rpartition("/")[2] in present and record.file.startswith(f"{IMAGES_FOLDER}/"):
            image = stored.setdefault(record.image, LoggedImage())
            image.by_model.pop(record.model_version, None)  # so that the last prediction comes last
            image.by_model[record.model_version] = record
            sources[record.request_id, record.item] = record
    unmatched = 0
    for statement in read_feedback(place, reading):
        about = sources.get((statement.request_id, statement.item))
        if about is None:
            unmatched += 1
        else:
            stored[about.image].feedback[statement.token, statement.who] = statement, about
    times = sorted(record.time for record in sources.values()) or [""]
    return ServiceLog(place, len(digests), stored, (times[0], times[-1]), unmatched, reading)


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
