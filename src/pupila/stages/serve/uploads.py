"""Uploaded files, and the refusals of invalid files, of a full queue and of predictions that are no numbers."""

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError

from pupila.artifacts.web.app import ImageUpload
from pupila.artifacts.web.refusals import RETRY_AFTER, Refusal
from pupila.core.messages import mark, say, translate
from pupila.imaging.images.budget import NoMemory
from pupila.imaging.images.decode import ImageFault

STATUS_BY_CODE = {
    "oversized": 413, "not-an-image": 415, "missing-extra": 415, "unreadable": 422, "truncated": 422, "empty-file": 422,
}  # fmt: skip
_REMEDIES = {
    "oversized": mark("send a smaller image"),
    "missing-extra": mark("send it as JPEG or PNG, or install the extra where the service runs"),
}


async def read_upload(file: ImageUpload, allowed: int) -> bytes | ImageFault:
    """The file's bytes; a file above the limit is not read into memory."""
    if (size := file.size or 0) > allowed:
        return ImageFault("oversized", say("{n} bytes; the limit is {most}", n=size, most=allowed))
    return await file.read()


def image_refused(fault: ImageFault) -> Refusal:
    """The refusal of a file that is not a usable image."""
    remedy = _REMEDIES.get(fault.code, mark("send the original image file"))
    return Refusal(
        STATUS_BY_CODE[fault.code], say("The file is not a usable image"), fault.reason,
        say("an image in a common format, such as JPEG, PNG, WebP or TIFF"), translate(remedy),
    )  # fmt: skip


class NotFinite(Refusal):
    """A prediction that is no number, which the model is to blame for and not the request."""

    def __init__(self) -> None:
        super().__init__(
            500, say("The model's output is not a finite number"), expected=say("finite probabilities"),
            remedy=say("check the bundle with `pupila evaluate`, and serve another one"),
        )  # fmt: skip


@contextmanager
def refuse_not_finite() -> Iterator[None]:
    """Refuse a response with a figure that is NaN or infinite.

    Raises:
        NotFinite: it has one.
    """
    try:
        yield
    except ValidationError as fault:
        if any(error["type"] == "finite_number" for error in fault.errors()):
            raise NotFinite from fault
        raise


def queue_full(waiting: int, most: int) -> Refusal:
    """The refusal where the queue is full."""
    return Refusal(
        503, say("Queue full, try again in {n} s", n=RETRY_AFTER), say("{n} waiting images", n=waiting),
        say("at most {n}", n=most), say("send the request again"), retry_after=RETRY_AFTER,
    )  # fmt: skip


@contextmanager
def refuse_no_memory() -> Iterator[None]:
    """Refuse an image where others hold the memory for decoding for too long.

    Raises:
        Refusal: 503.
    """
    try:
        yield
    except NoMemory as lack:
        raise Refusal(
            503, say("No memory for decoding, try again in {n} s", n=RETRY_AFTER),
            say("{n} bytes for this image", n=lack.needed), say("at most {n} bytes for all images", n=lack.total),
            say("send the request again"), retry_after=RETRY_AFTER,
        ) from lack  # fmt: skip
