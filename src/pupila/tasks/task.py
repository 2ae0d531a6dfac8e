"""The record that describes a task."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Task:
    """How one task differs from the others."""

    name: str
    target: Literal["class", "classes", "mask", "regions"]  # what one image's target is
