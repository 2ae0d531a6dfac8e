"""Making the split: keep a given split, draw the rest at random, audit the result."""

import numpy as np

from pupila.artifacts.dataset.leaks import find_leaks
from pupila.artifacts.dataset.manifest import Dataset, has_groups
from pupila.artifacts.dataset.name_groups.expression import Names
from pupila.artifacts.dataset.split_settings import SplitSettings
from pupila.artifacts.dataset.splits import CLEAN, LEAKING, Assignment, SplitFile
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count
from pupila.core.version import __version__
from pupila.core.vocabulary import REDRAW, SPLIT_WORDS, SPLITS, TEST, TRAIN, UNUSED, VALIDATION
from pupila.stages.split.allocate import Array
from pupila.stages.split.allocators import find_allocator
from pupila.stages.split.audit import find_likely_groups, measure_balance, name_parts
from pupila.stages.split.by import read_by, resolve_by
from pupila.stages.split.folds import find_given_folds, keep_given_folds


def make_split(data: Dataset, settings: SplitSettings) -> SplitFile:
    """Assign every image to train, validation or test (or to folds and test), and audit the result.

    A given split is kept: train, validation and test as they are; given train and test, validation is
    drawn from train; given train and validation, the given validation becomes the sealed test and
    validation is drawn from train.

    Raises:
        PupilaError: a given split without train, with unknown names, or for only some images; `--by` that
            does not match; too few groups.
    """
    settings, proposed = _resolve(data, settings)
    groups, splits = (None, None) if settings.by is None else read_by(data, settings.by)
    names = groups if groups is not None else data.images["group"].to_list()
    given = splits if splits is not None else data.images["given_split"].to_list()
    components = data.components(names)
    column = find_given_folds(data, settings)
    keeps_given = not settings.ignore_given and _is_given(given)
    if not keeps_given:
        assigned = _draw_splits(data, components, settings)
        origin = (
            say("The split was drawn at random.")
            if column is None
            else say("The test split was drawn at random.")
        )
        if settings.ignore_given and _is_given(given):
            origin += " " + say("The split that came with the data is ignored.")
    else:
        assigned, origin = _keep_given(data, _validate_given(data, given), components, settings)
    if column is None:
        folds = allocate_folds(data, assigned, components, settings)
    else:
        folds = keep_given_folds(data, assigned, column)
        origin += " " + say("The folds are those of the column {name}, in their order.", name=column)
    parts = name_parts(assigned, folds)
    leaks = find_leaks(data, names, parts)
    is_known = groups is not None or has_groups(data)
    rows = zip(
        *(data.images[c].to_list() for c in ("image", "sha256")),
        assigned,
        folds,
        components.tolist(),
        strict=True,
    )
    return SplitFile(
        data_hash=data.hash,
        settings=settings,
        origin=origin + proposed,
        verdict=LEAKING if leaks else CLEAN,
        leaks=leaks,
        balance=measure_balance(data, assigned, parts, components.tolist()),
        images=[Assignment(*row) for row in rows],
        made_by=f"pupila {__version__}",
        likely_groups=None if is_known else find_likely_groups(data, parts, keeps_given),
    )


def _resolve(data: Dataset, settings: SplitSettings) -> tuple[SplitSettings, str]:
    """The settings with the expression that `--by auto` stands for, and why it does, in words."""
    if settings.by is None or (by := resolve_by(data, settings.by)) == settings.by:
        return settings, ""
    assert data.group_proposal is not None, by
    return settings.model_copy(update={"by": by}), f" {data.group_proposal.describe()}"


def _is_given(given: Names) -> bool:
    return len({word for word in given if word}) > 1


def _validate_given(data: Dataset, given: Names) -> list[str]:
    """The given split, if it names a known split for every image."""
    odd = sorted({str(word) for word in given if word not in SPLITS})
    if odd:
        images = [
            image for image, word in zip(data.images["image"], given, strict=True) if word not in SPLITS
        ]
        examples = listing(images, 3)
        raise PupilaError(
            say("Invalid given split"),
            actual=say_count(
                "{names} for {n} image ({examples})",
                "{names} for {n} images ({examples})",
                len(images), names=listing(odd), examples=examples,
            ),
            expected=listing(list(SPLIT_WORDS), len(SPLIT_WORDS)), remedy=REDRAW,
        )  # fmt: skip
    if TRAIN not in given:
        raise PupilaError(
            say("The given split has no train"),
            actual=listing(sorted({str(word) for word in given})), expected=listing(list(SPLITS)),
            remedy=REDRAW,
        )  # fmt: skip
    return [str(word) for word in given]


def _keep_given(
    data: Dataset, given: list[str], components: Array, settings: SplitSettings
) -> tuple[list[str], str]:
    has_test = TEST in given
    assigned = list(given) if has_test else [TEST if name == VALIDATION else name for name in given]
    if VALIDATION in assigned:
        if settings.folds is None:
            return assigned, say("The split came with the data.")
        pooled = [TRAIN if name == VALIDATION else name for name in assigned]
        return pooled, say("The split came with the data; train and validation are pooled for the folds.")
    if settings.validation_share:
        rows = np.array([row for row, name in enumerate(assigned) if name == TRAIN])
        for row in rows[
            _allocate_rows(
                data,
                rows,
                components,
                [1 - settings.validation_share, settings.validation_share],
                settings.seed,
            )
            == 1
        ]:
            assigned[row] = VALIDATION
        return assigned, (
            say("The split came with the data; validation was drawn from train.") if has_test else
            say("The split came with the data: its validation is the sealed test; validation was drawn from train.")
        )  # fmt: skip
    return assigned, (
        say("The split came with the data.") if has_test else
        say("The split came with the data; its validation is the sealed test.")
    )  # fmt: skip


def _draw_splits(data: Dataset, components: Array, settings: SplitSettings) -> list[str]:
    shares = [1 - settings.validation_share - settings.test, settings.validation_share, settings.test]
    parts = _allocate_rows(data, np.arange(len(data)), components, shares, settings.seed)
    return [SPLITS[part] for part in parts]


def allocate_folds(
    data: Dataset, assigned: list[str], components: Array, settings: SplitSettings
) -> list[int | None]:
    """The fold of each image outside the test split, or None for all where the settings have no folds.

    Args:
        data: the data set.
        assigned: the split of each image.
        components: (N,) number of the group of related images that each belongs to; none is divided.
        settings: folds and seed.

    Raises:
        PupilaError: too few groups.
    """
    folds: list[int | None] = [None] * len(assigned)
    if settings.folds is None:
        return folds
    rows = np.array([row for row, name in enumerate(assigned) if name not in (TEST, UNUSED)])
    parts = _allocate_rows(data, rows, components, [1 / settings.folds] * settings.folds, settings.seed)
    for row, part in zip(rows.tolist(), parts.tolist(), strict=True):
        folds[row] = part
    return folds


def _allocate_rows(data: Dataset, rows: Array, components: Array, shares: list[float], seed: int) -> Array:
    """(len(rows),) part number of each row; rows of one component share a part."""
    numbers, component = np.unique(components[rows], return_inverse=True)
    needed = sum(share > 0 for share in shares)
    if len(numbers) < needed:
        raise PupilaError(
            say("Too few groups to split"), actual=say_count(
                "{n} group of related images",
                "{n} groups of related images",
                len(numbers),
            ),
            expected=say("at least {n}", n=needed), remedy=say("use fewer folds, or a finer --by"),
        )  # fmt: skip
    return np.asarray(find_allocator(data)(data, rows, component, shares, seed)[component])
