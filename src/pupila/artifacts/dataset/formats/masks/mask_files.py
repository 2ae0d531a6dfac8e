"""Several mask files of one image as one target: a file or page for each class or object.

The target is JSON: `[["masks/a_lesion.png", "lesion", 0], ["masks/a_vessel.png", "vessel", 0]]`. Files without a
category are objects of the foreground; later classes lie on top of earlier ones.
"""

import json
from dataclasses import astuple, dataclass

from pupila.core.messages import say_count


@dataclass(frozen=True, slots=True)
class MaskFile:
    """A page of a mask file, and what its marked pixels are."""

    path: str  # below the root
    category: str | None = None  # the class of its marked pixels; None: one object of the foreground
    page: int = 0


def write_mask_files(mask_files: list[MaskFile]) -> str:
    """The target of an image with these mask files, the lowest first."""
    return json.dumps([astuple(each) for each in mask_files], ensure_ascii=False)


def read_mask_files(target: str) -> list[MaskFile] | None:
    """What `write_mask_files` wrote; None for any other target."""
    return [MaskFile(*each) for each in json.loads(target)] if target.startswith("[[") else None


def describe_target(target: str) -> str:
    """The target of an image in words: the path of its mask, or of the first and how many more."""
    mask_files = read_mask_files(target)
    if mask_files is None:
        return target
    rest = len(mask_files) - 1
    first = mask_files[0].path
    return say_count("{path} and {n} more", "{path} and {n} more", rest, path=first) if rest else first
