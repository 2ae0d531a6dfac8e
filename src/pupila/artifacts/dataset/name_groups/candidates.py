"""Expressions that may name groups, from the fields of file names and the folders."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.artifacts.dataset.name_groups.expression import (
    Names,
    is_number_name,
    searched_texts,
    sequence_groups,
)
from pupila.core.vocabulary import SPLIT_WORDS

MOST = 40  # candidates that are compared, those of the most regular names first
LEAST_GROUPS = (
    5  # a field of fewer values is a condition (camera, side), unless each numbers the frames of a video
)
LEAST_SERIES = 3  # videos
LARGEST = 0.5  # share of the images in one group
LEAST_SHARED = 0.2  # share of the images in groups of two or more
_NESTED = 0.95  # share of the images that lie with their finer group in one coarser group
MOST_CYCLE = 60  # values of a field that counts through a group
_TOKEN = re.compile(r"[^\W\d_]+|\d+|[\W_]+")
_LETTERS, _ANY_LETTERS = "[A-Za-z]+", r"[^\W\d_]+"
_SEPARATORS = ("_", "-", " ", ".")
_USUAL = 0.9  # share of the names that have the fields of an expression; the others are groups of their own


@dataclass(frozen=True)
class Candidate:
    """An expression, and the groups that it names."""

    by: str
    codes: NDArray[Any]  # (N,) int
    is_sequence: bool  # groups are runs of a number
    is_series: bool  # so few groups that they have to be numbered series of images that change slowly
    order: NDArray[Any]  # (N,) rows in the order of their names or numbers, those of a group side by side

    def is_within(self, coarse: "Candidate") -> bool:
        """Whether these groups are finer, and nearly all of them lie in one of the coarser groups each."""
        pairs, sizes = np.unique(np.stack([self.codes, coarse.codes]), axis=1, return_counts=True)
        largest = np.zeros(int(self.codes.max()) + 1, dtype=np.int64)
        np.maximum.at(largest, pairs[0], sizes)
        return bool(self.codes.max() > coarse.codes.max() and largest.sum() >= _NESTED * len(self.codes))


@dataclass(frozen=True)
class Token:
    """A place in names that are all built alike."""

    pattern: str  # an expression for what stands there: the text itself where it is always the same
    texts: list[str]  # N

    @property
    def varies(self) -> bool:
        """Whether two names differ here."""
        return len(set(self.texts)) > 1


def find_candidates(images: Sequence[str], labels: Sequence[str | None]) -> list[Candidate]:
    """Candidates that group some images, and are neither the class nor the split; of equal groups only the first.

    Args:
        images: N paths with `/`.
        labels: N classes; None where there is none.
    """
    distinct: dict[bytes, Candidate] = {}
    for by in dict.fromkeys([*_number_expressions(images, labels), *_field_expressions(images)]):
        candidate = _read_candidate(images, labels, by)
        if candidate is not None:
            distinct.setdefault(candidate.codes.tobytes(), candidate)
    return list(distinct.values())[:MOST]


def read_expression(images: Sequence[str], labels: Sequence[str | None], by: str) -> Names | None:
    """The groups that an expression names, as `--by` reads it; None where it does not fit every image."""
    read = _read_ordered(images, labels, by)
    return None if read is None else read[0]


def _read_ordered(
    images: Sequence[str], labels: Sequence[str | None], by: str
) -> tuple[Names, Sequence[int]] | None:
    """The groups, and the rows in the order of the names or of a captured number."""
    pattern = re.compile(by)
    matches = [match for text in searched_texts(images, by) if (match := pattern.search(text)) is not None]
    if len(matches) < len(images):
        return None
    if not any(is_number_name(name) for name in pattern.groupindex):
        return [match[1] for match in matches], range(len(images))
    try:
        return sequence_groups(matches, labels)
    except ValueError:
        return None


def _read_candidate(images: Sequence[str], labels: Sequence[str | None], by: str) -> Candidate | None:
    read = _read_ordered(images, labels, by)
    if read is None:
        return None
    groups, order = read
    if not all(groups):
        return None  # a name in which nothing stands there
    first: dict[str | None, int] = {}
    for row in order:
        first.setdefault(groups[row], len(first))
    codes = np.array([first[group] for group in groups])
    sizes, is_sequence = np.bincount(codes), not isinstance(order, range)
    shared = sizes[sizes > 1].sum()
    words = {str(group).strip().lower() for group in first}
    if (
        len(sizes) < (LEAST_GROUPS if is_sequence else LEAST_SERIES)
        or sizes.max() > LARGEST * len(images)
        or shared < LEAST_SHARED * len(images)
        or words <= set(SPLIT_WORDS)
        or _follows_class(codes, labels)
    ):
        return None
    is_series = len(sizes) < LEAST_GROUPS
    rows = np.array(_number_order(images) if is_series else order)
    return Candidate(by, codes, is_sequence, is_series, rows[np.argsort(codes[rows], kind="stable")])


def _number_order(images: Sequence[str]) -> list[int]:
    """The rows in the order of the last number of their names."""
    numbers = [re.findall(r"\d+", stem) for stem in _stems(images)]
    return sorted(range(len(images)), key=lambda row: int(numbers[row][-1]) if numbers[row] else -1)


def _follows_class(codes: NDArray[Any], labels: Sequence[str | None]) -> bool:
    """Whether the class alone tells the group."""
    pairs = set(zip(labels, codes.tolist(), strict=True))
    classes = len(set(labels))
    return 1 < classes == len(pairs)


def _literal(text: str) -> str:
    """The text as an expression, without needless backslashes."""
    return re.sub(r"([\\.^$*+?{}\[\]|()])", r"\\\1", text)


def _stems(images: Sequence[str]) -> list[str]:
    names = [image.rpartition("/")[2] for image in images]
    return [name.rpartition(".")[0] or name for name in names]


def _common_tokens(stems: Sequence[str]) -> list[Token]:
    """The tokens of names that are all built alike; none where they are not."""
    split = [_TOKEN.findall(stem) for stem in stems]
    if len({len(tokens) for tokens in split}) != 1:
        return []
    tokens = []
    for texts in zip(*split, strict=True):
        kinds = {_kind(text) for text in texts}
        if len(kinds) > 1 and kinds <= {_LETTERS, _ANY_LETTERS}:
            kinds = {_ANY_LETTERS}
        if len(set(texts)) == 1:
            tokens.append(Token(_literal(texts[0]), list(texts)))
        elif len(kinds) != 1 or (kind := kinds.pop()) is None:
            return []
        else:
            tokens.append(Token(kind, list(texts)))
    return tokens


def _kind(text: str) -> str | None:
    if text.isdecimal():
        return r"\d+"
    if text[0].isalpha():
        return _LETTERS if text.isascii() else _ANY_LETTERS
    return None


def _field_expressions(images: Sequence[str]) -> Iterator[str]:
    """One capture group each: a field of the name, several in a row, what stands before a number, or folders."""
    start, stems = _without_split(_stems(images))
    tokens = _common_tokens(stems)
    varying = [place for place, token in enumerate(tokens) if token.varies]
    for first, last in _spans(len(varying)):
        yield start + _token_expression(tokens, varying[first], varying[last])
    yield start + _before_number(stems)
    yield start + r"(.*?)[\W_]*[^\W_]+\.[^.]*$"
    for separator in _SEPARATORS:
        for expression in _separator_expressions(stems, separator):
            yield start + expression
    yield from _folder_expressions(images)


def _before_number(stems: Sequence[str]) -> str:
    """What stands before the last number, at the end of the name."""
    separators = {match[1] if (match := re.search(r"([\W_]+)\d+$", stem)) else "" for stem in stems}
    if len(separators) == 1 and (separator := separators.pop()):
        return rf"(.+){_literal(separator)}\d+\.[^.]*$"
    return r"(.*?)[\W_]*\d+\.[^.]*$"


def _spans(count: int) -> Iterator[tuple[int, int]]:
    """(first, last) of one field, of the first ones, and of the last ones."""
    for first in range(count):
        for last in range(first, count):
            if first in (0, last) or last == count - 1:
                yield first, last


def _without_split(stems: Sequence[str]) -> tuple[str, list[str]]:
    """The start of an expression that skips a split in front of every name, and the names without it."""
    split = [re.match(r"([^\W_]+)([\W_]+)(?=.)", stem) for stem in stems]
    words = sorted({match[1] for match in split if match})
    if None in split or len(words) < 2 or not {word.lower() for word in words} <= set(SPLIT_WORDS):
        return "^", list(stems)
    separators = {match[2] for match in split if match}
    separator = _literal(separators.pop()) if len(separators) == 1 else r"[\W_]+"
    return f"^(?:{'|'.join(words)}){separator}", [
        stem[match.end() :] for stem, match in zip(stems, split, strict=True) if match
    ]


def _separator_expressions(stems: Sequence[str], separator: str) -> Iterator[str]:
    """The fields between equal separators: one of them, the first ones, and all but the last."""
    counts = sorted(stem.count(separator) for stem in stems)
    least = counts[int((1 - _USUAL) * len(counts))]
    mark = _literal(separator)
    other = f"[^{mark}]"
    for place in range(min(least, 5)):
        before = f"(?:{other}*{mark}+){{{place}}}" if place else ""
        yield from _whole_or_usual(stems, f"{before}({other}+){mark}")
        if place:
            yield from _whole_or_usual(stems, f"({before}{other}+){mark}")
    if least:
        yield from _whole_or_usual(stems, f"(.+){mark}")
    if counts[-1] > counts[0] and separator != ".":
        yield f"({other[:-1]}.]+)"  # names with and without what follows


def _whole_or_usual(stems: Sequence[str], expression: str) -> Iterator[str]:
    """The expression; where it fits only most names, one that makes the others groups of their own."""
    pattern = re.compile(expression)
    fits = sum(pattern.match(f"{stem}.x") is not None for stem in stems)
    if fits == len(stems):
        yield expression
    elif fits >= _USUAL * len(stems) and expression.startswith("(") and expression[1] != "?":
        inner, _, after = expression[1:].rpartition(")")
        yield f"({inner}(?={after})|.+)"


def _token_expression(tokens: list[Token], first: int, last: int) -> str:
    """The varying places from first to last, with fixed letters that stand directly before them."""
    start = first
    if first and not tokens[first - 1].varies and tokens[first - 1].texts[0].isalpha():
        start = first - 1
    before = "".join(token.pattern for token in tokens[:start])
    inside = "".join(token.pattern for token in tokens[start : last + 1])
    after = tokens[last + 1].pattern if last + 1 < len(tokens) else r"\."
    return f"{before}({inside}){after}"


def _folder_expressions(images: Sequence[str]) -> Iterator[str]:
    """A folder from the front or from the back, or the folders from the front."""
    depths = {image.count("/") for image in images}
    for place in range(min(depths)):
        before = f"(?:[^/]+/){{{place}}}" if place else ""
        yield f"^{before}([^/]+)/"
        if place:
            yield f"^({before}[^/]+)/"
    if len(depths) > 1 and min(depths):
        yield "([^/]+)/[^/]+$"
        yield "^(.+)/[^/]+$"


def _number_expressions(images: Sequence[str], labels: Sequence[str | None]) -> Iterator[str]:
    """A running number, with each field that may count through its groups."""
    tokens = _common_tokens(_stems(images))
    numbers = [place for place, token in enumerate(tokens) if token.pattern == r"\d+"]
    running = [place for place in numbers if _is_running(tokens[place].texts)]
    yield from _time_expressions(tokens)
    for place in running:
        for other, token in enumerate(tokens):
            if other != place and token.varies and 1 < len(set(token.texts)) <= MOST_CYCLE:
                yield _sequence_expression(tokens, {place: "number", other: "cycle"})
        expression = _sequence_expression(tokens, {place: "number"})
        if None not in labels and 1 < len(set(labels)) <= MOST_CYCLE:
            yield _with_class(images, labels, expression)
        yield expression
        for step in _usual_gaps(tokens[place].texts):
            yield _sequence_expression(tokens, {place: f"number_{step}"})


def _time_expressions(tokens: list[Token]) -> Iterator[str]:
    """A date followed by a time, which count in seconds."""
    for place in range(len(tokens) - 2):
        date, between, time = tokens[place : place + 3]
        are_digits = date.texts[0].isdecimal() and time.texts[0].isdecimal() and not between.varies
        if are_digits and {*map(len, date.texts)} == {8} and {*map(len, time.texts)} == {6}:
            before = "".join(token.pattern for token in tokens[:place])
            yield rf"^{before}(?P<number>\d+{between.pattern}\d+)"


def _is_running(texts: Sequence[str]) -> bool:
    return len(set(texts)) > 0.5 * len(texts)


def _sequence_expression(tokens: list[Token], names: dict[int, str]) -> str:
    last = max(names)
    parts = [
        f"(?P<{names[place]}>{token.pattern})" if place in names else token.pattern
        for place, token in enumerate(tokens[: last + 1])
    ]
    return "^" + "".join(parts)


def _with_class(images: Sequence[str], labels: Sequence[str | None], expression: str) -> str:
    """The expression with the class as the cycle: by its folder where classes are folders, else by the label."""
    parents = [image.rpartition("/")[0].rpartition("/")[2] for image in images]
    pairs = Counter(zip(parents, labels, strict=True))
    if len(pairs) == len(set(parents)) == len(set(labels)):
        return f"(?P<cycle>[^/]+)/{expression.removeprefix('^')}"
    return f"^(?P<cycle>){expression.removeprefix('^')}"


def _usual_gaps(texts: Sequence[str]) -> list[int]:
    """Steps of the sorted numbers above which a new group may begin: 1, and where the steps fall apart in two sizes."""
    steps = np.diff(np.unique(np.array([int(text) for text in texts], dtype=object)).astype(np.float64))
    if len(steps) < 2:
        return []
    ordered = np.unique(steps)
    gaps = [1] if ordered[0] <= 1 else []
    if len(ordered) > 1:
        place = int(np.argmax(ordered[1:] / ordered[:-1]))
        gaps.append(int(ordered[place]))
    return list(dict.fromkeys(gap for gap in gaps if gap > 0))
