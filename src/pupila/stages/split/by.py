"""`--by`: a column or a regular expression that names the group or the given split of each image."""

import re
from collections import Counter

from pupila.artifacts.dataset.manifest import INTERNAL, Dataset
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.settings import closest
from pupila.core.vocabulary import SPLIT_WORDS

Names = list[str | None]


def read_by(data: Dataset, by: str) -> tuple[Names | None, Names | None]:
    """(groups, splits), one name per image; at least one of them is not None.

    A column, or a single capture group, names splits if all its values are names of splits
    (train, val, test and the like), and groups otherwise.

    Raises:
        PupilaError: unknown column, invalid expression, or images that it does not match.
    """
    columns = [name for name in data.images.columns if name not in INTERNAL]
    if by in columns:
        column = (
            f"{by}_" if f"{by}_" in columns else by
        )  # the user's column, where a manifest column has the same name
        return _classify_values([None if v is None else str(v) for v in data.images[column].to_list()])
    pattern = _compile_pattern(data, by)
    matches = [pattern.search(text) for text in _searched_texts(data, by)]
    _refuse_misses(data, by, matches)
    if pattern.groupindex:
        named = {name: _capture(matches, name) for name in pattern.groupindex}
        if set(named) - {"group", "split"}:
            raise PupilaError(
                say("Invalid --by"), actual=listing(list(named)), expected="(?P<group>...), (?P<split>...)"
            )
        splits = named.get("split")
        return named.get("group"), None if splits is None else _parse_splits(splits)
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
        and not any(pattern.search(text) for text in _searched_texts(data, by))
    ):
        raise PupilaError(
            say("Invalid --by: no column {name}, and the pattern matches no path. Columns: {columns}",
                name=repr(by), columns=", ".join(_columns(data)) or say("none")),
            remedy=f"--by {close}" if (close := closest(by, _columns(data))) else "",
        )  # fmt: skip
    return pattern


def _columns(data: Dataset) -> list[str]:
    """The columns that may name groups or splits: the groups that came with the data, and the user's own."""
    return [*(["group"] if data.images["group"].null_count() < len(data) else []), *data.own_columns]


def _searched_texts(data: Dataset, by: str) -> list[str]:
    """The texts that the expression is searched in: file names, or paths if it contains a slash."""
    paths: list[str] = data.images["image"].to_list()
    return paths if "/" in by else [path.rpartition("/")[2] for path in paths]


def _refuse_misses(data: Dataset, by: str, matches: list[re.Match[str] | None]) -> None:
    unmatched = [image for image, match in zip(data.images["image"], matches, strict=True) if match is None]
    if unmatched:
        raise PupilaError(
            say("--by {by} does not match {n} of {total} images", by=repr(by), n=len(unmatched), total=len(data)),
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
