"""The images that annotation files list: where they lie, and their splits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath

from pupila.artifacts.dataset.formats.file_finder import FileFinder, split_from_path, split_from_words
from pupila.artifacts.dataset.formats.listing import Oddity
from pupila.artifacts.dataset.formats.masks.panoptic import Segment
from pupila.artifacts.dataset.formats.tools.annotation_file import TAG, AnnotationFile
from pupila.core import files
from pupila.core.messages import listing, say, say_count


@dataclass(frozen=True, slots=True)
class LocatedImage:
    """An image that exists, and its records."""

    entry: files.FileEntry
    records: list[tuple[str, str]]  # file and image id; a mask is drawn from the first one
    splits: list[str | None]  # of each of them

    @property
    def split(self) -> str | None:
        """That of the first record."""
        return self.splits[0]

    @property
    def targets(self) -> list[str]:
        """Of its records."""
        return [f"{name}#{key}" for name, key in self.records]

    def is_annotated(self, by_path: Mapping[str, AnnotationFile]) -> bool:
        """Whether it has annotations in these files, or they say that there is nothing to annotate."""
        return any(
            by_path[name].images[key].annotated or by_path[name].annotations.get(key)
            for name, key in self.records
        )

    def is_drawn(self, by_path: Mapping[str, AnnotationFile]) -> bool:
        """Whether these files say where its classes are; labels of the whole image alone do not."""
        return any(
            by_path[name].images[key].annotated
            or any(each.shape != TAG for each in by_path[name].annotations.get(key, []))
            for name, key in self.records
        )


def locate_images(
    finder: FileFinder, by_path: Mapping[str, AnnotationFile], each_image: bool
) -> tuple[dict[str, LocatedImage], list[Oddity]]:
    """The existing images by their path, and the oddities.

    Args:
        finder: of files below the root.
        by_path: the annotation files.
        each_image: whether each image has a file of its own: then words of the file's name are no splits.
    """
    located: dict[str, LocatedImage] = {}
    oddities = []
    for name, file in by_path.items():
        folder = name.rpartition("/")[0]
        given = split_from_path(name) if each_image else split_from_words(name)
        for key, record in file.images.items():
            split = record.split or given
            file_name = record.file_name.replace("\\", "/")
            fits = partial(_fits, split=split, root=finder.root, masks=mask_files(file, key))
            candidates = (finder.find(each, partial(fits, file_name=each), beside=folder)
                          for each in (file_name, *record.fallbacks))  # fmt: skip
            entry = next(filter(None, candidates), None) or finder.find_upload(file_name)
            if entry is None:
                oddities.append(
                    Oddity(file_name or f"{name}#{key}", "row-without-image", finder.explain(file_name))
                )
                continue
            if each_image and split is None:
                split = split_from_path(entry.path)
            image = located.setdefault(entry.path, LocatedImage(entry, [], []))
            image.records.append((name, key))
            image.splits.append(split)
        lost = [key for key in file.annotations if key not in file.images]
        oddities += [
            Oddity(f"{name}#{key}", "row-without-image", say("annotations without an image in the file"))
            for key in lost
        ]
    return located, oddities


def describe_overlap(located: Mapping[str, LocatedImage]) -> str:
    """A sentence about images that files list in several splits; empty where there are none."""
    several = [image for image in located.values() if len({*image.splits} - {None}) > 1]
    splits = sorted({split for image in several for split in image.splits if split})
    return say_count("{n} image is listed in several splits ({splits}), of which the first counts.",
                     "{n} images are listed in several splits ({splits}), of which the first counts.",
                     len(several), splits=listing(splits)) if several else ""  # fmt: skip


def describe_other_stems(located: Mapping[str, LocatedImage], images: Sequence[files.FileEntry]) -> str:
    """A sentence about files that name another image than the one of their own name; empty where there are none.

    Args:
        located: the annotated images, with one file each.
        images: all images.
    """
    stems = {PurePosixPath(entry.path).stem for entry in images}
    other = [(name, path) for path, image in located.items() for name, _ in image.records
             if (stem := PurePosixPath(name).stem) != PurePosixPath(path).stem and stem in stems]  # fmt: skip
    return say_count("{n} annotation file names another image than the one of its own name, such as {path} in {file}: "
                     "what it names counts.", "{n} annotation files name other images than those of their own names, "
                     "such as {path} in {file}: what they name counts.",
                     len(other), path=other[0][1], file=other[0][0]) if other else ""  # fmt: skip


def mask_files(file: AnnotationFile, key: str) -> set[str]:
    """Where the masks of the segments of an image may lie."""
    segments = [each.segmentation for each in file.annotations.get(key, [])]
    return {uri for each in segments if isinstance(each, Segment) for uri in each.uris}


def _fits(hit: str, file_name: str, split: str | None, root: str, masks: set[str]) -> bool:
    """Whether the file's path ends as the record says, or lies in the folder of the record's split; masks don't."""
    if masks and files.join(root, hit) in masks:
        return False
    if "/" in file_name:
        return f"/{hit}".endswith(f"/{file_name}")
    return split is not None and split_from_words(str(PurePosixPath(hit).parent)) == split
