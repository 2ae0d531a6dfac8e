"""Declared properties of a resource against those that it has."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

_OF_TAGS = {"ResourceId", "ResourceType", "PropagateAtLaunch"}  # which the API of scaling adds

Verdict = Literal["equal", "different", "absent"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One property, a leaf of the declared ones; `equal` ones are counted."""

    path: str
    verdict: Verdict
    declared: Any = None
    actual: Any = None


def compare(declared: Any, actual: Any, path: str = "") -> Iterator[Difference]:
    """Each leaf of the declared value, with its verdict.

    Keys that only the actual value has are defaults, and are ignored; items that only the actual list has are
    differences. The order of lists does not count. A policy is equal as text and as a mapping.
    """
    declared, actual = _plain(declared), _plain(actual)
    if isinstance(declared, dict) and isinstance(actual, dict):
        for key, value in declared.items():
            below = f"{path}.{key}" if path else str(key)
            if key in actual:
                yield from compare(value, actual[key], below)
            else:
                yield Difference(below, "absent", value)
    elif isinstance(declared, list):
        yield from _compare_lists(declared, actual if isinstance(actual, list) else [actual], path)
    else:
        yield Difference(path, "equal" if declared == actual else "different", declared, actual)


def _compare_lists(declared: Sequence[Any], actual: Sequence[Any], path: str) -> Iterator[Difference]:
    """Each declared item with the first actual one that is equal, or else with the next that is left."""
    left = list(actual)
    unmatched = []
    for item in declared:
        same = next((other for other in left if _equal(item, other)), None)
        if same is None:
            unmatched.append(item)
        else:
            left.remove(same)
            yield from compare(item, same, f"{path}[]")
    for item in unmatched:
        if left:
            yield from compare(item, left.pop(0), f"{path}[]")
        else:
            yield Difference(f"{path}[]", "different", item, None)
    yield from (Difference(f"{path}[]", "different", None, item) for item in left)


def _equal(declared: Any, actual: Any) -> bool:
    return all(each.verdict == "equal" for each in compare(declared, actual))


def _plain(value: Any) -> Any:
    """Numbers, booleans and texts of them alike; texts of JSON as what they say; `Key` and `Value` as a mapping."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:g}" if abs(value) < 1e6 else str(int(value))
    if isinstance(value, str) and value.strip().startswith(("{", "[")):
        try:
            return _plain(json.loads(value))
        except ValueError:
            return value
    if isinstance(value, list) and value and all(_is_pair(item) for item in value):
        return {item["Key"]: item["Value"] for item in value}
    return value


def _is_pair(item: Any) -> bool:
    return isinstance(item, dict) and {"Key", "Value"} == item.keys() - {
        "ResourceId",
        "ResourceType",
        "PropagateAtLaunch",
    }
