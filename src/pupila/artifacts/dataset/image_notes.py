"""What is left out of images as they are read, in sentences: further frames, and the lower bits of deep colours."""

import polars as pl

from pupila.core.messages import say_count
from pupila.imaging.images.decode import DEEP_COLOUR

_BLACK = 24  # mean brightness, 0..255, under which all images are almost black


def describe_images(facts: pl.DataFrame) -> list[str]:
    """A sentence for images with several frames, and one for those with more than 8 bits for each colour.

    Args:
        facts: of all images, as `read_facts` gives them.
    """
    usable = facts.filter(pl.col("fault").is_null())
    notes = []
    if several := usable.filter(pl.col("frames") > 1).height:
        notes.append(
            say_count("{n} image has several pages or frames; the first alone is read.",
                      "{n} images have several pages or frames; the first alone is read.", several)
        )  # fmt: skip
    deep = usable.filter(pl.col("mode") == DEEP_COLOUR)
    if deep.height:
        notes.append(
            say_count("{n} image has 16 bits for each colour; the upper 8 are read.",
                      "{n} images have 16 bits for each colour; the upper 8 are read.", deep.height)
        )  # fmt: skip
    dark = deep.filter(pl.col("brightness") < _BLACK).height
    if dark and 2 * dark > deep.height:
        notes.append(
            say_count("{n} of them is almost black: where it uses a part of the 16 bits, save it with 8 bits.",
                      "{n} of them are almost black: where they use a part of the 16 bits, save them with 8 bits.",
                      dark)
        )  # fmt: skip
    return notes
