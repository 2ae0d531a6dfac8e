"""What every annotation tool writes, in COCO's terms: images, categories, and objects with outlines or boxes."""

import reprlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say

RECTANGLE = "rectangle"  # `Annotation.shape` of an outline that was drawn as a box
UNLABELLED = (
    "unlabeled"  # `Annotation.category` where the file names none: one of the names that are no class
)
_LARGEST = 10**15  # number that may be the name of a class
TAG = "tag"  # `Annotation.shape` of a label of the whole image


@dataclass(frozen=True, slots=True)
class AnnotatedImage:
    """An image that an annotation file lists."""

    file_name: str  # as the file has it: a name, a path below the root, an absolute path or a URL
    height: Any = None  # pixels, as in the file: any JSON value; None where it does not say
    width: Any = None
    split: str | None = None  # where the file says so
    annotated: bool = True  # whether no annotations mean that it shows nothing; else it is unlabelled
    fallbacks: tuple[str, ...] = ()  # other names that it may have


@dataclass(frozen=True, slots=True)
class Annotation:
    """An object, or a label of the whole image where it has neither outline nor box."""

    category: str  # its name
    segmentation: Any = (
        None  # polygons [x, y, ...] in pixels, or run lengths {"size", "counts"}, or what makes them
    )
    boxed: bool = False  # whether it has a box
    shape: str = ""  # in the file's word, where it is no plain outline: "rectangle", "tag", "point", ...

    @property
    def is_box(self) -> bool:
        """Whether a box is all that is known of its place."""
        return self.shape == RECTANGLE or (self.boxed and not self.segmentation)

    @property
    def is_label(self) -> bool:
        """Whether it is about the whole image."""
        return not self.segmentation and not self.boxed and self.shape in ("", TAG)

    @property
    def has_no_area(self) -> bool:
        """Whether it is a point, a line or a tag: there is nothing to draw."""
        return bool(self.shape) and not self.segmentation and not self.boxed


@dataclass(frozen=True, slots=True)
class AnnotationFile:
    """An annotation file, looked up by image."""

    images: dict[str, AnnotatedImage]  # by id
    annotations: dict[str, list[Annotation]]  # image id to its annotations, in the order of the file
    names: list[str]  # of the categories, in the order of the file; without umbrella categories
    label_names: list[str] = field(default_factory=list)  # of categories that only whole images have
    notes: list[str] = field(default_factory=list)  # sentences for the user
    # By the attribute that names the classes, where several may: then the file itself is empty.
    readings: dict[str, "AnnotationFile"] = field(default_factory=dict)

    def locate(self, key: str) -> tuple["AnnotationFile", str] | None:
        """The reading and its id that a key means, `ID` or `ATTRIBUTE#ID`; None where there is no such image."""
        if key in self.images:
            return self, key
        for attribute, reading in self.readings.items():
            if (inner := key.removeprefix(f"{attribute}#")) != key and inner in reading.images:
                return reading, inner
        return None

    @property
    def all_annotations(self) -> list[Annotation]:
        """Those of all images."""
        return [annotation for some in self.annotations.values() for annotation in some]


class ClassNameFault(ValueError):
    """What stands for the name of a class is none: `true`, NaN, a list. The argument is its text, for the user."""


def class_name(raw: Any) -> str:
    """The name of a class as a file has it; where it has none, the pixels have no label.

    Raises:
        ClassNameFault: it is neither a text nor a plain number.
    """
    if raw is None or not str(raw).strip():
        return UNLABELLED
    if not names_class(raw):
        raise ClassNameFault(reprlib.repr(raw))
    return str(raw).strip()


def names_class(raw: Any) -> bool:
    """Whether a value of a file can name a class: a text or a plain number, as some tools write ids."""
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        return -_LARGEST < raw < _LARGEST  # neither NaN nor infinite
    return isinstance(raw, str)


def describe_shared_names(names: Iterable[str], uri: str) -> list[str]:
    """A note where several categories of a file have one name."""
    shared = [name for name, count in Counter(names).items() if count > 1]
    return [
        say("{path}: several categories have the name {names} and are one class.", path=uri, names=listing(shared))
    ] if shared else []  # fmt: skip


def dictionaries(raw: Any) -> list[dict[str, Any]]:
    """Those of a list; none where it is something else."""
    return [each for each in raw if isinstance(each, dict)] if isinstance(raw, list) else []


def region_records(raw: list[Any], uri: str) -> list[dict[str, Any]]:
    """The records of the regions of an image.

    Raises:
        PupilaError: one is something else: an object would count as background.
    """
    wrong = [each for each in raw if not isinstance(each, dict)]
    if wrong:
        raise PupilaError(
            say("Can't read a region in {path}", path=uri), actual=reprlib.repr(wrong[0]),
            expected=say("a record in braces"), remedy=say("export the annotations again"),
        )  # fmt: skip
    return raw


def no_annotations(path: str, content: str) -> PupilaError:
    """The error where the user named a file of tasks that nobody has annotated.

    Args:
        path: of the file.
        content: what it holds instead, in words.
    """
    return PupilaError(
        say("There are no annotations in {path}", path=path), actual=content,
        expected=say("submitted annotations"), remedy=say("annotate the tasks, and export them again"),
    )  # fmt: skip


def to_int(raw: Any) -> Any:
    """A whole number that is written with a point as an integer, and anything else as it is."""
    return int(raw) if isinstance(raw, float) and raw.is_integer() else raw
