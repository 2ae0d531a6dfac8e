"""The sample of an audit: machine labels drawn at random, and those with the lowest confidence.

The position of an image in the sample is a hash of the seed and its bytes: as good as random, the same after a
restart, and a larger sample contains the smaller one.
"""

import json
from dataclasses import dataclass

import polars as pl

from pupila.artifacts.dataset.labels import current_labels
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report.audit import Part, Sample
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say

RANDOM: Part = "random"
UNCERTAIN: Part = "uncertain"


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """One image that a reviewer is asked about."""

    row: int  # of the data set
    image: str
    sha256: str
    part: Part | None  # of an audit's sample, hidden from the reviewer; None: the item is a suspect
    label: str | None  # under review: a class, or the path of a mask; None: the model was unsure
    labeller: str = ""
    confidence: float | None = None
    hint: str = ""  # shown beside the image; empty: the review of it is blind


def read_machine_labels(data: Dataset, history: pl.DataFrame, rows: int) -> pl.DataFrame:
    """The machine labels that were in force when the history had `rows` rows, one per distinct image.

    Args:
        data: the data set.
        history: the whole label history.
        rows: of the history.

    Returns:
        `row`, `image`, `sha256`, `label`, `labeller`, `confidence` (null without confidence and votes).
        Images with a given label are left out, even if a machine repeated it.
    """
    then = current_labels(history.head(rows)).filter(~pl.col("annotator"))
    now = current_labels(history).select("sha256", by_annotator="annotator", now="target")
    votes = pl.Series("votes", [_vote_share(text) for text in then["votes"]], dtype=pl.Float64)
    labels = then.select(
        "sha256", pl.coalesce("confidence", votes).alias("confidence"), "labeller", label="target"
    )
    images = data.images.with_row_index("row").unique("sha256", keep="first", maintain_order=True)
    joined = (
        images.select("row", "image", "sha256", "target", "given_target")
        .join(labels, "sha256")
        .join(now, "sha256")
    )
    counts = pl.col("by_annotator") | pl.col("target").eq_missing(pl.col("now"))
    return (
        joined.filter(pl.col("given_target").is_null(), counts)
        .select("row", "image", "sha256", "label", "labeller", "confidence")
        .sort("sha256")
    )


def _vote_share(votes: str) -> float | None:
    """The share of the most frequent answer."""
    given = list(json.loads(votes).values()) if votes else []
    return max(given) / sum(given) if given and sum(given) else None


def population(labels: pl.DataFrame) -> pl.DataFrame:
    """The labels other than unsure: the population of the audit."""
    return labels.filter(pl.col("label").is_not_null())


def draw_items(labels: pl.DataFrame, sample: Sample) -> list[ReviewItem]:
    """The items to review in a random order, with both parts mixed.

    Args:
        labels: see `read_machine_labels`.
        sample: its seed and sizes.
    """
    # "draw" is part of the hash: another word would draw another sample.
    chance = [hash_order(sample.seed, "draw", digest) for digest in labels["sha256"]]
    drawn = labels.with_columns(chance=pl.Series(chance, dtype=pl.String)).sort("chance")
    labelled = population(drawn)
    at_random = labelled.head(sample.random)
    rest = drawn.join(at_random, "sha256", how="anti", maintain_order="left")
    with_confidence = rest.filter(pl.col("confidence").is_not_null() | pl.col("label").is_null())
    confidence_order = pl.when(pl.col("label").is_null()).then(-1.0).otherwise("confidence")
    uncertain = with_confidence.sort(confidence_order, "chance").head(sample.uncertain)
    items = [
        ReviewItem(row, image, digest, part, label, labeller, confidence)
        for part, table in ((RANDOM, at_random), (UNCERTAIN, uncertain))
        for row, image, digest, label, labeller, confidence in table.drop("chance").iter_rows()
    ]
    return sorted(items, key=lambda item: hash_order(sample.seed, "order", item.sha256))


def hash_order(seed: int, purpose: str, digest: str) -> str:
    """By what images are sorted at random: the same after a restart."""
    return files.sha256(f"{seed} {purpose} {digest}".encode())


def check_machine_labels(labels: pl.DataFrame, data: Dataset) -> None:
    """Refuse data without machine labels.

    Raises:
        PupilaError: there are none.
    """
    if population(labels).is_empty():
        raise PupilaError(
            say("There are no machine labels to audit"), actual=data.root,
            expected=say("machine labels that no annotator has replaced"), remedy="pupila label DATA --with vlm",
        )  # fmt: skip
