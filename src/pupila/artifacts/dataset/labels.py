"""The history of labels: who said what of which picture, when, how surely and at what cost; nothing is erased.

A label is of what the picture's bytes show, so it is found by their hash, and follows a file that was renamed.
"""

import contextlib
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
from filelock import FileLock

from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.vocabulary import LABELS_FILE, LABELS_LOCK_FILE, SCHEMA_VERSION

TAKEN_BACK = (
    "taken back"  # what the note of a row ends with that takes back the last answer for the same reason
)

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

    Raises:
        PupilaError: the folder can't be written to, or holds no history that can be read.
    """
    if not labels:
        return
    new = pl.DataFrame([asdict(label) for label in labels], schema=HISTORY)
    uri = files.join(home, LABELS_FILE)
    if files.is_remote(uri):
        _write(uri, home, new)
        return
    with _locked(files.join(home, LABELS_LOCK_FILE)):
        _write(uri, home, new)


@contextlib.contextmanager
def _locked(path: str) -> Iterator[None]:
    """Beside the history, so that all who can write it meet at one lock: other users and other containers, too."""
    lock = FileLock(path, mode=0o666)  # another user's process has to be able to open it
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as fault:
        raise PupilaError(
            say("Can't write {path}", path=path), found=fault.strerror or str(fault),
            wanted=say("a folder that may be written to"),
        ) from fault  # fmt: skip
    try:
        yield
    finally:
        lock.release()


def _write(uri: str, home: str, new: pl.DataFrame) -> None:
    files.write_parquet(uri, pl.concat([history(home), new]), {"pupila.schema": str(SCHEMA_VERSION)})


def standing(told: pl.DataFrame) -> pl.DataFrame:
    """The labels that were not taken back, and none of the rows that took one back.

    Args:
        told: `HISTORY` columns, in their order.
    """
    gone: set[int] = set()
    said: dict[tuple[str, str], list[int]] = {}  # numbers of the rows that stand, by picture and reason
    for number, (digest, person, note) in enumerate(told.select("sha256", "person", "note").iter_rows()):
        if not person:
            continue
        why, _, more = note.partition(": ")
        before = said.setdefault((digest, why), [])
        if more != TAKEN_BACK:
            before.append(number)
            continue
        gone |= {number, *before[-1:]}
        del before[-1:]
    return told.filter(~pl.int_range(pl.len()).is_in(list(gone))) if gone else told


def in_force(told: pl.DataFrame) -> pl.DataFrame:
    """The label that counts of each picture: the latest of a person, else the last of a machine.

    Persons' labels go by the time they were given, of equal times the later row: answers that were given elsewhere
    long ago may be added today. What was taken back is as if it had never been said.

    Args:
        told: `HISTORY` columns, in their order.

    Returns:
        One row per `sha256`, `HISTORY` columns. A `target` of null is an answer too: a person was unsure.
    """
    stands = standing(told)
    given = [
        _seconds(time) if person else 0.0 for person, time in stands.select("person", "time").iter_rows()
    ]
    ordered = (
        stands.with_row_index("number")
        .with_columns(given=pl.Series(given, dtype=pl.Float64))
        .sort("person", "given", "number")
    )
    last = ordered.group_by("sha256", maintain_order=True).last()
    return last.sort("number").select(list(HISTORY))


def _seconds(time: str) -> float:
    """Since 1970; without an offset it is UTC, and one that can't be read counts as before all others."""
    try:
        told = datetime.fromisoformat(time)
    except ValueError:
        return -math.inf
    return (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()


def with_labels(images: pl.DataFrame, told: pl.DataFrame, masks: bool) -> pl.DataFrame:
    """The images with the targets that the history puts in force.

    A person's answer stands above what came with the data; a machine's counts where nothing did.

    Args:
        images: with `sha256` and `target`.
        told: see `in_force`.
        masks: whether targets are paths of masks. One that a machine wrote did not come with the data, though its file
            lies where the layout finds it.

    Returns:
        The images with a further column, `given_target`: what came with the data.
    """
    images = images.with_columns(given_target="target")
    if told.is_empty():
        return images
    if masks:
        drawn = told.filter(~pl.col("person")).select("sha256", "target", drawn=True).drop_nulls().unique()
        found = images.join(drawn, on=["sha256", "target"], how="left", maintain_order="left")
        images = found.with_columns(given_target=pl.when("drawn").then(None).otherwise("target")).drop(
            "drawn"
        )
    force = in_force(told).select("sha256", "person", said="target")
    joined = images.join(force, on="sha256", how="left", maintain_order="left")
    machines = pl.coalesce("given_target", "said")
    return joined.with_columns(target=pl.when("person").then("said").otherwise(machines)).drop(
        "said", "person"
    )
