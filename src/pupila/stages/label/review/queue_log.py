"""The images of a service's log: each once, with the last prediction of each model and the feedback on them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pupila.artifacts.predictions.feedback import FeedbackRecord, read_feedback
from pupila.artifacts.predictions.log import IMAGES_FOLDER, LogReading, PredictionRecord, read_predictions
from pupila.core import files
from pupila.core.disk import open_regular
from pupila.core.errors import PupilaError
from pupila.core.messages import say, say_images
from pupila.imaging.images.decode import ImageFault, ImageLimits, decode

_LIMITS = ImageLimits()


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
    named: int  # of them those whose file was stored at some time
    stored: Mapping[str, LoggedImage]  # by SHA-256
    period: tuple[
        str, str
    ]  # time of the first and of the last prediction of a stored image; empty: there is none
    unmatched: int  # statements on images that are not stored, or no longer in the log
    reading: LogReading

    def read(self, digest: str) -> bytes | None:
        """The bytes of a stored image; None where they are gone, others, or no image that can be decoded."""
        try:
            with open_regular(str(self.folder / self.stored[digest].record.file)) as stream:
                content = stream.read(_LIMITS.max_bytes + 1)
            if files.sha256(content) != digest:
                return None
            decode(content, _LIMITS)
        except (OSError, ImageFault):
            return None
        return content


def read_log(folder: str) -> ServiceLog:
    """Read the log in a folder.

    Raises:
        PupilaError: there is none.
    """
    place, reading = Path(folder), LogReading()
    present = _list_images(place)
    digests, named = set[str](), set[str]()
    stored: dict[str, LoggedImage] = {}
    sources: dict[tuple[str, int], PredictionRecord] = {}
    for record in read_predictions(place, reading):
        digests.add(record.image)
        if record.file:
            named.add(record.image)
        if record.file in present:
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
    return ServiceLog(place, len(digests), len(named), stored, (times[0], times[-1]), unmatched, reading)


def _list_images(folder: Path) -> set[str]:
    """The image files of the log, as its lines name them: regular files of that folder alone, no links."""
    try:
        with os.scandir(folder / IMAGES_FOLDER) as entries:
            return {f"{IMAGES_FOLDER}/{own.name}" for own in entries if own.is_file(follow_symlinks=False)}
    except OSError:
        return set()


def require_stored(log: ServiceLog) -> None:
    """Refuse a log without any image file.

    Raises:
        PupilaError: it has none.
    """
    if not log.stored and log.named:
        raise PupilaError(
            say("The stored images of the log are gone"),
            actual=say("{images} in the log, and no file of them in {path}", images=say_images(log.named),
                       path=log.folder / IMAGES_FOLDER),
            expected=say("the image files, beside the log"),
            remedy=say("restore them; or let the service store more of the next ones: {command}",
                       command="--keep-images-bytes N"),
        )  # fmt: skip
    if not log.stored:
        raise PupilaError(
            say("The log has no image files to review"),
            actual=say("{images} in {path}", images=say_images(log.images), path=log.folder),
            expected=say("a share of the images, stored beside it"),
            remedy="pupila serve BUNDLE --log-predictions FOLDER --keep-images share=0.02",
        )  # fmt: skip
