"""Parquet files with the images in them, as Hugging Face stores data sets: they are unpacked into the cache once."""

import io
import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import polars as pl

from pupila.artifacts.dataset.formats.file_finder import split_from_words
from pupila.artifacts.dataset.formats.listing import LISTED, Listing, as_rows
from pupila.artifacts.dataset.formats.place import Place
from pupila.artifacts.dataset.formats.tables.table_file import COLUMN_WORDS
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.vocabulary import IMAGE_SUFFIXES, OWN_FILES, SPLIT_WORDS
from pupila.imaging.images.signatures import has_image_signature

_ROWS = "rows.parquet"  # beside the unpacked images, once all are there
_FEW_FOLDERS = 8  # that are searched whatever their names
_AT_ONCE = 256  # rows in memory
_SUFFIX = ".parquet"
_ENDINGS = {b"\x89PNG": ".png", b"\xff\xd8": ".jpg", b"RIFF": ".webp", b"GIF8": ".gif", b"BM": ".bmp"}
_HUGGING_FACE = "huggingface"  # key of the file's metadata


def read_embedded_images(place: Place) -> Listing | None:
    """The images in the Parquet files of the folder, or in the one file; None where no file holds images."""
    shards = {uri: column for uri in _list_shards(place) if (column := _find_column(uri))}
    if not shards:
        return None
    stats = [files.stat_file(place.home, files.relative(uri, place.home)) for uri in shards]
    key = [files.absolute(place.home), *((each.path, each.size, each.modified) for each in stats if each)]
    root = files.cache_folder() / "embedded" / files.sha256(json.dumps(key).encode())[:16]
    index = root / _ROWS
    if not _is_whole(root, index):
        files.write_parquet(str(index), _unpack_shards(shards, root, place.path))
    names = listing([files.relative(uri, place.home) for uri in shards], 3)
    note = say(
        "The images lie in the table and were unpacked once into the cache: {folder}.", folder=str(root)
    )
    return Listing(say("a table with images in it ({names})", names=names), str(root), pl.read_parquet(index),
                   place.home, notes=[note], cells=True, tables=tuple(shards))  # fmt: skip


def _is_whole(root: Path, index: Path) -> bool:
    """Whether everything was unpacked, and all images are still there, as they were."""
    if not index.exists():
        return False
    sizes = {entry.path: entry.size for entry in files.walk(str(root))}
    unpacked = pl.read_parquet(index, columns=["image", "bytes"]).iter_rows()
    return all(sizes.get(image) == size for image, size in unpacked)


def _unpack_shards(shards: dict[str, str], root: Path, path: str) -> pl.DataFrame:
    """The rows of the listing, whose images lie below the root then."""
    rows: list[tuple[str, dict[str, str | None]]] = []
    for number, (uri, column) in enumerate(shards.items()):
        split = split_from_words(PurePosixPath(uri).stem) or split_from_words(PurePosixPath(uri).parent.name)
        unpacked = _unpack(uri, column, root, f"{PurePosixPath(uri).stem}-{number}")
        rows += [(name, {**({"given_split": split} if split else {}), **cells}) for name, cells in unpacked]
    columns = {
        name: [row.get(name) for _, row in rows] for name in dict.fromkeys(n for _, row in rows for n in row)
    }
    entries = [entry for name, _ in rows if (entry := files.stat_file(str(root), name))]
    if len(entries) < len(rows):
        raise PupilaError(
            say("The images in {path} can't be unpacked", path=path), actual=str(root),
            expected=say("a cache folder that can be written to"), remedy="PUPILA_CACHE",
        )  # fmt: skip
    return as_rows(entries, columns)


def _list_shards(place: Place) -> list[str]:
    if not place.is_folder:
        return [place.path] if place.path.lower().endswith(_SUFFIX) else []
    below = files.list_folders(place.home)
    if len(below) > _FEW_FOLDERS:
        below = [name for name in below if name == "data" or name.lower() in SPLIT_WORDS]
    folders = [place.home, *(files.join(place.home, name) for name in below)]
    return [files.join(folder, name) for folder in folders for name in files.list_files(folder)
            if name.lower().endswith(_SUFFIX) and name not in OWN_FILES]  # fmt: skip


