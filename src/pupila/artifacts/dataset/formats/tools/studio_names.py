"""The addresses of images in Label Studio's tasks: local files, uploads, and those of stores."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from pupila.core import files
from pupila.core.vocabulary import IMAGE_SUFFIXES

_LOCAL, _UPLOADS = "/data/local-files/", "/data/upload/"
_EMBEDDED = "data:"


def find_address(fields: Mapping[str, Any], names: Iterable[str]) -> str:
    """The address of the image among the fields of a task; empty where there is none.

    Args:
        fields: by name.
        names: of the fields that are preferred where there are several images.
    """
    addresses = {name: value for name, value in fields.items() if is_image_address(value)}
    named = next((addresses[name] for name in names if name in addresses), None)
    return named or next(iter(addresses.values()), "")


def is_image_address(value: Any) -> bool:
    """Whether a field holds the address of an image, by its ending; an embedded image has none."""
    return (
        isinstance(value, str)
        and not value.startswith(_EMBEDDED)
        and any(files.suffix(path) in IMAGE_SUFFIXES for path in address_paths(value))
    )


def address_paths(address: str) -> list[str]:
    """The paths that an address may mean, the likeliest first.

    Label Studio escapes the names of local files and of uploads. Elsewhere a name may hold a `#`, `?` or `%` itself.
    """
    try:
        parts = urlsplit(address)
    except ValueError:  # a bracket without its other half
        return [address]
    if _LOCAL in address and (local := parse_qs(parts.query).get("d")):
        return list(dict.fromkeys([local[0], address]))
    if _UPLOADS in parts.path:  # below it lie folders with the numbers of projects
        return [unquote(parts.path).rpartition("/")[2]]
    if parts.scheme in ("http", "https"):
        return [unquote(parts.path).lstrip("/"), address]
    return list(dict.fromkeys([address, unquote(parts.path).lstrip("/") if not parts.scheme else address]))
