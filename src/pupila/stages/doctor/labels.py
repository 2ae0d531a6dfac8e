"""Checks on labels."""

import re
import unicodedata

import polars as pl

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report.fingerprint import Fault
from pupila.core.messages import say_count
from pupila.core.vocabulary import ERROR
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
