"""Read and write the bytes of `bundle.json`: bounded, strict JSON, with a hash of its own against damage."""

import json
from collections import Counter
from typing import Any

from pydantic import ValidationError

from pupila.artifacts.bundle.consistency import find_faults
from pupila.artifacts.bundle.schema import BUNDLE_SCHEMA, BundleInfo
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.installation import upgrade_command
from pupila.core.messages import integer, listing, say

INFO_FILE = "bundle.json"
MAX_BYTES = 32_000_000  # of bundle.json; one of 20,000 classes has about 7
MAX_DEPTH = (
    24  # objects and lists within each other; those of Pupila have 6, and options of an architecture a few
)
_MAX_DIGITS = 40  # of a number; a float has 17
_STEERING = frozenset(
    map(chr, [*range(9), 11, 12, *range(14, 32), *range(127, 160)])
)  # controls but ends of lines


def read_info(uri: str) -> BundleInfo:
    """The content of `bundle.json`, which fits together.

    Raises:
        PupilaError: it can't be read, was changed since it was written, has another schema, or contradicts itself.
    """
    content = _read_bounded(uri)
    fields = _parse_strictly(uri, content)
    try:
        info = BundleInfo.model_validate(fields)
    except ValidationError as fault:
        _check_schema(uri, fields)
        first = fault.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise PupilaError(
            say("Can't read {path}", path=uri), actual=f"{ascii_text(place)}: {ascii_text(first['msg'])}",
            expected=f"schema {BUNDLE_SCHEMA}", remedy=upgrade_command(),
        ) from fault  # fmt: skip
    _check_own_hash(uri, info, content)
    check_consistency(uri, info)
    if place := _find_converted(fields, info.model_dump(mode="json", by_alias=True)):
        raise PupilaError(
            say("{path} is invalid", path=uri), actual=say("{place}: a value of another type", place=ascii_text(place)),
            expected=say("bundle.json as training wrote it"), remedy=say("copy the bundle again, or retrain"),
        )  # fmt: skip
    return info


def _find_converted(read: Any, written: Any) -> str:
    """Where a value was taken for one of another type, such as true or "1" for 1; "" where none was."""
    if isinstance(read, dict) and isinstance(written, dict):
        pairs = [(str(name), value, written[name]) for name, value in read.items() if name in written]
    elif isinstance(read, list) and isinstance(written, list):
        pairs = [(str(place), *both) for place, both in enumerate(zip(read, written, strict=False))]
    elif type(read) is type(written) or {type(read), type(written)} == {int, float}:
        return ""
    else:
        return ":"
    inner = ((name, _find_converted(value, other)) for name, value, other in pairs)
    return next((f"{name}.{place}".rstrip(".:") for name, place in inner if place), "")


def check_consistency(uri: str, info: BundleInfo) -> None:
    """Refuse values that no training writes, and that would predict nonsense or fail in the middle of a prediction.

    Raises:
        PupilaError: each of them with what would have been right.
    """
    if faults := find_faults(info):
        raise PupilaError(
            say("{path} is invalid", path=uri), actual=listing([ascii_text(fault) for fault in faults], 3),
            expected=say("bundle.json as training wrote it"), remedy=say("copy the bundle again, or retrain"),
        )  # fmt: skip


