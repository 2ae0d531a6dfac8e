"""Several mask files of one image as one target: a file or page for each class or object.

The target is JSON: `[["masks/a_lesion.png", "lesion", 0], ["masks/a_vessel.png", "vessel", 0]]`.
"""

import json
from dataclasses import astuple, dataclass


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
