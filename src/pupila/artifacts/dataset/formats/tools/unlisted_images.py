"""Images in other folders than those that annotation files list: a split without annotations, or left out."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

from pupila.artifacts.dataset.formats.file_finder import split_from_path, split_from_words
from pupila.artifacts.dataset.formats.masks.folder_names import hint
from pupila.artifacts.dataset.formats.place import Place
from pupila.core import files
from pupila.core.messages import integer, listing, say_count

_SHOWN = 4  # folders that a note names


@dataclass(slots=True)
class OtherImages:
    """Images of splits that no annotation file is about, and notes on these and on further ones."""

    entries: list[files.FileEntry] = field(default_factory=list)
    splits: list[str] = field(default_factory=list)  # of each of them
    notes: list[str] = field(default_factory=list)


def find_other_images(
    place: Place, listed: Collection[str], splits: Collection[str | None], masks: Collection[str]
) -> OtherImages:
    """The images in folders of which no image is annotated.

    Args:
        place: folder or file of the data.
        listed: paths of the annotated images, below the root of the annotations.
        splits: of these images.
        masks: addresses of images that the annotations refer to as masks.
    """
    images = OtherImages()
    if not place.is_folder or any(path.startswith(("/", "../")) for path in listed):
        return images
    root = place.annotations.root
    folders = {path.rpartition("/")[0] for path in listed}
    named = {*splits} - {None}
    unread: Counter[str] = Counter()
    for entry in place.images_by_annotations:
        folder = entry.path.rpartition("/")[0]
        if folder in folders or files.join(root, entry.path) in masks:
            continue
        split = split_from_path(entry.path) or split_from_words(folder)
        if (
            split
            and named
            and split not in named
            and not any(hint(part) == "mask" for part in folder.split("/"))
        ):
            images.entries.append(entry)
            images.splits.append(split)
        else:
            unread[folder or "."] += 1
    for split, count in Counter(images.splits).items():
        images.notes.append(say_count(
            "{n} image of {split} is unlabelled: no annotation file that is read lists it.",
            "{n} images of {split} are unlabelled: no annotation file that is read lists them.", count, split=split,
        ))  # fmt: skip
    if unread:
        shown = [f"{folder} {integer(count)}" for folder, count in unread.most_common()]
        images.notes.append(say_count(
            "{n} image is left out: no annotation file that is read lists any of its folder ({folders}).",
            "{n} images are left out: no annotation file that is read lists any of their folders ({folders}).",
            unread.total(), folders=listing(shown, _SHOWN),
        ))  # fmt: skip
    return images
