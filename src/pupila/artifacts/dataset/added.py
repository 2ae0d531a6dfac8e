"""Images that Pupila adds to a data set of any layout, such as those of a service: in a folder of their own.

`pupila-images/added.jsonl` has a line for each; they are unlabelled until the label history has a label for them.
"""

from collections.abc import Sequence
from dataclasses import replace

import polars as pl
from pydantic import Field, ValidationError

from pupila.artifacts.dataset.formats.listing import Listing, Oddity, as_rows
from pupila.core import files
from pupila.core.json_text import dump_json
from pupila.core.messages import say, say_count
from pupila.core.records import Record
from pupila.core.vocabulary import ADDED_FOLDER

ADDED_FILE = f"{ADDED_FOLDER}/added.jsonl"
_DIGITS = 16  # of a hash in a file name


class AddedImage(Record):
    """One image."""

    image: str = Field(description="path relative to the folder of the data set's own files")
    sha256: str
    group: str = Field(default="", description="of related images; empty: none is known")
    at_random: bool = Field(
        description="whether it was drawn at random; else it was chosen for its prediction"
    )
    time: str = Field(description="ISO 8601 in UTC")


def read_added(home: str) -> list[AddedImage]:
    """The images that were added; a damaged line is left out, and its image is an oddity of the data."""
    uri = files.join(home, ADDED_FILE)
    if not files.exists(uri):
        return []
    added = {}
    for line in files.read_bytes(uri).splitlines():
        try:
            image = AddedImage.model_validate_json(line)
        except ValidationError:
            continue
        added[image.sha256] = image
    return list(added.values())


def add_images(home: str, images: Sequence[tuple[AddedImage, bytes]]) -> None:
    """Store the files, then their lines; what is there already is not added twice.

    Args:
        home: folder of the data set's own files.
        images: each with the bytes of its file; none has the bytes of another image of the data set.

    Raises:
        PupilaError: the folder can't be written to.
    """
    known = {image.sha256 for image in read_added(home)}
    lines = []
    for image, content in images:
        if image.sha256 in known:
            continue
        known.add(image.sha256)
        files.write_bytes(files.join(home, image.image), content)
        lines.append(dump_json(image.model_dump(mode="json")).encode() + b"\n")
    if lines:
        files.append(files.join(home, ADDED_FILE), b"".join(lines))


def added_path(digest: str, suffix: str) -> str:
    """The path of an image with this SHA-256, for `AddedImage`."""
    return f"{ADDED_FOLDER}/{digest[:_DIGITS]}{suffix}"


def list_added(source: Listing, home: str) -> Listing:
    """The listing with the images that were added to it.

    Args:
        source: as its layout's reader gives it.
        home: folder of the data set's own files.
    """
    listed = set(source.rows["image"])
    entries, groups, gone = [], [], []
    for folder in dict.fromkeys((source.home, home)):
        added = read_added(folder)
        beside = bool(added) and files.absolute(folder) == files.absolute(source.root)
        for image in added:
            path = image.image if beside else files.absolute(files.join(folder, image.image))
            if path in listed:
                continue
            if (entry := files.stat_file(source.root, path)) is None:
                gone.append(Oddity(path, "row-without-image", say("the file was deleted after it was added")))
                continue
            listed.add(path)
            entries.append(entry)
            groups.append(image.group or None)
    if not entries and not gone:
        return source
    rows = pl.concat([source.rows, as_rows(entries, {"group": groups})], how="diagonal_relaxed")
    note = say_count(
        "{n} image was added by pupila label queue.",
        "{n} images were added by pupila label queue.",
        len(entries),
    )
    return replace(source, rows=rows, notes=[*source.notes, note], oddities=[*source.oddities, *gone])
