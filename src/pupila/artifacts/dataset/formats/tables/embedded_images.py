"""Tables with the images in them, as Hugging Face stores data sets: they are unpacked into the cache once."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import polars as pl

from pupila.artifacts.dataset.columns import first_line, read_cached_frame
from pupila.artifacts.dataset.formats.file_finder import FileFinder
from pupila.artifacts.dataset.formats.listing import LISTED, Listing, as_rows
from pupila.artifacts.dataset.formats.place import Place
from pupila.artifacts.dataset.formats.tables.class_lists import read_mask_classes
from pupila.artifacts.dataset.formats.tables.embedded_columns import (
    EmbeddedColumns,
    choose_columns,
    read_cells,
)
from pupila.artifacts.dataset.formats.tables.features import name_class
from pupila.artifacts.dataset.formats.tables.shards import Shard, list_shards
from pupila.artifacts.dataset.formats.tables.split_columns import settle_split_column
from pupila.artifacts.dataset.formats.tables.table_file import COLUMN_WORDS
from pupila.artifacts.dataset.reading import ReadSettings
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.vocabulary import IMAGE_SUFFIXES

_VERSION = 2  # of what is unpacked
_ROWS = "rows.parquet"  # beside the unpacked images, once all are there
_ENDINGS = {b"\x89PNG": ".png", b"\xff\xd8": ".jpg", b"RIFF": ".webp", b"GIF8": ".gif", b"BM": ".bmp",
            b"II*\0": ".tif", b"MM\0*": ".tif"}  # fmt: skip
_ROLES = {word: name for name in ("group", "given_split") for word in COLUMN_WORDS[name]}
Row = dict[str, str | None]


@dataclass(frozen=True, slots=True)
class _Unpacking:
    """A table that is unpacked, and where to."""

    shard: Shard
    columns: EmbeddedColumns
    root: Path
    folder: str  # of its images, below the root
    finder: FileFinder  # of images that the table names and does not hold


def read_embedded_images(place: Place, settings: ReadSettings) -> Listing | None:
    """The images in the files of a Hugging Face data set; None where no file holds images.

    Raises:
        PupilaError: a file can't be read, an image is missing, or several columns may be the masks or the labels.
    """
    shards, broken = _choose_shards(place, settings)
    if broken and (shards or not place.images):  # else it may be a table of anything
        uri, reason = next(iter(broken.items()))
        raise PupilaError(
            say("Can't read the table {path}", path=uri),
            actual=reason,
            expected=say("a Parquet file or an Arrow stream"),
        )
    if not shards:
        return None
    root = files.cache_folder() / files.UNPACKED / _hash(place, shards)
    index = root / _ROWS
    unpacked = read_cached_frame(index)
    if unpacked is None or not _is_whole(root, unpacked):
        unpacked = _unpack_all(shards, root, place)
        files.write_parquet(str(index), unpacked)
    names = listing([files.relative(shard.uri, place.home) for shard in shards], 3)
    notes = [
        say("The images lie in the table and were unpacked once into the cache: {folder}.", folder=str(root)),
        *dict.fromkeys(note for columns in shards.values() for note in columns.notes),
    ]
    rows, decided = settle_split_column(unpacked)
    masks = any(columns.mask for columns in shards.values())
    source = Listing(say("a table with images in it ({names})", names=names), str(root), rows, place.home,
                     notes=[*notes, *decided], cells=True, tables=tuple(shard.uri for shard in shards))  # fmt: skip
    return _with_masks(source, place) if masks else source


def _choose_shards(
    place: Place, settings: ReadSettings
) -> tuple[dict[Shard, EmbeddedColumns], dict[str, str]]:
    """The files that hold images, with their columns; and why others can't be read, by their addresses."""
    shards, broken = dict[Shard, EmbeddedColumns](), dict[str, str]()
    for shard in list_shards(place):
        try:
            if (columns := choose_columns(shard, place, settings)) is not None:
                shards[shard] = columns
        except (pl.exceptions.PolarsError, OSError) as fault:
            broken[shard.uri] = first_line(fault)
    return shards, broken


def _with_masks(source: Listing, place: Place) -> Listing:
    return Listing(source.layout, source.root, source.rows, source.home, source.oddities, source.notes, "mask",
                   read_mask_classes(place.home, []), tables=source.tables)  # fmt: skip


