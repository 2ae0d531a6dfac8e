"""Data sets with machine labels, for reviews."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

import pupila
from pupila.artifacts.dataset.labels import Label, append_labels
from pupila.artifacts.dataset.manifest import Dataset
from tests.pictures import write_photo

WHEN = "2026-11-21T12:00:00+00:00"


def flat(folder: Path, count: int) -> Dataset:
    """Photos without a label."""
    for number in range(count):
        write_photo(folder / f"{number:03d}.jpg", number, quality=90)
    return pupila.open(folder)


def label(
    data: Dataset,
    labels: Sequence[str | None],
    confidences: Sequence[float | None] | None = None,
    by: str = "vlm:x",
) -> Dataset:
    """The data with a machine label for each image, in the order of the rows."""
    confidences = confidences or [0.9] * len(labels)
    rows = data.images.select("image", "sha256").iter_rows()
    append_labels(data.home, [
        Label(image, digest, by, False, target, WHEN, confidence=confidence)
        for (image, digest), target, confidence in zip(rows, labels, confidences, strict=True)
    ])  # fmt: skip
    return pupila.open(data.root)


def machine_table(labels: Mapping[str, str | None]) -> pl.DataFrame:
    """Machine labels of simulated images, as `read_machine_labels` returns them."""
    digests = sorted(labels)
    return pl.DataFrame(
        {
            "row": list(range(len(digests))), "image": digests, "sha256": digests,
            "label": [labels[digest] for digest in digests], "labeller": ["vlm:x"] * len(digests),
            "confidence": [None] * len(digests),
        },
        schema={"row": pl.UInt32, "image": pl.String, "sha256": pl.String, "label": pl.String, "labeller": pl.String,
                "confidence": pl.Float64},
    )  # fmt: skip
