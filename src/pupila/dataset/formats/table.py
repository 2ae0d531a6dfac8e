"""Tables of images and labels: CSV, Parquet, JSON lines, and Hugging Face's metadata files."""

import io
import re
from pathlib import PurePosixPath
from typing import Any

import polars as pl

from pupila import files
from pupila.dataset.formats.folder import sort_out
from pupila.dataset.formats.listing import LISTED, Listing, Oddity, as_rows
from pupila.errors import PupilaError
from pupila.messages import listing, say
from pupila.settings import unknown
from pupila.vocabulary import IMAGE_SUFFIXES, OWN_FILES, SPLIT_WORDS

TABLE_SUFFIXES = (".csv", ".tsv", ".parquet", ".jsonl", ".ndjson")
# What other people call our columns, the first that occurs counts.
COLUMN_WORDS = {
    "image": ("image", "file_name", "filename", "file", "path", "image_path", "filepath", "image_id", "img"),
    "target": ("label", "target", "class", "category", "labels", "class_name"),
    "group": ("group",),
    "given_split": ("split", "given_split"),
}
_METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")


def read(path: str) -> Listing | None:
    """The rows of a table, or of the one table (or metadata file) that a folder holds."""
    if files.is_folder(path):
        tables = _tables_in(path.rstrip("/"))
        home = path
    elif path.lower().endswith(TABLE_SUFFIXES):
        tables, home = (
            [path],
            str(PurePosixPath(path).parent) if not files.is_remote(path) else path.rsplit("/", 1)[0],
        )
    else:
        return None
    if not tables:
        return None
    root = home.rstrip("/") or "/"
    frames = [_named(read_table(table), table, root) for table in tables]
    frame = pl.concat(frames, how="diagonal")
    return _listing(frame, root, [files.relative(table, root) for table in tables])


def _tables_in(folder: str) -> list[str]:
    """The metadata files (also one per split folder), else the table or train/test tables of the folder."""
    here = files.entries(folder)
    for name in _METADATA:
        if name in here:
            return [files.join(folder, name)]
        below = [sub for sub in files.folders(folder) if sub.lower() in SPLIT_WORDS]
        found = [files.join(folder, f"{sub}/{name}") for sub in below]
        found = [uri for uri in found if files.exists(uri)]
        if found:
            return found
    tables = [name for name in here if name.lower().endswith(TABLE_SUFFIXES) and name not in OWN_FILES]
    fitting = [files.join(folder, name) for name in tables if _fits(files.join(folder, name))]
    stems = {PurePosixPath(name).stem.lower() for name in fitting}
    if len(fitting) > 1 and not stems <= set(SPLIT_WORDS):
        raise PupilaError(
            say("Several tables of images in {path}", path=folder),
            found=listing([files.relative(t, folder) for t in fitting]), wanted=say("one"),
            remedy=say("name the table itself instead of the folder"),
        )  # fmt: skip
    return fitting


def _fits(table: str) -> bool:
    try:
        columns = {name.strip().lower() for name in read_table(table).columns}
    except PupilaError:
        return False
    has = {ours for ours, words in COLUMN_WORDS.items() if columns & set(words)}
    return {"image", "target"} <= has


def read_table(uri: str) -> pl.DataFrame:
    """Every column as text, so that a class `01` stays `01`; blank cells are null.

    Raises:
        PupilaError: the file is no such table.
    """
    try:
        data = files.read_bytes(uri)
        if uri.lower().endswith(".parquet"):
            frame = pl.read_parquet(io.BytesIO(data))
        elif uri.lower().endswith((".jsonl", ".ndjson")):
            frame = pl.read_ndjson(io.BytesIO(data), infer_schema_length=None)
        else:
            text = _text(data)
            frame = pl.read_csv(
                io.BytesIO(text.encode()),
                separator=_separator(text),
                infer_schema=False,
                truncate_ragged_lines=True,
            )
        frame = frame.rename({name: name.strip() for name in frame.columns})
    except (pl.exceptions.PolarsError, OSError) as fault:
        raise PupilaError(
            say("Can't read the table {path}", path=uri), found=str(fault).splitlines()[0],
            wanted=say("CSV, Parquet or JSON lines"),
        ) from fault  # fmt: skip
    plain = [name for name, kind in frame.schema.items() if not kind.is_nested()]
    return frame.select(plain).with_columns(pl.col(plain).cast(pl.String, strict=False))


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _separator(text: str) -> str:
    header = text.split("\n", 1)[0]
    return max(",;\t|", key=header.count)


