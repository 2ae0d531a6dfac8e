"""Making the split: honour what the data came with, draw the rest, audit the result."""

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import CLEAN, LEAKING, Assignment, SplitFile
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.version import __version__
from pupila.core.vocabulary import SPLITS, TEST, TRAIN, VALIDATION
from pupila.stages.split.allocate import Array, allocate
from pupila.stages.split.audit import balance, find_leaks
from pupila.stages.split.by import Names, read_by
from pupila.stages.split.settings import SplitSettings


def make_split(data: Dataset, wish: SplitSettings) -> SplitFile:
    """Assign every image to train, validation or test (or to folds and test), and audit the result.

    Where the data came with a split it is honoured: train/validation/test as they are; of train and
    test, validation is cut from train; of train and validation, theirs becomes the sealed test and
    validation is cut from train.

    Raises:
        PupilaError: a given split without train, with unknown words, or for only some images; `--by` that
            does not fit; too few groups.
    """
    groups, splits = (None, None) if wish.by is None else read_by(data, wish.by)
    names = groups if groups is not None else data.images["group"].to_list()
    given = splits if splits is not None else data.images["given_split"].to_list()
    together = data.components(names)
    if wish.ignore_given or not _is_given(given):
        sides, origin = _drawn(data, together, wish), say("was drawn")
    else:
        sides, origin = _honoured(data, _checked(data, given), together, wish)
    folds = _folds(data, sides, together, wish)
    leaks = find_leaks(data, names, sides, folds)
    rows = zip(
        *(data.images[c].to_list() for c in ("image", "sha256")), sides, folds, together.tolist(), strict=True
    )
    return SplitFile(
        data_hash=data.hash,
        settings=wish.model_dump(),
        origin=origin,
        verdict=LEAKING if leaks else CLEAN,
        leaks=leaks,
        balance=balance(data, sides, together.tolist()),
        images=[Assignment(*row) for row in rows],
        made_by=f"pupila {__version__}",
    )


def _is_given(given: Names) -> bool:
    return len({word for word in given if word}) > 1


def _checked(data: Dataset, given: Names) -> list[str]:
    """The given split, if it says something known of every image."""
    odd = sorted({str(word) for word in given if word not in SPLITS})
    if odd:
        where = [image for image, word in zip(data.images["image"], given, strict=True) if word not in SPLITS]
        examples = listing(where, 3)
        raise PupilaError(
            say("The split that came with the data can't be honoured"),
            found=say("{words} for {n} images ({examples})", words=listing(odd), n=len(where), examples=examples),
            wanted=listing(list(SPLITS)), remedy="--ignore-given",
        )  # fmt: skip
    if TRAIN not in given:
        raise PupilaError(
            say("The split that came with the data has no train"),
            found=listing(sorted({str(word) for word in given})), wanted=listing(list(SPLITS)),
            remedy="--ignore-given",
        )  # fmt: skip
    return [str(word) for word in given]


def _honoured(data: Dataset, given: list[str], together: Array, wish: SplitSettings) -> tuple[list[str], str]:
    sides, origin = list(given), say("came with the data")
    if TEST not in given:
        sides = [TEST if side == VALIDATION else side for side in sides]
        origin = say("came with the data, whose validation split is kept as the sealed test")
    if VALIDATION in sides:
        if wish.folds is not None:
            sides = [TRAIN if side == VALIDATION else side for side in sides]
            origin += say("; train and validation are pooled for the folds")
        return sides, origin
    if wish.validation_share:
        rows = np.array([row for row, side in enumerate(sides) if side == TRAIN])
        for row in rows[
            _parts(data, rows, together, [1 - wish.validation_share, wish.validation_share], wish.seed) == 1
        ]:
            sides[row] = VALIDATION
        origin += say("; validation is cut from train")
    return sides, origin


def _drawn(data: Dataset, together: Array, wish: SplitSettings) -> list[str]:
    shares = [1 - wish.validation_share - wish.test, wish.validation_share, wish.test]
    parts = _parts(data, np.arange(len(data)), together, shares, wish.seed)
    return [SPLITS[part] for part in parts]


def _folds(data: Dataset, sides: list[str], together: Array, wish: SplitSettings) -> list[int | None]:
    folds: list[int | None] = [None] * len(sides)
    if wish.folds is None:
        return folds
    rows = np.array([row for row, side in enumerate(sides) if side != TEST])
    parts = _parts(data, rows, together, [1 / wish.folds] * wish.folds, wish.seed)
    for row, part in zip(rows.tolist(), parts.tolist(), strict=True):
        folds[row] = part
    return folds


def _parts(data: Dataset, rows: Array, together: Array, shares: list[float], seed: int) -> Array:
    """(len(rows),) the part of each row; rows of one component get one part."""
    of, blank = data.shares, data.images["target"].is_null().to_numpy()
    numbers, component = np.unique(together[rows], return_inverse=True)
    wanted = sum(share > 0 for share in shares)
    if len(numbers) < wanted:
        raise PupilaError(
            say("Too few groups to split"), found=say("{n} groups of images that belong together", n=len(numbers)),
            wanted=say("at least {n}", n=wanted), remedy=say("fewer folds, or a finer --by"),
        )  # fmt: skip
    counts = np.zeros((len(numbers), of.shape[1] + 1))  # the last column: images without a label
    np.add.at(counts, component, np.column_stack([of, blank])[rows])
    return np.asarray(allocate(counts, shares, seed)[component])
