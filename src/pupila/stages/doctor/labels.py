"""Checks on labels and on the split that came with the data."""

import re
import unicodedata

import polars as pl

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report.fingerprint import Fault
from pupila.core.messages import say, say_count
from pupila.core.vocabulary import ERROR, SPLITS
from pupila.stages.doctor.faults import fault

MIN_IMAGES = 10  # images of a class below which it can hardly be learned or evaluated
MIN_IMAGES_TO_SPLIT = 3  # images of a class below which it cannot be in train, validation and test


def single_class(data: Dataset) -> list[Fault]:
    """All labelled images have one label."""
    present = [name for name, count in data.class_counts().items() if count]
    return fault("single-class", present) if len(present) == 1 else []


def small_class(data: Dataset) -> list[Fault]:
    """Classes with fewer than 10 images; an error if one of them cannot be in every split."""
    small = {name: count for name, count in data.class_counts().items() if count < MIN_IMAGES}
    examples = [
        say_count("{name}: 1 image", "{name}: {n} images", count, name=name) for name, count in small.items()
    ]
    hopeless = any(count < MIN_IMAGES_TO_SPLIT for count in small.values())
    return fault("small-class", examples, ERROR if hopeless else None)


def class_name_variants(data: Dataset) -> list[Fault]:
    """Class names that differ only in case, spaces, hyphens or underscores."""
    alike: dict[str, list[str]] = {}
    for name in data.classes:
        alike.setdefault(_plain(name), []).append(name)
    return fault(
        "class-name-variants", [" / ".join(map(repr, names)) for names in alike.values() if len(names) > 1]
    )


def _plain(name: str) -> str:
    return re.sub(r"[\s_\-]+", "", unicodedata.normalize("NFKC", name).casefold())


def unlabelled_images(data: Dataset) -> list[Fault]:
    """Images without a label where others have one."""
    images = data.images.filter(pl.col("target").is_null())["image"].to_list()
    return fault("unlabelled", images)


def unknown_split(data: Dataset) -> list[Fault]:
    """Values of the split column, or folders beside train and test, that are not the name of a split."""
    given = data.images["given_split"].drop_nulls()
    counts = given.filter(~given.is_in(list(SPLITS))).value_counts().sort("given_split")
    return fault("unknown-split", [f"{value} ({count})" for value, count in counts.iter_rows()])


def class_missing_from_split(data: Dataset) -> list[Fault]:
    """Classes that do not occur in one of the given splits, if that split has labels."""
    examples = []
    occurs_in = data.shares > 0
    for split in SPLITS:
        present = occurs_in[(data.images["given_split"] == split).fill_null(False).to_numpy()].any(axis=0)
        if present.any():
            examples += [say("{name} in {split}", name=n, split=split)
                         for n, occurs in zip(data.classes, present, strict=True) if not occurs]  # fmt: skip
    return fault("class-missing-from-split", examples)
