"""Which bands of a data set's images become red, green and blue, and at which values: decided once, then cached."""

import contextlib
import json
from collections.abc import Iterable

import polars as pl

from pupila.artifacts.dataset.formats.listing import Listing
from pupila.artifacts.dataset.formats.manifest import read_manifest_bands
from pupila.artifacts.dataset.image_notes import describe_images
from pupila.artifacts.dataset.read_cache import ReadCache
from pupila.artifacts.dataset.reading import ReadSettings, read_facts
from pupila.core import files
from pupila.core.errors import MissingExtra, PupilaError
from pupila.core.messages import integer, number, say
from pupila.imaging.geotiff.scene import needs_raster_reader, resolve_bands
from pupila.imaging.images.bands import BandSettings
from pupila.imaging.images.decode import DECODER, FORMATS, ImageFault, measure_range

_FULL = 2**14  # from this value on, 16 bits are taken for used
_DEEP = 2**16
_NARROW = 4  # times their range, from which on the values' distance from 0 is black, too
_SHOWN = 10  # range of the values, from which on they are printed without fractions
_MOST = 256  # files, spread evenly over all, by which black and white are decided


def decide_band_settings(source: Listing, home: str, settings: ReadSettings) -> ReadSettings:
    """The settings with bands, black and white decided.

    Requested bands come first, then those in the data set's manifest. Without either, the files decide, if there are
    TIFFs that are not ordinary 8-bit photos.

    Args:
        source: the images.
        home: folder of the data set's own files; a manifest beside read-only images counts after the one there.
        settings: as requested.

    Raises:
        PupilaError: bands are requested, and there is no TIFF; or see `resolve_bands`.
    """
    requested = BandSettings.model_fields.keys() & settings.model_fields_set
    tiffs = _list_tiffs(source)
    if "bands" in requested and not tiffs:
        raise _no_tiff(requested)
    homes = () if requested else dict.fromkeys((home, source.home))
    saved = next(filter(None, (read_manifest_bands(folder, source.root) for folder in homes)), None)
    choice = saved or (_decide_from_files(source.root, tiffs, settings.band_settings()) if tiffs else None)
    return settings.model_copy(update=dict(choice)) if choice else settings


def read_scaled_facts(
    source: Listing, home: str, settings: ReadSettings
) -> tuple[ReadSettings, pl.DataFrame, ReadCache, list[str]]:
    """The facts of every file, with bands, black and white decided.

    Images of 16-bit grey that are no GeoTIFFs are divided by 257, unless the data set uses a small part of that range,
    or values below 0: then all are scaled by its measured range. Black is 0 unless that range lies far from it.

    Args:
        source: the images.
        home: folder of the data set's own files.
        settings: as requested.

    Returns:
        The settings, the facts and their cache as `read_facts` gives them, and notes for the user.

    Raises:
        PupilaError: as `decide_band_settings`, or black and white are requested and nothing has more than 8 bits.
    """
    requested = BandSettings.model_fields.keys() & settings.model_fields_set
    settings = decide_band_settings(source, home, settings)
    entries = source.rows.select("image", "bytes", "modified")
    facts, cache = read_facts(source.root, entries, settings)
    deep = facts.filter(pl.col("fault").is_null() & pl.col("mode").str.starts_with("I")).sort("image")
    if requested and deep.is_empty() and not _list_tiffs(source):
        raise _no_tiff(requested)
    notes = describe_images(facts)
    if deep.is_empty():
        return settings, facts, cache, [*notes, *_describe_levels(source, settings, requested)]
    if settings.low is not None and settings.high is not None:
        settings.levels()  # refused before any image is read again
        return settings, facts, cache, notes
    low, high = _measure(source.root, deep, settings)
    narrow = 0 < _NARROW * (high - low) < high
    used = low >= 0 and (_FULL <= high < _DEEP or high == 0) and not narrow
    if used and not {"low", "high"} & requested:
        return settings, facts, cache, notes
    black = float(low if narrow else min(low, 0)) if settings.low is None else settings.low
    white = float(max(high, low + 1)) if settings.high is None else settings.high
    settings = settings.model_copy(update={"low": black, "high": white})
    settings.levels()
    note = say("The 16-bit images hold values from {low} to {high}: {black} becomes black and {white} white in all of "
               "them (--low and --high change this).",
               low=integer(low), high=integer(high), black=number(black, 0), white=number(white, 0))  # fmt: skip
    return settings, *read_facts(source.root, entries, settings), [*notes, note]


