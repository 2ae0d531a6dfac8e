"""Names of files as tools write them: other Unicode forms, escapes, backslashes, and paths of another machine."""

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile
from unicodedata import normalize
from urllib.parse import unquote

from pupila.core.messages import listing, say

_QUERY = re.compile(r".*\?(?:.*&)?d=([^&]+)")  # Label Studio's local files
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://[^/]*", re.IGNORECASE)
_ENDING = re.compile(r"\.[a-z]{3,4}$")
_BLANK = re.compile(r"[\s\u00ad\u200b-\u200f\u2060\ufeff]+")  # what looks like a blank, or like nothing

# How strictly two paths agree, strictest first.
_FORMS: tuple[Callable[[str], str], ...] = (
    lambda path: path,
    lambda path: normalize("NFC", path),
    lambda path: normalize("NFC", unescape(path)),
)


def unescape(path: str) -> str:
    """The path with forward slashes, and with characters for percent escapes."""
    plain = path.replace("\\", "/")
    return unquote(plain, errors="surrogateescape") if "%" in plain else plain


def name_key(path: str) -> str:
    """What two ways of writing one path have in common: no escapes, Unicode's NFC, small letters, forward slashes.

    Two files may share a key where a disk tells capitals apart: prefer the one of the same spelling.
    """
    if path.isascii() and "%" not in path and "\\" not in path:
        return path.lower()  # nearly all names
    return normalize("NFC", normalize("NFC", unescape(path)).casefold())


def path_parts(path: str) -> list[str]:
    """The folders and the name of a path, of a `file://` or other address, without `.`, `..` and the host."""
    if "?" in path and (local := _QUERY.fullmatch(path)):
        path = unescape(local[1])
    path = unescape(path) if "%2f" in path.lower() else path.replace("\\", "/")
    path = _SCHEME.sub("", path) if "://" in path else path
    return [part for part in path.split("/") if part not in ("", ".", "..")]


def count_common_parts(path: str, other: str) -> int:
    """How many parts the ends of two paths share."""
    pairs = zip(reversed(path_parts(name_key(path))), reversed(path_parts(name_key(other))), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def is_same_path(path: str, other: str) -> bool:
    """Whether one of the paths is the end of the other, so that both may name one file."""
    ends = [_ENDING.sub("", "/".join(path_parts(name_key(each)))) for each in (path, other)]
    return count_common_parts(*ends) == min(len(path_parts(end)) for end in ends)


def leaves_root(path: str) -> bool:
    """Whether a normalized path relative to a folder leads out of it."""
    return path == ".." or path.startswith("../")


def describe_outside() -> str:
    """Why such a path is not read, in words."""
    return say("it leads out of the folder of the data; name the folder that holds both")


def closest_spelling(tail: str, paths: Iterable[str]) -> list[str]:
    """Of paths that end in the tail by their key, those that agree with it most strictly."""
    ends = {path: "/".join(path.split("/")[-tail.count("/") - 1 :]) for path in paths}
    for form in _FORMS:
        if closest := [path for path, end in ends.items() if form(end) == form(tail)]:
            return closest
    return list(ends)


def look_alike(name: str) -> str:
    """A key that names share which people can't tell apart: compatible characters, blanks of any kind, no marks."""
    return _BLANK.sub("", normalize("NFKC", name_key(name)))


def describe_difference(name: str, other: str) -> str:
    """The characters by which two names that look alike differ, as code points."""
    strange = dict.fromkeys(char for char in name + other if (char in name) != (char in other))
    points = listing([f"U+{ord(char):04X}" for char in strange], 4)
    return say("{name} looks alike but differs in {points}", name=other, points=points)


def read_stem(path: str) -> str:
    """The file's name without its ending, in lower case."""
    return path.rpartition("/")[2].rpartition(".")[0].lower() or path.rpartition("/")[2].lower()


def common_start(names: Sequence[str]) -> str:
    """What all names begin with."""
    first, last = min(names), max(names)
    length = next(
        (n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last))
    )
    return first[:length]


def read_number(name: str) -> str:
    """The number that the name is, without zeros before it and a fraction of none (12.0); empty for other names."""
    match = re.fullmatch(r"0*(\d+?)(?:\.0+)?", name.strip())
    return match[1] if match else ""
