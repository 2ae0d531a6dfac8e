"""Which bands of a data set's TIFFs become colours, and which values black and white: decided once, and kept."""

import contextlib
import json

from pupila.artifacts.dataset.formats.listing import Listing
from pupila.artifacts.dataset.formats.manifest import bands_of
from pupila.artifacts.dataset.reading import ReadSettings
from pupila.core import files
from pupila.core.errors import MissingExtra, PupilaError
from pupila.core.messages import say
from pupila.imaging.geotiff.scene import by_bands, decide_bands
from pupila.imaging.images.bands import BandSettings
from pupila.imaging.images.decode import DECODER, FORMATS, ImageFault

_MOST = 256  # files, spread evenly over all, by which black and white are decided


def with_bands(found: Listing, wish: ReadSettings) -> ReadSettings:
    """The settings with bands, black and white decided.

    What is wished counts; else what the data set's manifest keeps; else the files decide, where there are TIFFs that
    are no ordinary pictures.

    Raises:
        PupilaError: they are wished, and there is no TIFF; or see `decide_bands`.
    """
    wished = BandSettings.model_fields.keys() & wish.model_fields_set
    tiffs = [row for row in found.rows.select("image", "bytes", "modified").sort("image").iter_rows()
             if files.suffix(row[0]) in FORMATS["TIFF"].split() and row[1] > 0]  # fmt: skip
    if wished and not tiffs:
        raise PupilaError(
            say("Settings of bands would do nothing"), found=say("no TIFF among the images"),
            wanted=say("images with bands"), remedy=say("leave {names} out", names=", ".join(sorted(wished))),
        )  # fmt: skip
    kept = None if wished else bands_of(found.home, found.root)
    choice = kept or (_decided(found.root, tiffs, wish.choice()) if tiffs else None)
    return wish.model_copy(update=dict(choice)) if choice else wish


def _decided(root: str, tiffs: list[tuple[str, int, int]], wish: BandSettings | None) -> BandSettings | None:
    """What the files say, remembered while they stay the same; None where they leave it open."""
    told = json.dumps([DECODER, _MOST, root, tiffs, wish.model_dump() if wish else None])
    remembered = files.cache_folder() / "bands" / f"{files.sha256(told.encode())}.json"
    with contextlib.suppress(OSError, ValueError):
        return _chosen(BandSettings.model_validate_json(remembered.read_bytes()))
    some = [files.join(root, path) for path, *_ in tiffs[:: -(-len(tiffs) // _MOST)]]
    try:
        choice = decide_bands((uri for uri in some if _has_choice(uri, wish)), wish)
    except MissingExtra:
        return wish  # the files that need it are set aside, each with this reason
    files.try_write(remembered, choice.model_dump_json().encode())
    return _chosen(choice)


def _has_choice(uri: str, wish: BandSettings | None) -> bool:
    try:
        return by_bands(uri, wish)
    except (ImageFault, OSError):
        return False


def _chosen(choice: BandSettings) -> BandSettings | None:
    return None if choice == BandSettings() else choice
