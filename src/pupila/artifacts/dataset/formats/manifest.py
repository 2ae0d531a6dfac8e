"""A saved manifest: `pupila.parquet`, or a folder that holds one whose images lie elsewhere."""

import io
import json
import posixpath
from dataclasses import replace
from pathlib import PurePosixPath

import polars as pl

from pupila.artifacts.dataset.columns import UNREADABLE, first_line, refuse_newer_schema
from pupila.artifacts.dataset.formats.listing import LISTED, Listing, Oddity, as_rows
from pupila.artifacts.dataset.formats.place import Place
from pupila.artifacts.dataset.reading import ReadSettings
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.vocabulary import MANIFEST_FILE
from pupila.imaging.images.bands import BandSettings
from pupila.imaging.masks.label_map import LabelMap
from pupila.tasks import TASKS

MANIFEST_SCHEMA = 2  # of pupila.parquet; 1 had the label map under another key
# Facts that opening reads again (from the cache), so they are not taken from the manifest.
READ_AGAIN = frozenset({"sha256", "phash", "width", "height", "bands", "mode", "format", "orientation", "frames",
                        "alpha", "taken", "camera", "brightness", "spread", "pixels"})  # fmt: skip


def read(place: Place, _settings: ReadSettings) -> Listing | None:
    """The rows of the manifest, where the path is one or a folder whose manifest describes images elsewhere.

    Raises:
        PupilaError: a manifest that this Pupila can't read. One of an older schema is refused here, where its rows
            count; beside its own images nothing depends on it, and the next `pupila split` writes it again.
    """
    path = place.path
    named = PurePosixPath(path).name == MANIFEST_FILE
    home = path.rpartition("/")[0] or "." if named else path
    if not files.is_folder(home) or (metadata := _find_metadata(home)) is None:
        return None
    uri, root = _locate(home), _find_root(home, metadata)
    source = _normal(files.join(home, metadata["pupila.source"])) if "pupila.source" in metadata else root
    if not named and _normal(home) in (root, source):
        return None  # the images lie here as well, or what lists them: reading it again finds added images
    if (version := int(metadata["pupila.schema"])) < MANIFEST_SCHEMA:
        raise PupilaError(
            say("The manifest {path} was written by an older Pupila", path=uri), actual=f"schema {version}",
            expected=f"schema {MANIFEST_SCHEMA}", remedy=f"pupila split DATA --out {home} --replace",
        )  # fmt: skip
    rows = _listing(_read_rows(uri), root, home)
    reading = json.loads(metadata.get("pupila.reading") or "{}")
    rows = replace(rows, source=source, notes=reading.get("notes", []), doubt=reading.get("doubt", ""),
                   layout=_name_saved(reading["layout"]) if reading.get("layout") else rows.layout)  # fmt: skip
    if label_map := metadata.get("pupila.label_map"):
        return replace(rows, target="mask", label_map=LabelMap.from_json(label_map))
    task = TASKS.get(metadata.get("pupila.task", ""))
    return replace(rows, target=task.target) if task else rows


def describe_reading(layout: str, notes: list[str], doubt: str) -> str:
    """How the data were read, in sentences, as the manifest keeps it: JSON."""
    own = _name_saved("")
    layout = "" if layout == own.rstrip(": ") else layout.removeprefix(own)
    return json.dumps({"layout": layout, "notes": notes, "doubt": doubt})


def _name_saved(layout: str) -> str:
    """The layout in words of a manifest, from that of the data which it was saved from."""
    return say("a saved manifest: {layout}", layout=layout)


def read_manifest_root(home: str) -> str | None:
    """The root of the images in the folder's manifest, or None where the folder has no manifest.

    Raises:
        PupilaError: a manifest that this Pupila can't read.
    """
    metadata = _find_metadata(home)
    return None if metadata is None else _find_root(home, metadata)


def read_manifest_bands(home: str, root: str) -> BandSettings | None:
    """The band settings in the folder's manifest; None where it has none, or describes other images.

    Raises:
        PupilaError: a manifest that this Pupila can't read.
    """
    metadata = _find_metadata(home)
    if metadata is None or _find_root(home, metadata) != _normal(root):
        return None
    bands = metadata.get("pupila.bands")
    return BandSettings.model_validate_json(bands) if bands else None


def read_manifest_layout(home: str) -> dict[str, str]:
    """The layout that a user gave when the folder's manifest was saved: fields of `LayoutSettings`.

    Raises:
        PupilaError: a manifest that this Pupila can't read.
    """
    if (metadata := _find_metadata(home)) is None:
        return {}
    saved: dict[str, str] = json.loads(metadata.get("pupila.layout") or "{}")
    requested = metadata.get("pupila.requested")  # of an older manifest
    return {"task": requested, **saved} if requested else saved


def _normal(path: str) -> str:
    """The address without `..` and `.`: stores take them for names."""
    if not files.is_remote(path):
        return files.normalize_path(path)
    protocol, separator, rest = path.partition("://")
    return protocol + separator + posixpath.normpath(rest)


def _locate(home: str) -> str:
    return files.join(home.rstrip("/") or "/", MANIFEST_FILE)


def _find_root(home: str, metadata: dict[str, str]) -> str:
    return _normal(files.join(home, metadata["pupila.root"]))


def _find_metadata(home: str) -> dict[str, str] | None:
    """The metadata of the folder's manifest, or None where the folder has no manifest."""
    uri = _locate(home)
    return _read_metadata(uri) if files.exists(uri) else None


def _read_metadata(uri: str) -> dict[str, str]:
    try:
        content = files.check_seal(uri, files.read_bytes(uri), _remedy())
        metadata = pl.read_parquet_metadata(io.BytesIO(content))
        version = int(metadata["pupila.schema"])
    except UNREADABLE as fault:
        raise _unreadable(uri, fault) from fault
    refuse_newer_schema(uri, version, MANIFEST_SCHEMA)
    return metadata


def _read_rows(uri: str) -> pl.DataFrame:
    try:
        return pl.read_parquet(io.BytesIO(files.read_bytes(uri)))
    except UNREADABLE as fault:
        raise _unreadable(uri, fault) from fault


def _remedy() -> str:
    return say("delete it; {command} writes it again, with --layout and the like if they were given",
               command="pupila split DATA")  # fmt: skip


def _unreadable(uri: str, fault: BaseException) -> PupilaError:
    return PupilaError(
        say("Can't read the manifest {path}", path=uri), actual=first_line(fault),
        expected=say("a manifest written by Pupila"), remedy=_remedy(),
    )  # fmt: skip


def _listing(frame: pl.DataFrame, root: str, home: str) -> Listing:
    entries = list(map(files.entry_finder(root), frame["image"]))
    oddities = [
        Oddity(path, "row-without-image", say("the file was deleted after the manifest was saved"))
        for path, entry in zip(frame["image"], entries, strict=True) if entry is None
    ]  # fmt: skip
    present = frame.filter(pl.Series([entry is not None for entry in entries], dtype=pl.Boolean))
    own = [
        name
        for name in present.columns
        if name not in READ_AGAIN
        and not name.startswith("mask_")
        and name not in ("image", "bytes", "modified")
    ]
    columns = {name: present[name].cast(LISTED.get(name, pl.String)).to_list() for name in own}
    columns |= {"target": columns.pop("given_target")} if "given_target" in own else {}
    rows = as_rows(
        [e for e in entries if e is not None], {**columns, "saved_sha256": present["sha256"].to_list()}
    )
    return Listing(say("a saved manifest"), root, rows, home, oddities)
