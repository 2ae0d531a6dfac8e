"""Which labels a person is asked about: machines' labels drawn at random, and those that were doubted most.

A picture's place in the draw is a hash of the seed and its bytes: it is as good as chance, the same after a restart,
and a larger sample holds the smaller one.
"""

import json
from dataclasses import dataclass

import polars as pl

from pupila.artifacts.dataset.labels import in_force
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say

RANDOM, DOUBTFUL = "random", "doubtful"


@dataclass(frozen=True, slots=True)
class Draw:
    """What decides which pictures are asked about; the labels are those that were in force when it was made."""

    seed: int
    sample: int  # pictures at random
    doubtful: int  # further pictures, the most doubted first
    rows: int  # of the history at that time
    time: str  # ISO 8601, UTC


@dataclass(frozen=True, slots=True)
class Question:
    """One picture that a person is asked about."""

    row: int  # of the data set
    image: str
    sha256: str
    part: str  # RANDOM, DOUBTFUL, or why else it is asked; the person is not told
    said: (
        str | None
    )  # the label that is examined: a class, or the path of a mask; None: the machine was unsure
    labeller: str = ""
    confidence: float | None = None


def machine_labels(data: Dataset, told: pl.DataFrame, rows: int) -> pl.DataFrame:
    """The machines' labels that were in force when the history had so many rows, a row for each distinct picture.

    Args:
        data: the data set.
        told: the whole history.
        rows: of it.

    Returns:
        `row`, `image`, `sha256`, `said`, `labeller`, `confidence` (null where neither that nor votes were told).
        A picture that came with a label is none of them, also where a machine repeated that.
    """
    then = in_force(told.head(rows)).filter(~pl.col("person"))
    now = in_force(told).select("sha256", by_person="person", now="target")
    votes = pl.Series("votes", [_agreement(text) for text in then["votes"]], dtype=pl.Float64)
    labels = then.select(
        "sha256", pl.coalesce("confidence", votes).alias("confidence"), "labeller", said="target"
    )
    images = data.images.with_row_index("row").unique("sha256", keep="first", maintain_order=True)
    joined = (
        images.select("row", "image", "sha256", "target", "given_target")
        .join(labels, "sha256")
        .join(now, "sha256")
    )
    counts = pl.col("by_person") | pl.col("target").eq_missing(pl.col("now"))
    return (
        joined.filter(pl.col("given_target").is_null(), counts)
        .select("row", "image", "sha256", "said", "labeller", "confidence")
        .sort("sha256")
    )


def _agreement(votes: str) -> float | None:
    """The share of the most frequent answer."""
    given = list(json.loads(votes).values()) if votes else []
    return max(given) / sum(given) if given and sum(given) else None


def population(labels: pl.DataFrame) -> pl.DataFrame:
    """The labels that say something: what the audit is about."""
    return labels.filter(pl.col("said").is_not_null())


def questions(labels: pl.DataFrame, draw: Draw) -> list[Question]:
    """The pictures that are asked about, in the order of the questions: both parts are mixed.

    Args:
        labels: see `machine_labels`.
        draw: how many.
    """
    chance = [_chance(draw.seed, "draw", digest) for digest in labels["sha256"]]
    drawn = labels.with_columns(chance=pl.Series(chance, dtype=pl.String)).sort("chance")
    sure = population(drawn)
    at_random = sure.head(draw.sample)
    rest = drawn.join(at_random, "sha256", how="anti", maintain_order="left")
    known = rest.filter(pl.col("confidence").is_not_null() | pl.col("said").is_null())
    doubt = pl.when(pl.col("said").is_null()).then(-1.0).otherwise("confidence")
    doubted = known.sort(doubt, "chance").head(draw.doubtful)
    asked = [
        Question(row, image, digest, part, said, labeller, confidence)
        for part, some in ((RANDOM, at_random), (DOUBTFUL, doubted))
        for row, image, digest, said, labeller, confidence in some.drop("chance").iter_rows()
    ]
    return sorted(asked, key=lambda one: _chance(draw.seed, "order", one.sha256))


def _chance(seed: int, what: str, digest: str) -> str:
    return files.sha256(f"{seed} {what} {digest}".encode())


def check(labels: pl.DataFrame, data: Dataset) -> None:
    """Refuse data without a machine's label.

    Raises:
        PupilaError: there is none.
    """
    if population(labels).is_empty():
        raise PupilaError(
            say("No machine's label is there to audit"), found=data.root,
            wanted=say("labels of a machine that no person has answered yet"), remedy="pupila label DATA --with vlm",
        )  # fmt: skip
