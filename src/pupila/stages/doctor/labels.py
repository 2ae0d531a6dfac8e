"""Checks on labels and on the split that came with the data."""

import re
import unicodedata

import polars as pl

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.messages import say
from pupila.core.vocabulary import ERROR, SPLITS
from pupila.stages.doctor.faults import Fault, fault

FEW = 10  # images of a class under which it can hardly be learned or judged
HOPELESS = 3  # images of a class under which it can't be in train, validation and test


def single_class(data: Dataset) -> list[Fault]:
    """All labelled images have one label."""
    present = [name for name, count in data.class_counts().items() if count]
    return fault("single-class", present) if len(present) == 1 else []


def small_class(data: Dataset) -> list[Fault]:
    """Classes with under 10 images; an error where one can't even be in every split."""
    small = {name: count for name, count in data.class_counts().items() if count < FEW}
    told = [say("{name}: {count} images", name=name, count=count) for name, count in small.items()]
    hopeless = any(count < HOPELESS for count in small.values())
    return fault("small-class", told, ERROR if hopeless else None)


def class_name_variants(data: Dataset) -> list[Fault]:
    """Classes whose names are one name to a reader."""
    alike: dict[str, list[str]] = {}
    for name in data.classes:
        alike.setdefault(_plain(name), []).append(name)
    return fault(
        "class-name-variants", [" / ".join(map(repr, names)) for names in alike.values() if len(names) > 1]
    )


def _plain(name: str) -> str:
    return re.sub(r"[\s_\-]+", "", unicodedata.normalize("NFKC", name).casefold())


def unlabelled(data: Dataset) -> list[Fault]:
    """Images without a label, where others have one."""
    blank = data.images.filter(pl.col("target").is_null())["image"].to_list()
    return fault("unlabelled", blank)


def unknown_split(data: Dataset) -> list[Fault]:
    """Values of the split column (or folders beside train and test) that name no split."""
    given = data.images["given_split"].drop_nulls()
    counts = given.filter(~given.is_in(list(SPLITS))).value_counts().sort("given_split")
    return fault("unknown-split", [f"{value} ({count})" for value, count in counts.iter_rows()])


def class_missing_from_split(data: Dataset) -> list[Fault]:
    """Classes that a given split with labels does not hold."""
    told = []
    there = data.shares > 0
    for split in SPLITS:
        present = there[(data.images["given_split"] == split).fill_null(False).to_numpy()].any(axis=0)
        if present.any():
            told += [say("{name} in {split}", name=n, split=split)
                     for n, found in zip(data.classes, present, strict=True) if not found]  # fmt: skip
    return fault("class-missing-from-split", told)
