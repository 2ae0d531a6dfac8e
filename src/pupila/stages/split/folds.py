"""Folds that came with the data, in a column such as `fold`: they are kept, as a given split is."""

from pupila.artifacts.dataset.fold_columns import find_fold_columns
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.split_settings import SplitSettings
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count
from pupila.core.vocabulary import REDRAW, TEST


def find_given_folds(data: Dataset, settings: SplitSettings) -> str | None:
    """The column that numbers as many folds as are requested; None where it does not count.

    Args:
        data: the data set.
        settings: of the split; folds that are groups (`--by fold`) are drawn from.

    Raises:
        PupilaError: all such columns number more or fewer folds, or several differ.
    """
    count = settings.folds
    if count is None or settings.ignore_given:
        return None
    columns = find_fold_columns(data.images.select(data.own_columns))
    if settings.by in columns:
        return None
    counts = {name: folds.drop_nulls().n_unique() for name, folds in columns.items()}
    fitting = [name for name, there in counts.items() if there == count]
    if columns and not fitting:
        raise PupilaError(
            say("The data came with other folds than --folds {count}", count=count),
            actual=listing([say("{n} folds in the column {name}", n=n, name=name) for name, n in counts.items()]),
            remedy=say("{flag} for these folds, or draw new ones: {command}",
                       flag=f"--folds {next(iter(counts.values()))}", command=f"{REDRAW} --folds {count}"),
        )  # fmt: skip
    if any(not columns[name].equals(columns[fitting[0]]) for name in fitting[1:]):
        raise PupilaError(
            say("Several columns number {count} folds", count=count), actual=listing(fitting), expected=say("one"),
            remedy=say("rename the others, or draw new folds: {command}", command=f"{REDRAW} --folds {count}"),
        )  # fmt: skip
    return fitting[0] if fitting else None


def keep_given_folds(data: Dataset, assigned: list[str], column: str) -> list[int | None]:
    """The fold of each image, 0..K-1 in the order of the column's numbers; None in the test split.

    Args:
        data: the data set.
        assigned: the split of each image.
        column: that numbers the folds.

    Raises:
        PupilaError: an image outside the test split has no fold, or all images of a fold are in the test split.
    """
    numbers = find_fold_columns(data.images.select(column))[column].to_list()
    order = {number: place for place, number in enumerate(sorted({n for n in numbers if n is not None}))}
    folds = [
        None if split == TEST else order.get(number) for number, split in zip(numbers, assigned, strict=True)
    ]
    without = [image for image, split, fold in zip(data.images["image"], assigned, folds, strict=True)
               if split != TEST and fold is None]  # fmt: skip
    if without:
        raise PupilaError(
            say_count(
                "{n} image outside the test split has no fold",
                "{n} images outside the test split have no fold",
                len(without),
            ), actual=listing(without, 3),
            expected=say("a number in the column {name}", name=column),
            remedy=say("fill them in, or draw new folds: {command}", command=f"{REDRAW} --folds {len(order)}"),
        )  # fmt: skip
    empty = [str(number) for number, place in order.items() if place not in folds]
    if empty:
        raise PupilaError(
            say("All images of some folds are in the test split"), actual=listing(empty),
            expected=say("images of each fold in train"), remedy=f"{REDRAW} --folds {len(order)}",
        )  # fmt: skip
    return folds
