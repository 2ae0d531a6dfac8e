"""The refusals of invalid images, of images without memory and of figures that are none."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

from pydantic import ValidationError

from pupila.artifacts.web.reasons import Reason
from pupila.artifacts.web.refusals import RETRY_AFTER, RETRY_LATER, Refusal
from pupila.core.messages import mark, say, translate
from pupila.imaging.images.budget import NoMemory
from pupila.imaging.images.decode import ImageFault

Read = Callable[[], bytes]  # an image file's bytes, or an ImageFault
_FORMATS = mark("an image in a common format, such as JPEG, PNG, WebP or TIFF")
_REMEDIES = {
    "oversized": mark("send a smaller image"),
    "missing-extra": mark("send it as JPEG or PNG, or install the extra where the service runs"),
    "invalid-base64": mark(
        "let a library encode the file, or send it as a multipart form or a raw image body"
    ),
}
_EXPECTED = {"invalid-base64": mark("base64 of an image file, or a data URL with it")}


def image_refused(fault: ImageFault) -> Refusal:
    """The refusal of a file that is not a usable image."""
    remedy = _REMEDIES.get(fault.code, mark("send the original image file"))
    return Refusal(
        cast(Reason, fault.code), say("The file is not a usable image"), fault.reason,
        translate(_EXPECTED.get(fault.code, _FORMATS)), translate(remedy),
    )  # fmt: skip


class NotFinite(Refusal):
    """A prediction that is no number, which the model is to blame for and not the request."""

    def __init__(self) -> None:
        super().__init__(
            "not-finite", say("The model's output is not a finite number"), expected=say("finite probabilities"),
            remedy=say("check the bundle with `pupila evaluate`, and serve another one"),
        )  # fmt: skip


def check_finite(figure: float) -> None:
    """Refuse a prediction with a figure that is NaN or infinite.

    Raises:
        NotFinite: this one is.
    """
    if not math.isfinite(figure):
        raise NotFinite


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
            "no-memory", say("No memory for decoding, try again in {n} s", n=RETRY_AFTER),
            say("{n} bytes for this image", n=lack.needed), say("at most {n} bytes for all images", n=lack.total),
            say("send the request again"), RETRY_LATER,
        ) from lack  # fmt: skip
