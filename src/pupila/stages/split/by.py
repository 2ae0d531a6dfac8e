"""`--by`: a column or a regular expression that names each image's group, or the split it came with."""

import re
from collections import Counter

from pupila.artifacts.dataset.manifest import INTERNAL, Dataset
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.settings import unknown
from pupila.core.vocabulary import SPLIT_WORDS

Names = list[str | None]


def read_by(data: Dataset, by: str) -> tuple[Names | None, Names | None]:
    """(groups, splits), one name per image, of which `by` names at least one.

    A column, or a lone capture group, names splits where all its values are words for splits
    (train, val, test and the like), and groups otherwise.

    Raises:
        PupilaError: no such column, no valid expression, or images that it does not fit.
    """
    columns = [name for name in data.images.columns if name not in INTERNAL]
    if by in columns:
        column = f"{by}_" if f"{by}_" in columns else by  # the user's own, where a fact has the same name
        return _sorted_out([None if v is None else str(v) for v in data.images[column].to_list()])
    pattern = _compiled(data, by)
    matches = [pattern.search(text) for text in _texts(data, by)]
    _refuse_misses(data, by, matches)
    if pattern.groupindex:
        named = {name: _captured(matches, name) for name in pattern.groupindex}
        if set(named) - {"group", "split"}:
            raise PupilaError(
                say("Bad --by"), found=listing(list(named)), wanted="(?P<group>...), (?P<split>...)"
            )
        splits = named.get("split")
        return named.get("group"), None if splits is None else _as_splits(splits)
    return _sorted_out(_captured(matches, 1 if pattern.groups else 0))


def _compiled(data: Dataset, by: str) -> re.Pattern[str]:
    try:
        pattern = re.compile(by)
    except re.error as fault:
        raise PupilaError(
            say("Bad --by"), found=f"{by!r} ({fault})", wanted=say("a column or a regular expression"),
            remedy=r"--by 'product_(\d+)'",
        ) from fault  # fmt: skip
    if pattern.groups > 1 and not pattern.groupindex:
        raise PupilaError(
            say("Bad --by"), found=say("{n} capture groups in {by}", n=pattern.groups, by=repr(by)),
            wanted=say("one, or named ones"), remedy="(?:...) / (?P<group>...)",
        )  # fmt: skip
    if (
        not pattern.groups
        and by.isidentifier()
        and not any(pattern.search(text) for text in _texts(data, by))
    ):
        raise PupilaError(
            say("Bad --by"), found=repr(by), wanted=say("a column, or a regular expression that fits the paths"),
            remedy=unknown(by, [name for name in data.images.columns if name not in INTERNAL]),
        )  # fmt: skip
    return pattern


def _texts(data: Dataset, by: str) -> list[str]:
    """What the expression is searched in: file names, or whole paths where it has a slash."""
    paths: list[str] = data.images["image"].to_list()
    return paths if "/" in by else [path.rpartition("/")[2] for path in paths]


def _refuse_misses(data: Dataset, by: str, matches: list[re.Match[str] | None]) -> None:
    missed = [image for image, match in zip(data.images["image"], matches, strict=True) if match is None]
    if missed:
        raise PupilaError(
            say("--by {by} does not fit {n} of {all} images", by=repr(by), n=len(missed), all=len(data)),
            found=listing(missed, 3),
            wanted=say("an expression that is found in every file name (with a slash in it: in every path)"),
        )  # fmt: skip


def _captured(matches: list[re.Match[str] | None], which: int | str) -> Names:
    return [match[which] if match else None for match in matches]


def _sorted_out(values: Names) -> tuple[Names | None, Names | None]:
    words = {value.strip().lower() for value in values if value}
    if words and words <= set(SPLIT_WORDS):
        return None, _as_splits(values)
    _refuse_useless(values)
    return values, None


def _refuse_useless(values: Names) -> None:
    counts = Counter(values)
    if len(counts) == 1:
        raise PupilaError(
            say("--by puts every image into one group"), found=repr(next(iter(counts))),
            wanted=say("at least two groups"),
        )  # fmt: skip


def _as_splits(values: Names) -> Names:
    odd = sorted({v for v in values if v and v.strip().lower() not in SPLIT_WORDS})
    if odd:
        raise PupilaError(
            say("--by names splits that Pupila does not know"),
            found=listing(odd),
            wanted=listing(list(SPLIT_WORDS), 9),
        )
    return [SPLIT_WORDS[v.strip().lower()] if v else None for v in values]
