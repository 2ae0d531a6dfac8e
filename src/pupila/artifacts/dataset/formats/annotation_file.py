"""What every annotation tool writes, in COCO's terms: images, categories, and objects with outlines or boxes."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class AnnotatedImage:
    """An image that an annotation file lists."""

    file_name: str  # as the file has it: a name, a path below the root, an absolute path or a URL
    height: Any = None  # pixels, as in the file: any JSON value; None where it does not say
    width: Any = None


@dataclass(frozen=True, slots=True)
class Annotation:
    """An object, or a label of the whole image where it has neither outline nor box."""

    category: str  # its name
    segmentation: Any = None  # polygons [x, y, ...] in pixels, or run lengths {"size", "counts"}
    boxed: bool = False  # whether it has a box


@dataclass(frozen=True, slots=True)
class AnnotationFile:
    """An annotation file, looked up by image."""

    images: dict[str, AnnotatedImage]  # by id
    annotations: dict[str, list[Annotation]]  # image id to its annotations, in the order of the file
    names: list[str]  # of the categories, in the order of the file; without umbrella categories