def _named(frame: pl.DataFrame, table: str, root: str) -> pl.DataFrame:
    """Our names for the columns, paths relative to the root, and the split that the table's own place names."""
    lower: dict[str, str] = {}
    for name in frame.columns:
        lower.setdefault(name.lower(), name)
    ours: dict[str, str] = {}
    for column, words in COLUMN_WORDS.items():
        theirs = next((lower[word] for word in words if word in lower), None)
        if theirs is not None and theirs not in ours:
            ours[theirs] = column
    if "image" not in ours.values():
        raise PupilaError(
            say("The table {path} has no image column", path=table), found=listing(frame.columns, 8),
            wanted=", ".join(COLUMN_WORDS["image"]), remedy=unknown("image", frame.columns),
        )  # fmt: skip
    clash = [name for name in frame.columns if name not in ours and name in LISTED]
    frame = frame.rename({**{name: f"{name}_" for name in clash}, **ours})
    folder = files.relative(table, root).rpartition("/")[0]
    place = folder or PurePosixPath(table).stem
    if "given_split" not in frame.columns and place.lower() in SPLIT_WORDS:
        frame = frame.with_columns(given_split=pl.lit(SPLIT_WORDS[place.lower()]))
    image = pl.col("image").str.strip_chars().str.replace_all("\\", "/", literal=True)
    image = pl.when(image != "").then(image)  # a blank cell stays null
    return frame.with_columns(image=pl.concat_str(pl.lit(f"{folder}/" if folder else ""), image))


def _listing(frame: pl.DataFrame, root: str, tables: list[str]) -> Listing:
    text = [name for name in ("target", "group", "given_split") if name in frame.columns]
    frame = frame.with_columns(
        [pl.when(pl.col(n).str.strip_chars() == "").then(None).otherwise(pl.col(n)).alias(n) for n in text]
    )
    if "given_split" in frame.columns:
        words = pl.col("given_split").str.strip_chars().str.to_lowercase()
        frame = frame.with_columns(given_split=words.replace(SPLIT_WORDS))
    finder = _Finder(root)
    found = {path: finder.find(path) for path in frame["image"].drop_nulls().unique().to_list()}
    oddities = _missing(frame, found)
    places = {path: entry.path for path, entry in found.items() if entry}
    frame = frame.with_columns(pl.col("image").replace(places))  # rows may name one file in several ways
    oddities += _repeats(frame)
    kept = frame.filter(pl.col("image").is_in(list(places.values())))
    kept = kept.unique("image", keep="first", maintain_order=True)
    by_place = {entry.path: entry for entry in found.values() if entry}
    entries = [by_place[path] for path in kept["image"]]
    columns: dict[str, Any] = {n: kept[n].to_list() for n in kept.columns if n != "image"}
    oddities += _unlisted(root, {e.path for e in entries})
    notes = (
        [say("Images were found by their name in other folders than the table says.")]
        if finder.searched
        else []
    )
    layout = say("a table ({names})", names=listing(tables))
    return Listing(layout, root, as_rows(entries, columns), root, oddities, notes)


class _Finder:
    """Finds the file that a row means: at its path, else by its name or its stem anywhere below the table."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.searched = False
        self._names: dict[str, list[files.FileEntry]] | None = None

    def find(self, path: str) -> files.FileEntry | None:
        if re.match(r"(https?|ftp)://", path):
            return None
        if entry := files.entry(self.root, path if files.is_remote(path) else files.normal(path)):
            return entry
        if self._names is None:
            self._names = {}
            for entry in files.walk(self.root):
                if files.suffix(entry.path) in IMAGE_SUFFIXES:
                    for key in {PurePosixPath(entry.path).name, PurePosixPath(entry.path).stem}:
                        self._names.setdefault(key, []).append(entry)
        hits = self._names.get(PurePosixPath(path).name, [])
        self.searched |= len(hits) == 1
        return hits[0] if len(hits) == 1 else None


def _missing(frame: pl.DataFrame, found: dict[str, files.FileEntry | None]) -> list[Oddity]:
    oddities = [
        Oddity(path, "web-address", say("a web address; download it first")) if "://" in path
        else Oddity(path, "row-without-image", say("no such file"))
        for path, entry in found.items() if entry is None
    ]  # fmt: skip
    blank = frame["image"].null_count()
    return oddities + [Oddity(say("a row with a blank image"), "row-without-image", "")] * blank


def _repeats(frame: pl.DataFrame) -> list[Oddity]:
    """Images with several rows: harmless where the labels agree."""
    if "target" not in frame.columns:
        frame = frame.with_columns(target=pl.lit(None, dtype=pl.String))
    several = frame.filter(pl.col("image").is_not_null()).group_by("image", maintain_order=True).agg("target")
    oddities = []
    for image, targets in several.filter(pl.col("target").list.len() > 1).iter_rows():
        distinct = sorted({str(t) for t in targets})
        code = "conflicting-rows" if len(distinct) > 1 else "repeated-row"
        oddities.append(Oddity(image, code, " / ".join(distinct)))
    return oddities


def _unlisted(root: str, listed: set[str]) -> list[Oddity]:
    """Everything odd in the folders where listed images lie: images without a row, strays, hidden files."""
    folders = {path.rpartition("/")[0] for path in listed}
    if files.is_remote(root) or not listed or any(path.startswith(("/", "../")) for path in listed):
        return []
    images, oddities = sort_out(root)
    unlisted = [e.path for e in images if e.path not in listed and e.path.rpartition("/")[0] in folders]
    strays = [
        o
        for o in oddities
        if o.subject.rpartition("/")[0] in folders and not o.subject.endswith(TABLE_SUFFIXES)
    ]
    return strays + [Oddity(p, "image-without-row", say("no row names it")) for p in unlisted]
