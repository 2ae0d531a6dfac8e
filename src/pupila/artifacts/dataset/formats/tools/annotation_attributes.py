"""Attributes of annotations: which one names the classes, where a tool lets people define their own."""

from collections.abc import Mapping, Sequence

from pupila.core.messages import listing, say

Values = Mapping[str, Sequence[Sequence[str]]]  # attribute to its values, one list for each annotation

_COVERED = 0.9  # share of the annotations that have a value of the attribute that names the classes


def choose_attribute(values: Values) -> str | None:
    """The attribute that names the classes: the only one with values, or the only one whose values recur.

    Args:
        values: of each attribute, one list for each annotation; an empty list is no value.

    Returns:
        None where several attributes may name them.
    """
    used = [name for name, lists in values.items() if any(lists)]
    if len(used) == 1:
        return used[0]
    candidates = [name for name in used if _looks_like_classes(values[name])]
    return candidates[0] if len(candidates) == 1 else None


def _looks_like_classes(lists: Sequence[Sequence[str]]) -> bool:
    given = [tuple(each) for each in lists if each]
    return len(given) >= _COVERED * len(lists) and 2 * len(set(given)) <= len(given)


def describe_choice(values: Values, chosen: str) -> list[str]:
    """A note where other attributes are passed over."""
    others = [name for name, lists in values.items() if name != chosen and any(lists)]
    return [
        say("The attribute {name} names the classes; not used: {others}.", name=chosen, others=listing(others))
    ] if others else []  # fmt: skip
