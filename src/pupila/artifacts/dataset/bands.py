"""Which bands of a data set's TIFFs become red, green and blue, and at which values: decided once, then cached."""

import contextlib
import json

from pupila.artifacts.dataset.formats.listing import Listing
from pupila.artifacts.dataset.formats.manifest import read_manifest_bands
from pupila.artifacts.dataset.reading import ReadSettings
from pupila.core import files
from pupila.core.errors import MissingExtra, PupilaError
from pupila.core.messages import say
from pupila.imaging.geotiff.scene import needs_raster_reader, resolve_bands
from pupila.imaging.images.bands import BandSettings
from pupila.imaging.images.decode import DECODER, FORMATS, ImageFault

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
    tiffs = [row for row in source.rows.select("image", "bytes", "modified").sort("image").iter_rows()
             if files.suffix(row[0]) in FORMATS["TIFF"].split() and row[1] > 0]  # fmt: skip
    if requested and not tiffs:
        raise PupilaError(
            say("Band settings apply to TIFFs only"), actual=say("no TIFF among the images"),
            expected=say("at least one TIFF"), remedy=say("leave out {names}", names=", ".join(sorted(requested))),
        )  # fmt: skip
    homes = () if requested else dict.fromkeys((home, source.home))
    saved = next(filter(None, (read_manifest_bands(folder, source.root) for folder in homes)), None)
    choice = saved or (_decide_from_files(source.root, tiffs, settings.band_settings()) if tiffs else None)
    return settings.model_copy(update=dict(choice)) if choice else settings


def _decide_from_files(
    root: str, tiffs: list[tuple[str, int, int]], requested: BandSettings | None
) -> BandSettings | None:
    """The files' own bands, cached until a file changes; None where the default applies."""
    key = json.dumps([DECODER, _MOST, root, tiffs, requested.model_dump() if requested else None])
    cached = files.cache_folder() / "bands" / f"{files.sha256(key.encode())}.json"
    with contextlib.suppress(OSError, ValueError):
        return _unless_default(BandSettings.model_validate_json(cached.read_bytes()))
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
