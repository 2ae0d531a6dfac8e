"""A saved manifest: `pupila.parquet`, or a folder that holds it away from the images."""

import io
from dataclasses import replace
from pathlib import PurePosixPath

import polars as pl

from pupila.artifacts.dataset.formats.listing import LISTED, Listing, Oddity, as_rows
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.vocabulary import MANIFEST_FILE, SCHEMA_VERSION
from pupila.imaging.images.bands import BandSettings
from pupila.imaging.masks.label_map import Legend

# Facts of the reading: read again (from memory) on opening, so they are not taken over.
READ_AGAIN = frozenset({"sha256", "phash", "width", "height", "bands", "mode", "format", "orientation", "frames",
                        "alpha", "taken", "camera", "brightness", "spread", "pixels"})  # fmt: skip


def read(path: str) -> Listing | None:
    """The rows of the manifest, where the path is one or a folder whose manifest describes images elsewhere."""
    named = PurePosixPath(path).name == MANIFEST_FILE
    home = path.rpartition("/")[0] or "." if named else path
    if not files.is_folder(home) or (root := root_of(home)) is None:
        return None
    if not named and root == _normal(home):
        return None  # the images lie here as well: their folder is read anew, so no addition is missed
    uri = files.join(home.rstrip("/") or "/", MANIFEST_FILE)
    content = files.read_bytes(uri)
    told = pl.read_parquet_metadata(io.BytesIO(content)).get("pupila.legend")
    found = _listing(pl.read_parquet(io.BytesIO(content)), root, home)
    return replace(found, masks=True, legend=Legend.from_json(told)) if told else found


def root_of(home: str) -> str | None:
    """Where the images of the folder's manifest lie, or None where the folder has no manifest.

    Raises:
        PupilaError: no manifest that this Pupila can read.
    """
    uri = files.join(home.rstrip("/") or "/", MANIFEST_FILE)
    if not files.exists(uri):
        return None
    return _normal(files.join(home, _root_in(uri)))


def bands_of(home: str, root: str) -> BandSettings | None:
    """How bands become colours in the folder's manifest; None where it has none, or one of other images.

    Raises:
        PupilaError: no manifest that this Pupila can read.
    """
    theirs = root_of(home)
    if theirs is None or theirs != _normal(root):
        return None
    content = files.read_bytes(files.join(home.rstrip("/") or "/", MANIFEST_FILE))
    told = pl.read_parquet_metadata(io.BytesIO(content)).get("pupila.bands")
    return BandSettings.model_validate_json(told) if told else None


def _normal(path: str) -> str:
    return path.rstrip("/") if files.is_remote(path) else files.normal(path)


def _root_in(uri: str) -> str:
    try:
        meta = pl.read_parquet_metadata(io.BytesIO(files.read_bytes(uri)))
        version = int(meta["pupila.schema"])
    except (KeyError, ValueError, pl.exceptions.PolarsError) as fault:
        raise PupilaError(
            say("Can't read the manifest {path}", path=uri), found=str(fault).splitlines()[0],
            wanted=say("a file that Pupila wrote"), remedy=say("delete it; it is made anew from the images"),
        ) from fault  # fmt: skip
    if version > SCHEMA_VERSION:
        raise PupilaError(
            say("The manifest {path} is of a later Pupila", path=uri), found=f"schema {version}",
            wanted=f"schema {SCHEMA_VERSION}", remedy="pip install --upgrade pupila",
        )  # fmt: skip
    return meta["pupila.root"]


def _listing(frame: pl.DataFrame, root: str, home: str) -> Listing:
    found = list(map(files.lookup(root), frame["image"]))
    oddities = [
        Oddity(path, "row-without-image", say("the file is gone since the manifest was saved"))
        for path, entry in zip(frame["image"], found, strict=True) if entry is None
    ]  # fmt: skip
    kept = frame.filter(pl.Series([entry is not None for entry in found], dtype=pl.Boolean))
    own = [
        name
        for name in kept.columns
        if name not in READ_AGAIN
        and not name.startswith("mask_")
        and name not in ("image", "bytes", "modified")
    ]
    columns = {name: kept[name].cast(LISTED.get(name, pl.String)).to_list() for name in own}
    columns |= {"target": columns.pop("given_target")} if "given_target" in own else {}
    rows = as_rows([e for e in found if e is not None], {**columns, "saved_sha256": kept["sha256"].to_list()})
    return Listing(say("a saved manifest"), root, rows, home, oddities)
