"""Masks whose own names are not their images': in a folder of the image's name, or with a number of other zeros."""

import re

from pupila.artifacts.dataset.formats.masks.stems import (
    ImageStems,
    Item,
    Matches,
    match_lone_images,
    match_stems,
)

_NUMBER = re.compile(r"(?<!\d)0+(?=\d)")


def match_folders(images: list[Item], masks: list[Item]) -> Matches | None:
    """All masks of a folder for the image that the folder is called after: `masks/0/liver.png` for `images/0.png`.

    None where a folder has no such image.
    """
    shown = [item._replace(context=_below(item.context, item.stem)) for item in images]
    matches = match_lone_images(ImageStems(shown), masks)
    return matches if matches is not None and matches.masks and not matches.unmatched else None


def match_by_numbers(images: list[Item], masks: list[Item], matches: Matches) -> Matches | None:
    """The masks whose names equal those of the images but for the zeros before their numbers: `1` for `001`.

    None where others match already, or where names without these zeros are not unique, or do not match all.

    Args:
        images: and their masks, by stem and context.
        masks: see above.
        matches: by the stems as they are.
    """
    if len(matches.masks) == len(images) or not matches.unmatched:
        return None
    short = [[item._replace(stem=_NUMBER.sub("", item.stem)) for item in items] for items in (images, masks)]
    if short == [images, masks]:
        return None
    if any(len({(item.context, item.stem) for item in items}) < len(items) for items in short):
        return None
    numbered = match_stems(ImageStems(short[0]), short[1])
    return numbered if len(numbered.masks) == len(images) and not numbered.unmatched else None


def _below(context: str, stem: str) -> str:
    return f"{context}{stem}" if not context or context.endswith(":") else f"{context}/{stem}"