def _describe_levels(source: Listing, settings: ReadSettings, requested: set[str]) -> list[str]:
    """Which values of TIFFs become black and white, where they decided it themselves."""
    if (
        {"low", "high"} & requested
        or settings.low is None
        or settings.high is None
        or not _list_tiffs(source)
    ):
        return []
    digits = 0 if settings.high - settings.low > _SHOWN else 3
    return [
        say("Values of TIFFs: {black} becomes black and {white} white in all of them (--low and --high change this).",
            black=number(settings.low, digits), white=number(settings.high, digits))
    ]  # fmt: skip


def _measure(root: str, deep: pl.DataFrame, settings: ReadSettings) -> tuple[int, int]:
    """The least and the greatest value of the images, (0, 0) where none can be measured; cached until one changes."""
    rows = list(deep.select("image", "bytes", "modified").iter_rows())
    key = json.dumps([DECODER, _MOST, root, rows])
    cached = files.cache_folder() / "ranges" / f"{files.sha256(key.encode())}.json"
    if (content := files.read_from_cache(cached)) is not None:
        with contextlib.suppress(ValueError):
            low, high = json.loads(content)
            return low, high
    ranges = []
    for path, *_ in rows[:: -(-len(rows) // _MOST)]:
        with contextlib.suppress(ImageFault, OSError):
            ranges.append(measure_range(files.read_bytes(files.join(root, path)), settings.limits()))
    low, high = (min(low for low, _ in ranges), max(high for _, high in ranges)) if ranges else (0, 0)
    files.write_to_cache(cached, json.dumps([low, high]).encode())
    return low, high


def _list_tiffs(source: Listing) -> list[tuple[str, int, int]]:
    endings = FORMATS["TIFF"].split()
    rows = source.rows.select("image", "bytes", "modified").iter_rows()
    return sorted(row for row in rows if files.suffix(row[0]) in endings and row[1] > 0)


def _no_tiff(requested: Iterable[str]) -> PupilaError:
    return PupilaError(
        say("Band settings apply to TIFFs and 16-bit images only"), actual=say("none among the images"),
        expected=say("at least one"), remedy=say("leave out {names}", names=", ".join(sorted(requested))),
    )  # fmt: skip


def _decide_from_files(
    root: str, tiffs: list[tuple[str, int, int]], requested: BandSettings | None
) -> BandSettings | None:
    """The files' own bands, cached until a file changes; None where the default applies."""
    key = json.dumps([DECODER, _MOST, root, tiffs, requested.model_dump() if requested else None])
    cached = files.cache_folder() / "bands" / f"{files.sha256(key.encode())}.json"
    if (content := files.read_from_cache(cached)) is not None:
        with contextlib.suppress(ValueError):
            return _unless_default(BandSettings.model_validate_json(content))
    some = [files.join(root, path) for path, *_ in tiffs[:: -(-len(tiffs) // _MOST)]]
    try:
        choice = resolve_bands((uri for uri in some if _needs_bands(uri, requested)), requested)
    except MissingExtra:
        return requested  # the files that need it are skipped, each with this reason
    files.write_to_cache(cached, choice.model_dump_json().encode())
    return _unless_default(choice)


def _needs_bands(uri: str, requested: BandSettings | None) -> bool:
    try:
        return needs_raster_reader(uri, requested)
    except (ImageFault, OSError):
        return False


def _unless_default(choice: BandSettings) -> BandSettings | None:
    return None if choice == BandSettings() else choice
