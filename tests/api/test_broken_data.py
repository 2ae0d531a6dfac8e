"""Objects that are not what they look like, and rows without an end: one sentence, and nothing is left behind."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pupila
from pupila.api import stored
from pupila.core.errors import PupilaError

PIXELS = np.zeros((8, 8, 3), np.uint8)


class Object:
    """Something with these attributes."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


class Image:
    """Hugging Face's feature, by its name."""

    def __init__(self, decode: bool = True) -> None:
        pass


class ClassLabel:
    """The same."""

    def __init__(self, names: Any) -> None:
        self.names = names


class Hub:
    """A data set of the hub, as far as Pupila looks."""

    def __init__(self, features: Any, rows: list[Any]) -> None:
        self.features, self.rows = features, rows
        self.column_names: list[str] = []

    def cast_column(self, name: str, feature: object) -> "Hub":
        return self

    def __iter__(self) -> Iterator[Any]:
        return iter(self.rows)


class Raising:
    """An object whose attributes raise."""

    @property
    def features(self) -> object:
        raise ZeroDivisionError


def endless(image: Any) -> Any:
    return itertools.repeat(image)


def raising() -> Iterator[Any]:
    yield PIXELS
    raise RuntimeError("from the user's own code")


CELL = {"bytes": b"x", "path": None}
LABELS = {"image": Image(), "label": ClassLabel(["a", "b"])}
CYCLE: dict[str, Any] = {}
CYCLE["train"] = CYCLE
BROKEN: dict[str, Any] = {
    "no samples": Object(samples=None, classes=["a"]),
    "short samples": Object(samples=[("x.jpg",)], classes=["a"]),
    "a number too high": Object(samples=[("x.jpg", 5)], classes=["a"]),
    "a negative number": Object(samples=[("x.jpg", -1)], classes=["a", "b"]),
    "a name for a number": Object(samples=[("x.jpg", "a")], classes=["a"]),
    "no classes": Object(samples=[("x.jpg", 0)], classes=None),
    "a subset of too few": Object(dataset=[PIXELS], indices=[4]),
    "a subset of nothing": Object(dataset=[PIXELS], indices=None),
    "a number of no class": Hub(LABELS, [{"image": CELL, "label": 7}]),
    "a row without its image": Hub(LABELS, [{"label": 0}]),
    "a row that is none": Hub(LABELS, [5]),
    "features in a list": Hub(["image"], []),
    "a class without names": Hub({"image": Image(), "label": ClassLabel(None)}, [{"image": CELL, "label": 0}]),
    "no way to cast": Object(features={"image": Image()}, column_names=["image"]),
    "attributes that raise": Raising(),
    "half a table": Object(columns=["image"], shape=(1, 1)),
    "a mapping of itself": CYCLE,
    "a mapping of broken data": {"train": Object(samples=3, classes=2)},
    "an iterator that raises": raising(),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_broken_data_are_refused_with_a_sentence(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUPILA_CACHE", str(tmp_path))
    with pytest.raises(PupilaError) as fault:
        pupila.open(BROKEN[name])
    assert fault.value.expected
    assert not list(tmp_path.rglob("*.png"))


@pytest.mark.parametrize("image", [PIXELS, "x.jpg"])
def test_an_iterator_without_an_end_is_refused(
    image: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUPILA_CACHE", str(tmp_path))
    monkeypatch.setattr(stored, "MOST_IN_MEMORY", 40)
    with pytest.raises(PupilaError, match="may have no end: found an iterator of more than 40 images"):
        pupila.open(endless(image))
    with pytest.raises(PupilaError, match="may have no end"):
        pupila.open({"train": endless(image)})
    assert not list(tmp_path.rglob("*.*"))


def test_an_iterator_takes_at_most_half_of_the_free_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUPILA_CACHE", str(tmp_path))
    monkeypatch.setattr(stored, "_free_bytes", lambda folder: 2000)
    with pytest.raises(PupilaError, match="at most half of the free disk"):
        pupila.open(endless(PIXELS))
    assert len(
        pupila.open([(np.full((8, 8, 3), n * 5, np.uint8), str(n % 2)) for n in range(20)])
    )  # has an end


def test_what_a_killed_process_left_in_the_cache_is_deleted_after_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUPILA_CACHE", str(tmp_path))
    old, new, other = (tmp_path / "datasets" / name for name in (f".{'a' * 32}", f".{'b' * 32}", ".other"))
    for folder in (old, new, other):
        folder.mkdir(parents=True)
        (folder / "x.png").write_bytes(b"x")
    for folder in (old, other):
        os.utime(folder, (0, 0))
    pupila.open([PIXELS])
    assert not old.exists() and new.exists() and other.exists()
