"""Data sets with machines' labels, for reviews."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

import pupila
from pupila.artifacts.dataset.labels import Label, append
from pupila.artifacts.dataset.manifest import Dataset
from tests.pictures import write_photo

WHEN = "2026-11-21T12:00:00+00:00"


def flat(folder: Path, count: int) -> Dataset:
    """So many photos without a label."""
    for number in range(count):
        write_photo(folder / f"{number:03d}.jpg", number, quality=90)
    return pupila.open(folder)


def label(
    data: Dataset, said: Sequence[str | None], sure: Sequence[float | None] | None = None, by: str = "vlm:x"
) -> Dataset:
    """The data with a machine's label of each picture, in the order of the rows."""
    sure = sure or [0.9] * len(said)
    rows = data.images.select("image", "sha256").iter_rows()
    append(data.home, [
        Label(image, digest, by, False, target, WHEN, confidence=confidence)
        for (image, digest), target, confidence in zip(rows, said, sure, strict=True)
    ])  # fmt: skip
    return pupila.open(data.root)


def machine_table(said: Mapping[str, str | None]) -> pl.DataFrame:
    """The machines' labels of made-up pictures, as `machine_labels` gives them."""
    digests = sorted(said)
    return pl.DataFrame(
        {
            "row": list(range(len(digests))), "image": digests, "sha256": digests,
            "said": [said[digest] for digest in digests], "labeller": ["vlm:x"] * len(digests),
            "confidence": [None] * len(digests),
        },
        schema={"row": pl.UInt32, "image": pl.String, "sha256": pl.String, "said": pl.String, "labeller": pl.String,
                "confidence": pl.Float64},
    )  # fmt: skip
