"""`--by`: a column or a regular expression that names the group or the given split of each image."""

import re
from collections import Counter
from typing import Any

from pupila.artifacts.dataset.manifest import INTERNAL, Dataset, has_groups
from pupila.artifacts.dataset.name_groups.comparison import name_classes
from pupila.artifacts.dataset.name_groups.expression import (
    CYCLE,
    GROUP,
    Names,
    is_number_name,
    searched_texts,
    sequence_groups,
)
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_images
from pupila.core.settings import closest
from pupila.core.vocabulary import SPLIT_WORDS

AUTO = "auto"  # `--by auto`: the expression that is proposed for the data
SPLIT = "split"  # name of the capture group that holds a given split
NAMED = "(?P<group>...), (?P<split>...), (?P<number>...), (?P<cycle>...)"


def resolve_by(data: Dataset, by: str) -> str:
    """The expression that `auto` stands for; any other `by` as it is, and a column named auto.

    Raises:
        PupilaError: no groups are likely in the names.
    """
    if by != AUTO or by in data.images.columns:
        return by
    if (proposal := data.group_proposal) is not None:
        return proposal.by
    if has_groups(data):
        raise PupilaError(
            say("--by auto needs data whose groups are not known"), actual=say("groups that came with the data"),
            expected=say("no column of groups"), remedy=say("leave --by out: the groups that came are used"),
        )  # fmt: skip
    raise PupilaError(
        say("--by auto: no groups are likely in the file names"),
        actual=say(
            "no field, folder or running number whose images are more alike than others of their class"
        ),
        expected=say("file names that tell which images belong together"),
        remedy=say("--by with a column or a regular expression, or leave --by out"),
    )


def find_column(data: Dataset, by: str) -> list[Any] | None:
    """The cells of a column, of the user's own where the manifest has one of this name; None: no such column."""
    columns = [name for name in data.images.columns if name not in INTERNAL]
    name = f"{by}_" if f"{by}_" in columns and by in data.images.columns else by
    return data.images[name].to_list() if name in columns else None


def read_by(data: Dataset, by: str) -> tuple[Names | None, Names | None]:
    """(groups, splits), one name per image; at least one of them is not None.

    A column, or a single capture group, names splits if all its values are names of splits
    (train, val, test and the like), and groups otherwise.

    Raises:
        PupilaError: unknown column, invalid expression, or images that it does not match.
    """
    if (cells := find_column(data, by)) is not None:
        return _classify_values([None if cell is None else str(cell) for cell in cells])
    pattern = _compile_pattern(data, by)
    matches = [pattern.search(text) for text in searched_texts(data.images["image"].to_list(), by)]
    _refuse_misses(data, by, matches)
    if pattern.groupindex:
        named = {name: _capture(matches, name) for name in pattern.groupindex}
        numbers = [name for name in named if is_number_name(name)]
        unknown = set(named) - {GROUP, SPLIT, CYCLE, *numbers}
        if unknown or len(numbers) > 1 or (CYCLE in named and not numbers):
            raise PupilaError(say("Invalid --by"), actual=listing(list(named)), expected=NAMED)
        splits = named.get(SPLIT)
        groups = _read_sequences(data, by, matches) if numbers else named.get(GROUP)
        return groups, None if splits is None else _parse_splits(splits)
    return _classify_values(_capture(matches, 1 if pattern.groups else 0))


def _compile_pattern(data: Dataset, by: str) -> re.Pattern[str]:
    try:
        pattern = re.compile(by)
    except re.error as fault:
        raise PupilaError(
            say("Invalid --by"), actual=f"{by!r} ({fault})", expected=say("a column or a regular expression"),
            remedy=r"--by 'product_(\d+)'",
        ) from fault  # fmt: skip
    if pattern.groups > 1 and not pattern.groupindex:
        raise PupilaError(
            say("Invalid --by"), actual=say("{n} capture groups in {by}", n=pattern.groups, by=repr(by)),
            expected=say("one capture group, or named ones"), remedy="(?:...) / (?P<group>...)",
        )  # fmt: skip
    if (
        not pattern.groups
        and by.isidentifier()
        and not any(pattern.search(text) for text in searched_texts(data.images["image"].to_list(), by))
    ):
        raise PupilaError(
            say("Invalid --by: no column {name}, and the pattern matches no path. Columns: {columns}",
                name=repr(by), columns=", ".join(_columns(data)) or say("none")),
            remedy=f"--by {close}" if (close := closest(by, _columns(data))) else "",
        )  # fmt: skip
    return pattern


def _read_sequences(data: Dataset, by: str, matches: list[re.Match[str] | None]) -> Names:
    """A group for each run of the captured number."""
    try:
        groups, _ = sequence_groups(
            [match for match in matches if match], name_classes(data.shares, data.classes)
        )
    except ValueError as fault:
        raise PupilaError(
            say("Invalid --by"), actual=repr(by),
            expected=say("digits in (?P<number>...), and a class of each image where (?P<cycle>) is empty"),
        ) from fault  # fmt: skip
    _refuse_single_group(groups)
    return groups


def _columns(data: Dataset) -> list[str]:
    """The columns that may name groups or splits: the groups that came with the data, and the user's own."""
    return [*(["group"] if has_groups(data) else []), *data.own_columns]


def _refuse_misses(data: Dataset, by: str, matches: list[re.Match[str] | None]) -> None:
    unmatched = [image for image, match in zip(data.images["image"], matches, strict=True) if match is None]
    if unmatched:
        raise PupilaError(
            say("--by {by} does not match {n} of {images}", by=repr(by), n=len(unmatched),
                images=say_images(len(data))),
            actual=listing(unmatched, 3),
            expected=say("an expression that matches every file name, or every path if it contains a slash"),
        )  # fmt: skip


def _capture(matches: list[re.Match[str] | None], which: int | str) -> Names:
    return [match[which] if match else None for match in matches]


def _classify_values(values: Names) -> tuple[Names | None, Names | None]:
    words = {value.strip().lower() for value in values if value}
    if words and words <= set(SPLIT_WORDS):
        return None, _parse_splits(values)
    _refuse_single_group(values)
    return values, None


def _refuse_single_group(values: Names) -> None:
    counts = Counter(values)
    if len(counts) == 1:
        raise PupilaError(
            say("--by puts every image into one group"), actual=repr(next(iter(counts))),
            expected=say("at least two groups"),
        )  # fmt: skip


def _parse_splits(values: Names) -> Names:
    odd = sorted({v for v in values if v and v.strip().lower() not in SPLIT_WORDS})
    if odd:
        raise PupilaError(
            say("Unknown splits in --by"),
            actual=listing(odd),
            expected=listing(list(SPLIT_WORDS), 9),
        )
    return [SPLIT_WORDS[v.strip().lower()] if v else None for v in values]
