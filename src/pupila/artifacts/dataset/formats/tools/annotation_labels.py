"""Labels of whole images from annotation files: the categories of an image's annotations."""

from collections.abc import Mapping

from pupila.artifacts.dataset.formats.listing import UNREADABLE_LABEL, Oddity
from pupila.artifacts.dataset.formats.tables.box_rows import describe_boxes
from pupila.artifacts.dataset.formats.tools.annotation_file import Annotation, AnnotationFile
from pupila.artifacts.dataset.formats.tools.annotation_images import LocatedImage
from pupila.core.messages import listing, say, say_count
from pupila.imaging.masks.no_label import means_no_label
from pupila.tasks.label_text import write_labels


def describe_labels(annotations: list[Annotation], names: list[str], nameless: int) -> list[str]:
    """How annotations become labels.

    Args:
        annotations: of all files.
        names: of the categories of all files.
        nameless: images with annotations whose category the file does not name.
    """
    if all(annotation.is_label for annotation in annotations):
        notes = [say("The annotations are labels of whole images.")]
    elif all(annotation.is_box or annotation.is_label for annotation in annotations):
        notes = [describe_boxes()]
    else:
        notes = [say("An image has the labels of its annotations; their masks and boxes are not read.")]
    unlabelled = [name for name in dict.fromkeys(names) if not _is_class(name)]
    if unlabelled:
        notes.append(say("{names} is not a class: in an image that is annotated with it, a class without an annotation "
                         "is unknown.", names=listing(unlabelled)))  # fmt: skip
    if nameless:
        notes.append(say_count("{n} image has annotations of a category that the file does not name: its other classes "
                               "are unknown.", "{n} images have annotations of a category that the file does not name: "
                               "their other classes are unknown.", nameless))  # fmt: skip
    return notes


def read_labels(
    located: Mapping[str, LocatedImage], by_path: Mapping[str, AnnotationFile], together: bool
) -> tuple[list[str | None], list[Oddity]]:
    """The labels of the images as text, and the images with annotations of no category.

    Categories of the image's own file that no annotation of the image has are absent; those of other files are
    unknown. Records of one image are united.

    Args:
        located: the images by their path.
        by_path: the files.
        together: whether all files are about the same categories, as where each image has a file of its own.
    """
    texts: list[str | None] = []
    oddities = []
    names_of = {name: {*file.names, *file.label_names} for name, file in by_path.items()}
    if together:
        names_of = dict.fromkeys(by_path, set().union(*names_of.values()))
    for path, image in located.items():
        if not image.is_annotated(by_path):
            texts.append(None)
            continue
        present: set[str] = set()
        absent: set[str] = set()
        whole = True  # whether all of its annotations are about classes
        for name, key in image.records:
            names = names_of[name]
            categories = {annotation.category for annotation in by_path[name].annotations.get(key, [])}
            present |= {each for each in categories if each in names and _is_class(each)}
            absent |= {each for each in names if _is_class(each)}
            whole &= categories <= set(filter(_is_class, names))
            if not categories <= names:
                reason = say("an annotation has a category that the file does not name")
                oddities.append(Oddity(path, UNREADABLE_LABEL, reason))
        known = {each: each in present for each in (present | absent if whole else present)}
        texts.append(write_labels(known) if known else None)
    return texts, oddities


def _is_class(category: str) -> bool:
    return not means_no_label(category)
