"""The history of labels: who said what of which picture, when, how surely and at what cost; nothing is erased.

A label is of what the picture's bytes show, so it is found by their hash, and follows a file that was renamed.
"""

import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl
from filelock import FileLock

from pupila import files
from pupila.errors import PupilaError
from pupila.messages import say
from pupila.vocabulary import LABELS_FILE, SCHEMA_VERSION

HISTORY: dict[str, Any] = {
    "image": pl.String,
    "sha256": pl.String,
    "labeller": pl.String,
    "person": pl.Boolean,
    "target": pl.String,
    "confidence": pl.Float64,
    "votes": pl.String,
    "cost": pl.Float64,
    "seconds": pl.Float64,
    "time": pl.String,
    "note": pl.String,
}


@dataclass(frozen=True, slots=True)
class Label:
    """What one labeller said once of one picture."""

    image: str  # path as in the manifest when it was said
    sha256: str  # of the picture's bytes
    labeller: (
        str  # "vlm:MODEL", "roboflow:MODEL", "bundle:HASH", "csv:FILE", "label-studio:FILE", "person:NAME"
    )
    person: bool  # a person said so: outranks every machine
    target: str | None  # a class, or the path of a mask below the data's root; None: unsure
    time: str  # ISO 8601, UTC
    confidence: float | None = None  # 0..1
    votes: str = ""  # JSON: answer to how often it was given
    cost: float | None = None  # US dollars
    seconds: float | None = None  # that the answer took
    note: str = ""  # why: "audit", "suspect", the prompt's hash


def history(home: str) -> pl.DataFrame:
    """All labels ever given, in the order in which they were given; `HISTORY` columns.

    Args:
        home: folder of the data set's own files.

    Raises:
        PupilaError: the file is no history that this Pupila can read.
    """
    uri = files.join(home, LABELS_FILE)
    if not files.exists(uri):
        return pl.DataFrame(schema=HISTORY)
    content = files.read_bytes(uri)
    try:
        version = int(pl.read_parquet_metadata(io.BytesIO(content))["pupila.schema"])
        found = pl.read_parquet(io.BytesIO(content)).select(list(HISTORY))
    except (KeyError, ValueError, pl.exceptions.PolarsError) as fault:
        raise PupilaError(
            say("Can't read the labels {path}", path=uri), found=str(fault).splitlines()[0],
            wanted=say("a file that Pupila wrote"), remedy=say("bring back a copy of it"),
        ) from fault  # fmt: skip
    if version > SCHEMA_VERSION:
        raise PupilaError(
            say("The labels {path} are of a later Pupila", path=uri), found=f"schema {version}",
            wanted=f"schema {SCHEMA_VERSION}", remedy="pip install --upgrade pupila",
        )  # fmt: skip
    return found


def append(home: str, labels: Sequence[Label]) -> None:
    """Add to the history, whole or not at all; several processes of one machine may do so at once.

    Args:
        home: folder of the data set's own files; in a store nothing keeps two writers apart.
        labels: in the order in which they were given.
    """
    if not labels:
        return
    new = pl.DataFrame([asdict(label) for label in labels], schema=HISTORY)
    uri = files.join(home, LABELS_FILE)
    if files.is_remote(uri):
        _write(uri, home, new)
        return
    lock = files.cache_folder() / "locks" / files.sha256(files.absolute(uri).encode())[:16]
    lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock):
        _write(uri, home, new)


def _write(uri: str, home: str, new: pl.DataFrame) -> None:
    files.write_parquet(uri, pl.concat([history(home), new]), {"pupila.schema": str(SCHEMA_VERSION)})


def in_force(told: pl.DataFrame) -> pl.DataFrame:
    """The label that counts of each picture: the last of a person, else the last of a machine.

    Args:
        told: `HISTORY` columns, in their order.

    Returns:
        One row per `sha256`, `HISTORY` columns. A `target` of null is an answer too: a person was unsure, or took
        a label back.
    """
    numbered = told.with_row_index("number").sort("person", "number")
    return numbered.group_by("sha256", maintain_order=True).last().sort("number").drop("number")


def with_labels(images: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    """The images with the targets that the history puts in force.

    A person's answer stands above what came with the data; a machine's counts where nothing did.

    Args:
        images: with `sha256` and `target`.
        told: see `in_force`.
    """
    if told.is_empty():
        return images
    found = in_force(told).select("sha256", said="target", person="person")
    joined = images.join(found, on="sha256", how="left", maintain_order="left")
    given = pl.col("target")
    force = pl.when(pl.col("person")).then("said").otherwise(pl.coalesce(given, "said"))
    return joined.with_columns(target=force).drop("said", "person")
