"""Files that clients send, and what they are told where one can't be answered or has to wait."""

from pupila.artifacts.web.app import Refusal, Uploaded
from pupila.core.messages import say
from pupila.imaging.images.decode import ImageFault

STATUS = {
    "oversized": 413, "not-an-image": 415, "missing-extra": 415, "unreadable": 422, "truncated": 422, "empty-file": 422,
}  # fmt: skip
_RETRY_AFTER = 1  # seconds


async def content(file: Uploaded, allowed: int) -> bytes | ImageFault:
    """The file's bytes; one with more than allowed is not even taken into memory."""
    if (size := file.size or 0) > allowed:
        return ImageFault("oversized", say("{n} bytes, allowed are {most}", n=size, most=allowed))
    return await file.read()


def unanswerable(fault: ImageFault) -> Refusal:
    """What is said of a file that is no usable image."""
    return Refusal(
        STATUS[fault.code], say("The file can't be answered"), fault.reason,
        say("a JPEG, PNG, WebP, TIFF, BMP or GIF image"), say("send the image itself, as it came"),
    )  # fmt: skip


def crowded(waiting: int, most: int) -> Refusal:
    """What is said where too many images wait already."""
    return Refusal(
        503, say("Too many images wait"), str(waiting), say("at most {n}", n=most),
        say("try again in a moment"), retry_after=_RETRY_AFTER,
    )  # fmt: skip