def _hash(place: Place, shards: dict[Shard, EmbeddedColumns]) -> str:
    """Of everything that the unpacked files follow from."""
    stats = [files.stat_file(place.home, files.relative(shard.uri, place.home)) for shard in shards]
    columns = [(each.image, each.mask, each.label) for each in shards.values()]
    classes = [each.classes for each in shards.values()]
    entries = [(each.path, each.size, each.modified) for each in stats if each]
    key = [_VERSION, files.absolute(place.home), entries, columns, classes, [shard.split for shard in shards]]
    return files.sha256(json.dumps(key).encode())[:16]


def _is_whole(root: Path, unpacked: pl.DataFrame) -> bool:
    """Whether all images are still there, with as many bytes; changed ones are found where they are read."""
    for image, size in unpacked.select("image", "bytes").iter_rows():
        entry = files.stat_file(str(root), image)  # not by a walk, which is cached: images may be written
        if entry is None or entry.size != size:
            return False
    return True


def _unpack_all(shards: dict[Shard, EmbeddedColumns], root: Path, place: Place) -> pl.DataFrame:
    """The rows of the listing, whose images lie below the root then."""
    finder, rows = FileFinder(place.home), list[tuple[str, Row]]()
    for number, (shard, columns) in enumerate(shards.items()):
        folder = f"{PurePosixPath(shard.uri).stem}-{number}"
        unpacking = _Unpacking(shard, columns, root, folder, finder)
        split: Row = {"given_split": shard.split} if shard.split else {}
        rows += [(image, {**split, **cells}) for image, cells in _unpack(unpacking)]
    table = {
        name: [row.get(name) for _, row in rows] for name in dict.fromkeys(n for _, row in rows for n in row)
    }
    entries = [entry for name, _ in rows if (entry := files.stat_file(str(root), name))]
    if len(entries) < len(rows):
        raise PupilaError(
            say("The images in {path} can't be unpacked", path=place.path), actual=str(root),
            expected=say("a cache folder that can be written to"), remedy="PUPILA_CACHE",
        )  # fmt: skip
    return as_rows(entries, table)


def _unpack(table: _Unpacking) -> Iterator[tuple[str, Row]]:
    """The path of each image below the root, and its other columns under our names."""
    columns = table.columns
    for start, part in table.shard.read_parts():
        records = part.select(columns.others).to_dicts() or [{}] * part.height
        masks = read_cells(part[columns.mask]) if columns.mask else iter([(None, "")] * part.height)
        cells = zip(read_cells(part[columns.image]), masks, records, strict=True)
        for number, ((data, path), (mask, mask_path), record) in enumerate(cells, start):
            data = data or _read_outside(table, path)
            if data is None:
                raise PupilaError(
                    say("Row {n} of {path} has no image in it", n=number, path=table.shard.uri),
                    actual=path or say("an empty cell"),
                    expected=say("the bytes of an image in each row"),
                )  # fmt: skip
            row: Row = {"source": path} if path else {}
            row |= {
                _role(key, columns): _text(columns.classes.get(key), value) for key, value in record.items()
            }
            if columns.mask:
                mask = mask or _read_outside(table, mask_path)
                row["target"] = _write(table, f"{number:06d}_mask", mask, mask_path) if mask else None
            yield _write(table, f"{number:06d}", data, path), row


def _role(name: str, columns: EmbeddedColumns) -> str:
    """Our name of a column; one of the user's that has the name of ours gets another."""
    if name == columns.label:
        return "target"
    return _ROLES.get(name.lower(), f"{name}_" if name in LISTED else name)


def _read_outside(table: _Unpacking, path: str) -> bytes | None:
    """An image that lies in a file beside the table."""
    entry = table.finder.find(path, lambda _: True) if path else None
    return files.read_bytes(files.join(table.finder.root, entry.path)) if entry else None


def _write(table: _Unpacking, name: str, data: bytes, path: str) -> str:
    """Unpack one image, and return its path below the root."""
    name = f"{table.folder}/{name}{_ending(data, path)}"
    target = table.root / name
    if not target.exists() or target.stat().st_size != len(data):
        with contextlib.suppress(PupilaError):  # `_unpack_all` names a cache that can't be written to
            files.write_bytes(str(target), data)
    return name


def _ending(data: bytes, path: str) -> str:
    suffix = files.suffix(path)
    return suffix if suffix in IMAGE_SUFFIXES else next(
        (ending for start, ending in _ENDINGS.items() if data.startswith(start)), ".png"
    )  # fmt: skip


def _text(names: list[str] | None, value: object) -> str | None:
    """The cell as text, with the names of classes for numbers; lists become JSON."""
    if isinstance(value, list | dict):
        content = [name_class(names, each) for each in value] if isinstance(value, list) else value
        return json.dumps(content, ensure_ascii=False, default=str)
    named = name_class(names, value)
    return None if named is None else str(named)