def ascii_text(text: str) -> str:
    """Text of a file that nobody has checked, in one line, short, and without characters that steer a terminal."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text[:200])


def seal(info: BundleInfo) -> tuple[BundleInfo, bytes]:
    """The content of `bundle.json`, and the same record with its own hash.

    Raises:
        PupilaError: it would be larger than what is read back.
    """
    unsealed = _to_json(info.model_copy(update={"hash": ""}))
    sealed = info.model_copy(update={"hash": files.sha256(unsealed)})
    if len(unsealed) > MAX_BYTES - 64:
        raise PupilaError(
            say("The bundle describes too much"), actual=say("{n} bytes of bundle.json", n=integer(len(unsealed))),
            expected=say("at most {n}", n=integer(MAX_BYTES)), remedy=say("fewer classes, or shorter names of classes"),
        )  # fmt: skip
    return sealed, _to_json(sealed)


def _to_json(info: BundleInfo) -> bytes:
    return (info.model_dump_json(indent=1, by_alias=True) + "\n").encode()


def _read_bounded(uri: str) -> bytes:
    try:
        content = files.read_start(uri, MAX_BYTES + 1)
    except OSError as fault:
        raise PupilaError(
            say("Can't read {path}", path=uri),
            actual=fault.strerror or str(fault),
            expected=say("a JSON file"),
        ) from fault
    if len(content) > MAX_BYTES:
        raise PupilaError(
            say("Can't read {path}", path=uri), actual=say("more than {n} bytes", n=integer(MAX_BYTES)),
            expected=say("bundle.json as training wrote it"),
        )  # fmt: skip
    return content


def _parse_strictly(uri: str, content: bytes) -> dict[str, Any]:
    """The object in the file: UTF-8, no key twice, no NaN, not nested without end, no control characters.

    Raises:
        PupilaError: it is none of these.
    """
    try:
        fields = json.loads(
            content.decode(), object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite,
            parse_int=_short,
        )  # fmt: skip
        if not isinstance(fields, dict):
            raise ValueError(say("{type} instead of an object", type=type(fields).__name__))
        _check_values(fields)
    except (ValueError, RecursionError) as fault:
        raise PupilaError(
            say("Can't read {path}", path=uri), actual=ascii_text(str(fault)),
            expected=say("bundle.json as training wrote it"), remedy=say("copy the bundle again, or retrain"),
        ) from fault  # fmt: skip
    return fields


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        repeated = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(say("{name} twice", name=f"'{repeated}'"))
    return fields


def _refuse_constant(text: str) -> float:
    raise ValueError(say("{name} is no number", name=text))


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(say("{name} is no number", name=text[:_MAX_DIGITS]))
    return value


def _short(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise ValueError(say("{name} is no number", name=text[:_MAX_DIGITS] + "…"))
    return int(text)


def _check_values(value: Any, depth: int = 0) -> None:
    """Refuse text with control characters or halves of characters, and values nested too deeply."""
    if isinstance(value, str):
        if not value.isprintable() and not (_STEERING.isdisjoint(value) and files.is_text(value)):
            raise ValueError(say("control characters in {text}", text=ascii(value[:80])))
        return
    if depth > MAX_DEPTH:
        raise ValueError(say("values nested more than {n} times", n=MAX_DEPTH))
    if isinstance(value, dict):
        for name, member in value.items():
            _check_values(name, depth)
            if not isinstance(member, float | int):
                _check_values(member, depth + 1)
    elif isinstance(value, list):
        for member in value:
            if not isinstance(member, float | int):
                _check_values(member, depth + 1)


def _check_schema(uri: str, fields: dict[str, Any]) -> None:
    """Refuse a bundle of another schema.

    Raises:
        PupilaError: the bundle is older or newer than this Pupila.
    """
    version = fields.get("schema")
    if not isinstance(version, int) or version == BUNDLE_SCHEMA:
        return
    if version < BUNDLE_SCHEMA:
        problem, remedy = say("{path} was written by an older Pupila", path=uri), "pupila train DATA"
    else:
        problem, remedy = say("{path} was written by a newer Pupila", path=uri), upgrade_command()
    raise PupilaError(problem, f"schema {version}", f"schema {BUNDLE_SCHEMA}", remedy)


def _check_own_hash(uri: str, info: BundleInfo, content: bytes) -> None:
    """Refuse a `bundle.json` that was changed after it was written.

    Raises:
        PupilaError: its bytes without the hash do not have that hash.
    """
    unsealed = content.replace(f'"hash": "{info.hash}"'.encode(), b'"hash": ""', 1)
    if files.sha256(unsealed) != info.hash:
        raise modification_error(files.parent(uri), [say("{name} was changed", name=INFO_FILE)])


def modification_error(folder: str, faults: list[str]) -> PupilaError:
    """The error for a bundle whose files are not those that were written."""
    return PupilaError(
        say("The bundle {folder} was modified", folder=folder), actual=listing(faults),
        expected=say("the files listed in bundle.json, unchanged"), remedy=say("copy the bundle again, or retrain"),
    )  # fmt: skip
