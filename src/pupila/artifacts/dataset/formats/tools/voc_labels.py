"""Pascal VOC's labels of whole images: `ImageSets/Main/cat_train.txt` has 1, -1 or 0 behind the name of each image."""

import re
from collections import defaultdict
from pathlib import PurePosixPath

from pupila.artifacts.dataset.formats.file_finder import FileFinder
from pupila.artifacts.dataset.formats.listing import Listing, Oddity, as_rows
from pupila.artifacts.dataset.formats.place import Place
from pupila.artifacts.dataset.formats.tables.split_lists import find_image
from pupila.artifacts.dataset.formats.tables.text_tables import list_lines
from pupila.artifacts.dataset.formats.tools import annotation_listing
from pupila.artifacts.dataset.reading import ReadSettings
from pupila.core import files
from pupila.core.messages import listing, say, say_count
from pupila.core.vocabulary import SPLIT_WORDS
from pupila.tasks.label_text import write_labels
from pupila.tasks.segment import SEGMENT

_NAME = re.compile(rf"(.+)_({'|'.join(SPLIT_WORDS)})\.txt", re.IGNORECASE)
_LINE = re.compile(r"(\S.*?)\s+(-1|0|1)")


def read(place: Place, settings: ReadSettings) -> Listing | None:
    """The images in VOC's XML files, or else in its lists of classes; None where there are neither."""
    source = annotation_listing.read(place, settings, "voc")
    if source is not None or (settings.layout == "auto" and place.annotations.by_tool):
        return source
    requested = settings.requested_task()
    lists = _read_class_lists(place) if requested is None or requested.target != SEGMENT.target else None
    stronger = lists and settings.layout == "auto" and annotation_listing.read_stronger(place, settings)
    return None if stronger else lists


def _read_class_lists(place: Place) -> Listing | None:
    """The images in lists named `CLASS_SPLIT.txt`; None where there are none.

    1 is present, -1 absent, and 0 (difficult to tell) unknown. Splits are those of the names.
    """
    if not place.is_folder:
        return None
    matches = [(other.subject, _NAME.fullmatch(PurePosixPath(other.subject).name)) for other in place.others]
    lists = [(path, match[1], SPLIT_WORDS[match[2].lower()]) for path, match in matches if match]
    if not lists:
        return None
    finder = FileFinder(place.root, place.images)
    labels: dict[str, dict[str, bool]] = defaultdict(dict)
    splits: dict[str, str] = {}
    oddities, difficult = [], 0
    for path, category, split in lists:
        values = _read_lines(files.join(place.root, path))
        if not values:
            return None
        for name, value in values:
            if (image := find_image(name, finder)) is None:
                oddities.append(Oddity(name, "row-without-image", say("no such file")))
                continue
            splits[image] = split
            difficult += value == "0"
            if value != "0":
                labels[image][category] = value == "1"
    if not splits:
        return None
    classes = list(dict.fromkeys(category for _, category, _ in lists))
    notes = [say("Labels of {classes} from the lists in {folder}.", classes=listing(classes),
                 folder=lists[0][0].rpartition("/")[0] or ".")]  # fmt: skip
    if difficult:
        notes.append(say_count("{n} label is 0 (difficult) and counts as unknown.",
                               "{n} labels are 0 (difficult) and count as unknown.", difficult))  # fmt: skip
    entries = [entry for entry in place.images if entry.path in splits]
    columns: dict[str, list[str | None]] = {
        "target": [write_labels(labels[e.path]) if labels[e.path] else None for e in entries],
        "given_split": [splits[e.path] for e in entries],
    }
    notes = [*place.describe_root(place.root), *notes]
    rows = as_rows(entries, columns)
    title = say("Pascal VOC lists of classes")
    return Listing(title, place.root, rows, place.home, oddities, notes, cells=True)


def _read_lines(uri: str) -> list[tuple[str, str]]:
    """The name of the image and the value in each line; none where a line is another."""
    lines = list_lines(files.read_bytes(uri))
    rows = [(match[1], match[2]) for line in lines if (match := _LINE.fullmatch(line))]
    return rows if len(rows) == len(lines) else []
