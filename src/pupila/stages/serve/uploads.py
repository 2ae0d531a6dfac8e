"""Uploaded files, and the refusals of invalid files and of a full queue."""

from pupila.artifacts.web.app import ImageUpload
from pupila.artifacts.web.refusals import RETRY_AFTER, Refusal
from pupila.core.messages import say
from pupila.imaging.images.budget import NoMemory
from pupila.imaging.images.decode import ImageFault

STATUS_BY_CODE = {
    "oversized": 413, "not-an-image": 415, "missing-extra": 415, "unreadable": 422, "truncated": 422, "empty-file": 422,
}  # fmt: skip


async def read_upload(file: ImageUpload, allowed: int) -> bytes | ImageFault:
    """The file's bytes; a file above the limit is not read into memory."""
    if (size := file.size or 0) > allowed:
        return ImageFault("oversized", say("{n} bytes; the limit is {most}", n=size, most=allowed))
    return await file.read()


def image_refused(fault: ImageFault) -> Refusal:
    """The refusal of a file that is not a usable image."""
    return Refusal(
        STATUS_BY_CODE[fault.code], say("The file is not a usable image"), fault.reason,
        say("an image in a common format, such as JPEG, PNG, WebP or TIFF"), say("send the original image file"),
    )  # fmt: skip


def queue_full(waiting: int, most: int) -> Refusal:
    """The refusal where the queue is full."""
    return Refusal(
        503, say("Queue full, try again in {n} s", n=RETRY_AFTER), say("{n} waiting images", n=waiting),
        say("at most {n}", n=most), say("send the request again"), retry_after=RETRY_AFTER,
    )  # fmt: skip


def memory_full(lack: NoMemory) -> Refusal:
    """The refusal where others hold the memory for decoding for too long."""
    return Refusal(
        503, say("No memory for decoding, try again in {n} s", n=RETRY_AFTER),
        say("{n} bytes for this image", n=lack.needed), say("at most {n} bytes for all images", n=lack.total),
        say("send the request again"), retry_after=RETRY_AFTER,
    )  # fmt: skip
