"""Expressions of `--by` that name groups: searched texts, and groups that begin where a running number restarts."""

import contextlib
import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np

Names = list[str | None]
GROUP, NUMBER, CYCLE = "group", "number", "cycle"  # names of capture groups; `number_5` sets the largest step
JUMP = 10  # times the usual step, above which a number jumps
FEWER = (
    0.75  # of the groups of the alphabetical order, below which words rise in the order in which they follow
)
_TIME_DIGITS = 14  # of a date and a time
_NUMBER_NAME = re.compile(rf"{NUMBER}(?:_(\d+))?")


def searched_texts(images: Sequence[str], by: str) -> list[str]:
    """The texts that an expression is searched in: file names, or paths if it contains a slash."""
    return list(images) if "/" in by else [path.rpartition("/")[2] for path in images]


def is_number_name(name: str) -> bool:
    """Whether a capture group of this name holds a running number."""
    return _NUMBER_NAME.fullmatch(name) is not None


def sequence_groups(
    matches: Sequence[re.Match[str]], labels: Sequence[str | None] | None = None
) -> tuple[Names, list[int]]:
    """A group for each run of numbers: the images in the order of `number`, within the same `group` if it is captured.

    A new group begins where `cycle` does not rise, or where the number jumps: by more than `JUMP` times the median
    step, or by more than N where the number is captured as `number_N`. A cycle of digits rises as a number, words in
    alphabetical order, or in that in which they follow each other where it makes far fewer groups; an empty
    `(?P<cycle>)` stands for the class. A date with a time (14 digits, whatever stands between them) counts in seconds.

    Args:
        matches: N, all of one expression that captures a number.
        labels: N classes, for an empty cycle.

    Returns:
        N names, the number of the group's first image after the captured `group`; and the rows in the order of numbers.

    Raises:
        ValueError: a number without a digit; an empty cycle for data without classes.
    """
    name = next(name for name in matches[0].re.groupindex if is_number_name(name))
    numbers = [_parse_number(match[name]) for match in matches]
    within = _captures(matches, GROUP) or [""] * len(matches)
    order = sorted(range(len(matches)), key=lambda row: (within[row], numbers[row], matches[row].string))
    cycles = _cycles(matches, labels, order)
    steps = [
        numbers[after] - numbers[before]
        for before, after in pairwise(order)
        if within[before] == within[after]
    ]
    width = _NUMBER_NAME.fullmatch(name)
    largest = float(width[1]) if width and width[1] else JUMP * float(np.median(steps or [1]))
    groups: Names = [None] * len(matches)
    names: set[str] = set()
    for place, row in enumerate(order):
        before = order[place - 1] if place else None
        if (
            before is None
            or within[before] != within[row]
            or numbers[row] - numbers[before] > largest
            or (cycles is not None and cycles[row] <= cycles[before])
        ):
            current = _new_name(" ".join(part for part in (within[row], matches[row][name]) if part), names)
        groups[row] = current
    return groups, order


def _parse_number(text: str | None) -> int:
    digits = re.sub(r"\D", "", text or "")
    if not digits:
        raise ValueError(text)
    if len(digits) == _TIME_DIGITS:
        with contextlib.suppress(ValueError):  # digits of no date
            time = datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
            return int(time.timestamp())
    return int(digits)


def _captures(matches: Sequence[re.Match[str]], name: str) -> list[str] | None:
    if name not in matches[0].re.groupindex:
        return None
    return [match[name] or "" for match in matches]


def _cycles(
    matches: Sequence[re.Match[str]], labels: Sequence[str | None] | None, order: list[int]
) -> list[int] | None:
    """The place of each image in its cycle; None where the expression captures none."""
    texts = _captures(matches, CYCLE)
    if texts is None:
        return None
    if not any(texts):
        if labels is None or None in labels:
            raise ValueError(CYCLE)
        texts = [str(label) for label in labels]
    if all(text.isdecimal() for text in texts):
        return [int(text) for text in texts]
    values = [texts[row] for row in order]
    alphabetical, following = sorted(set(values)), _order_of_following(values)
    is_shorter = _count_falls(values, following) < FEWER * _count_falls(values, alphabetical)
    places = {value: place for place, value in enumerate(following if is_shorter else alphabetical)}
    return [places[text] for text in texts]


def _order_of_following(values: Sequence[str]) -> list[str]:
    """The values, each after the one that it most often follows, from the first image's on."""
    following = Counter(pairwise(values))
    ordered = [values[0]]
    left = dict.fromkeys(values)  # in the order of their first appearance
    while left.pop(ordered[-1], None) is None and left:
        last = ordered[-1]
        ordered.append(max(left, key=lambda value: following[last, value]))
    return ordered


def _count_falls(values: Sequence[str], order: Sequence[str]) -> int:
    places = {value: place for place, value in enumerate(order)}
    return sum(places[after] <= places[before] for before, after in pairwise(values))


def _new_name(name: str, names: set[str]) -> str:
    """The name, made unlike the names so far, and added to them."""
    unique, count = name, 1
    while unique in names:
        count += 1
        unique = f"{name} ({count})"
    names.add(unique)
    return unique
