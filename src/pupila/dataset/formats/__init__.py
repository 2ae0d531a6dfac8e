"""Foreign layouts: one file each, and one literal dict, tried from top to bottom."""

from collections.abc import Callable

from pupila.dataset.formats import folder, manifest, pairs, table
from pupila.dataset.formats.listing import Listing

# Each reader returns None where the path is not of its layout.
FORMATS: dict[str, Callable[[str], Listing | None]] = {
    "manifest": manifest.read,
    "table": table.read,
    "pairs": pairs.read,
    "folder": folder.read,
}