def _open(uri: str) -> str | io.BytesIO:
    return io.BytesIO(files.read_bytes(uri)) if files.is_remote(uri) else uri


def _find_column(uri: str) -> str | None:
    """The column of the images: bytes, or records with bytes, that begin like an image."""
    try:
        schema = pl.read_parquet_schema(_open(uri))
        likely = [name for name, kind in schema.items() if kind == pl.Binary or _has_bytes(kind)]
        if not likely:
            return None
        head = pl.read_parquet(_open(uri), columns=likely, n_rows=5)
    except (pl.exceptions.PolarsError, OSError):
        return None
    for name in likely:
        cells = [data for data, _ in _read_cells(head[name]) if data]
        if cells and all(has_image_signature(data[:16]) for data in cells):
            return name
    return None


def _has_bytes(kind: pl.DataType) -> bool:
    return isinstance(kind, pl.Struct) and any(
        f.name == "bytes" and f.dtype == pl.Binary for f in kind.fields
    )


def _read_cells(cells: pl.Series) -> Iterator[tuple[bytes | None, str]]:
    """The bytes of each image, and its path; "" where it has none."""
    for cell in cells.to_list():
        if isinstance(cell, dict):
            yield cell.get("bytes"), cell.get("path") or ""
        else:
            yield cell, ""


def _unpack(uri: str, column: str, root: Path, folder: str) -> list[tuple[str, dict[str, str | None]]]:
    """The path of each image below the root, and its other columns under our names."""
    content = _open(uri)
    classes = _read_class_names(pl.read_parquet_metadata(content))
    frame = pl.scan_parquet(content)
    count = frame.select(pl.len()).collect().item()
    ours = {word: name for name in ("target", "group", "given_split") for word in COLUMN_WORDS[name]}
    rows: list[tuple[str, dict[str, str | None]]] = []
    for start in range(0, count, _AT_ONCE):
        part = frame.slice(start, _AT_ONCE).collect()
        plain = [name for name, kind in part.schema.items() if not kind.is_nested() and kind != pl.Binary]
        records = part.select(plain).to_dicts() or [{}] * part.height
        for number, ((data, path), record) in enumerate(
            zip(_read_cells(part[column]), records, strict=True), start
        ):
            if data is None:
                raise PupilaError(
                    say("Row {n} of {path} has no image in it", n=number, path=uri),
                    actual=path or say("an empty cell"),
                    expected=say("the bytes of an image in each row"),
                )  # fmt: skip
            name = f"{folder}/{number:06d}{_ending(data, path)}"
            if not (root / name).exists() or (root / name).stat().st_size != len(data):
                files.write_to_cache(root / name, data)
            cells = {ours.get(key.lower(), f"{key}_" if key in LISTED else key): _name(classes.get(key), value)
                     for key, value in record.items()}  # fmt: skip
            rows.append((name, {**({"source": path} if path else {}), **cells}))
    return rows


def _ending(data: bytes, path: str) -> str:
    suffix = files.suffix(path)
    return suffix if suffix in IMAGE_SUFFIXES else next(
        (ending for start, ending in _ENDINGS.items() if data.startswith(start)), ".png"
    )  # fmt: skip


def _read_class_names(metadata: dict[str, str]) -> dict[str, list[str]]:
    """The names of the classes of each column, as Hugging Face keeps them beside the numbers."""
    try:
        features = json.loads(metadata.get(_HUGGING_FACE, "{}"))["info"]["features"]
    except (ValueError, KeyError, TypeError):
        return {}
    return {name: feature["names"] for name, feature in features.items()
            if isinstance(feature, dict) and isinstance(feature.get("names"), list)}  # fmt: skip


def _name(names: list[str] | None, value: object) -> str | None:
    if value is None:
        return None
    if names is not None and isinstance(value, int):
        return names[value] if 0 <= value < len(names) else None  # -1: no label
    return str(value)
