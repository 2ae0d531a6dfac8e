"""Images as text: base64, by itself or in a data URL."""

import binascii
import re

from pupila.core.messages import say, say_count
from pupila.imaging.images.decode import ImageFault

_FOREIGN = re.compile("[^A-Za-z0-9+/=]")


def decode_base64(text: str, most: int) -> bytes:
    """The bytes of an image file.

    Args:
        text: base64 with the standard alphabet and padding and without line breaks; before it may stand `data:` with a
            type and `;base64,`.
        most: bytes.

    Raises:
        ImageFault: `invalid-base64`, or `oversized`.
    """
    if text[:5].lower() == "data:":
        head, _, text = text.partition(",")
        if not head.lower().endswith(";base64"):
            raise ImageFault("invalid-base64", say("a data URL without `;base64,`"))
    if (size := len(text) // 4 * 3 - text[-2:].count("=")) > most:
        raise ImageFault("oversized", say("{n} bytes; the limit is {most}", n=size, most=most))
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError as fault:
        raise ImageFault("invalid-base64", _explain(text)) from fault


def _explain(text: str) -> str:
    """What is wrong with a text that is not base64."""
    if (foreign := _FOREIGN.search(text)) is not None:
        return say(
            "the character {character} at position {n}", character=repr(foreign[0]), n=foreign.start() + 1
        )
    return say_count(
        "{n} character, or = before the end: base64 has a multiple of 4, filled up with =",
        "{n} characters, or = before the end: base64 has a multiple of 4, filled up with =",
        len(text),
    )
