"""Data whose test split has no access yet, fresh for every test."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import pupila
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.vocabulary import TEST_ACCESS_FILE


def split_data(folder: Path, write: Callable[[Path], Path], val: float, test: float) -> Dataset:
    """What is written below the folder, opened and split into these shares."""
    with pytest.MonkeyPatch.context() as patch:  # the shared cache comes with each test, later than this
        patch.setenv("PUPILA_CACHE", str(folder / "cache"))
        data = pupila.open(write(folder / "data"))
        pupila.split(data, val=val, test=test)
    return data


@contextmanager
def unopened(data: Dataset) -> Iterator[Dataset]:
    """The data without a look at their test split, before and after."""
    seal = Path(data.home) / TEST_ACCESS_FILE
    seal.unlink(missing_ok=True)
    yield data
    seal.unlink(missing_ok=True)
