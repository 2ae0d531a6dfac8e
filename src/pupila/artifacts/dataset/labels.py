"""The label history: one row per label, with its labeller, time, confidence and cost; rows are never deleted.

On disk a hidden copy lies beside it and stands in for a damaged file: no command can ask the annotators again.
A label belongs to the image's bytes. It is looked up by their hash, so it survives renaming the file.
"""

import contextlib
import io
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from pathlib import Path

import polars as pl

from pupila.artifacts.dataset.columns import UNREADABLE, Schema, first_line, refuse_newer_schema
from pupila.core import checksums, files, locks, stores
from pupila.core.errors import PupilaError, name_unread_files
from pupila.core.messages import say, say_count
from pupila.core.vocabulary import LABELS_COPY_FILE, LABELS_FILE, LABELS_LOCK_FILE, is_own_file

LABELS_SCHEMA = 2  # of labels.parquet; 1 had the column `person` and labellers "person:NAME"
RETRACTED = "retracted"  # "REASON: retracted" as a note withdraws the annotator's last label for that reason

HISTORY: Schema = {
    "image": pl.String,
    "sha256": pl.String,
    "labeller": pl.String,
    "annotator": pl.Boolean,
    "target": pl.String,
    "confidence": pl.Float64,
    "votes": pl.String,
    "cost": pl.Float64,
    "seconds": pl.Float64,
    "time": pl.String,
    "note": pl.String,
}


_KEY = {"sha256", "labeller"}  # columns of every history


@dataclass(frozen=True, slots=True)
class Label:
    """One label that one labeller gave to one image."""

    image: str  # path as in the manifest at that time
    sha256: str  # of the image's bytes
    labeller: (
        str  # "vlm:MODEL", "roboflow:MODEL", "bundle:HASH", "csv:FILE", "label-studio:FILE", "annotator:NAME"
    )
    annotator: bool  # given by an annotator, which outranks every model
    target: str | None  # a class, or the path of a mask below the data's root; None: unsure
    time: str  # ISO 8601, UTC
    confidence: float | None = None  # 0..1
    votes: str = ""  # JSON: label -> number of votes
    cost: float | None = None  # US dollars
    seconds: float | None = None  # time taken
    note: str = ""  # the reason: "audit", "suspect", the prompt's hash


def read_history(home: str) -> pl.DataFrame:
    """All labels ever given, in the order in which they were given; `HISTORY` columns.

    Args:
        home: folder of the data set's own files.

    Raises:
        PupilaError: the file can't be read, or is no history that this Pupila can read, and there is no copy of it.
    """
    uri = files.join(home, LABELS_FILE)
    if not files.exists(uri) or is_foreign_table(uri):
        return pl.DataFrame(schema=HISTORY)
    with name_unread_files(uri):
        stored = files.read_bytes(uri)
    try:
        labels, version = _parse_any(uri, stored)
    except PupilaError:
        if (copied := _read_copy(home)) is None:
            raise
        labels, version = copied
        last = labels["time"].max() or ""
        _announce(say_count("{path} is damaged; its copy has {n} label, the last of {time}, and is used.",
                            "{path} is damaged; its copy has {n} labels, the last of {time}, and is used.",
                            labels.height, path=uri, time=last))  # fmt: skip
    refuse_newer_schema(uri, version, LABELS_SCHEMA)
    return labels


def is_record(folder: str, name: str) -> bool:
    """Whether a file of the folder is one that Pupila writes, and no table of that name by someone else."""
    return is_own_file(name) and not (name == LABELS_FILE and is_foreign_table(files.join(folder, name)))


def is_foreign_table(uri: str) -> bool:
    """Whether the file in the place of the label history is someone's own table: whole, and without a sign of Pupila.

    A file that can't be read is none: it may be a damaged history.
    """
    entry = files.stat_file(".", uri)
    return entry is not None and _is_foreign(uri, (entry.size, entry.modified))


@lru_cache(maxsize=8)
def _is_foreign(uri: str, version: object) -> bool:
    home = uri.rpartition("/")[0] or "."
    try:
        stored = files.read_bytes(uri)
        metadata = pl.read_parquet_metadata(io.BytesIO(stored))
        columns = pl.read_parquet_schema(io.BytesIO(stored)).keys()
    except (*UNREADABLE, OSError):
        return False
    signed = any(key.startswith("pupila") for key in metadata) or checksums.is_damaged(stored)
    return not signed and not columns >= _KEY and not files.exists(files.join(home, LABELS_COPY_FILE))


def require_history(home: str) -> None:
    """Check that labels can be added, before they are paid for or given.

    Raises:
        PupilaError: the file in the place of the history is someone's own table.
    """
    if is_foreign_table(uri := files.join(home, LABELS_FILE)):
        raise PupilaError(
            say("{path} is a table of your own, and no label history", path=uri),
            expected=say("a label history written by Pupila"),
            remedy=say("give the table another name: it is read under any"),
        )  # fmt: skip


def _read_copy(home: str) -> tuple[pl.DataFrame, int] | None:
    """The copy of the history with its schema; None where there is none, or a damaged one."""
    uri = files.join(home, LABELS_COPY_FILE)
    if files.is_remote(home) or not files.exists(uri):
        return None
    try:
        return _parse_any(uri, files.read_bytes(uri))
    except (PupilaError, OSError):
        return None


@cache
def _announce(sentence: str) -> None:
    """Says once what was done about damage."""
    print(sentence, file=sys.stderr, flush=True)


def _parse(uri: str, stored: bytes) -> pl.DataFrame:
    """The history from the bytes of its file.

    Raises:
        PupilaError: see `read_history`.
    """
    labels, version = _parse_any(uri, stored)
    refuse_newer_schema(uri, version, LABELS_SCHEMA)
    return labels


def _parse_any(uri: str, stored: bytes) -> tuple[pl.DataFrame, int]:
    """The labels and the schema of a file of any schema; those of a newer one as they are.

    Raises:
        PupilaError: the file is damaged, or something else.
    """
    remedy = say("restore the file from a backup: no command can ask the annotators again")
    content = files.check_seal(uri, stored, remedy)
    try:
        version = int(pl.read_parquet_metadata(io.BytesIO(content))["pupila.schema"])
        labels = pl.read_parquet(io.BytesIO(content))
        if version == 1:
            labels = _upgrade(labels)
        if version <= LABELS_SCHEMA:
            labels = labels.select(list(HISTORY))
    except UNREADABLE as fault:
        raise PupilaError(
            say("Can't read the labels {path}", path=uri), actual=first_line(fault),
            expected=say("a label history written by Pupila"), remedy=remedy,
        ) from fault  # fmt: skip
    return labels, version


def _upgrade(labels: pl.DataFrame) -> pl.DataFrame:
    """Schema 1 in the words of schema 2: no command can ask the annotators again, so nothing may be lost."""
    old = set(labels.columns) - set(HISTORY)  # one column, which has the same values and another name now
    return labels.rename(dict.fromkeys(old, "annotator")).with_columns(
        pl.col("labeller").str.replace("^person:", "annotator:"),
        pl.col("note").str.replace(": taken back$", f": {RETRACTED}"),
    )


def append_labels(home: str, labels: Sequence[Label]) -> None:
    """Add to the history, whole or not at all; several processes of one machine may do so at once.

    Args:
        home: folder of the data set's own files; see `stores.update` for one in a store.
        labels: in the order in which they were given.

    Raises:
        PupilaError: the folder can't be written to, or holds no history that can be read.
    """
    if not labels:
        return
    require_history(home)
    new = pl.DataFrame([asdict(label) for label in labels], schema=HISTORY)
    uri = files.join(home, LABELS_FILE)
    if files.is_remote(uri):
        stores.update(uri, lambda old: _serialize(pl.concat([_parse(uri, old), new]) if old else new))
        return
    with _lock(files.join(home, LABELS_LOCK_FILE)):
        files.remove_partial(Path(home))
        _write_history(home, pl.concat([read_history(home), new]))


def merge_history(home: str, more: pl.DataFrame) -> None:
    """Add the rows of another history that are not there yet, while no other process adds labels; see `append_labels`.

    Args:
        home: on disk.
        more: `HISTORY` columns.
    """
    with _lock(files.join(home, LABELS_LOCK_FILE)):
        _write_history(home, pl.concat([read_history(home), more]).unique(maintain_order=True))


@contextlib.contextmanager
def hold_labels(home: str) -> Iterator[None]:
    """Within it no other process adds labels, or images; see `append_labels`. A store has no lock.

    Args:
        home: folder of the data set's own files.
    """
    with contextlib.nullcontext() if files.is_remote(home) else _lock(files.join(home, LABELS_LOCK_FILE)):
        yield


@contextlib.contextmanager
def _lock(path: str) -> Iterator[None]:
    """Beside the history, so that all who can write it meet at one lock: other users and other containers, too."""
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with locks.hold(path):
            with contextlib.suppress(OSError):  # it is another user's
                Path(path).chmod(0o666)  # another user's process has to be able to open it
            yield
    except OSError as fault:
        raise files.write_error(path, fault, say("a folder that may be written to")) from fault


def _write_history(home: str, history: pl.DataFrame) -> None:
    """Write the whole history, `HISTORY` columns, and its copy; the bytes of a damaged file get another name.

    The copy is written last: a process that is killed in between leaves an older one, which the next one replaces.
    """
    uri, content = files.join(home, LABELS_FILE), _serialize(history)
    if files.exists(uri) and checksums.is_damaged(old := files.read_bytes(uri)):
        files.write_bytes(files.join(home, f".labels.damaged-{files.sha256(old)[:12]}.parquet"), old)
    files.write_bytes(uri, content)
    with contextlib.suppress(PupilaError):  # the labels are kept
        files.write_bytes(files.join(home, LABELS_COPY_FILE), content)


def _serialize(history: pl.DataFrame) -> bytes:
    return files.pack_parquet(history, {"pupila.schema": str(LABELS_SCHEMA)})


def drop_retracted(history: pl.DataFrame) -> pl.DataFrame:
    """The labels without those that were retracted, and without the rows that retract them.

    Args:
        history: `HISTORY` columns, in their order.
    """
    dropped: set[int] = set()
    standing: dict[tuple[str, str], list[int]] = {}  # numbers of the rows that stand, by image and reason
    columns = history.select("sha256", "annotator", "note")
    for number, (digest, annotator, note) in enumerate(columns.iter_rows()):
        if not annotator:
            continue
        why, _, more = note.partition(": ")
        before = standing.setdefault((digest, why), [])
        if more != RETRACTED:
            before.append(number)
            continue
        dropped |= {number, *before[-1:]}
        del before[-1:]
    return history.filter(~pl.int_range(pl.len()).is_in(list(dropped))) if dropped else history


def current_labels(history: pl.DataFrame) -> pl.DataFrame:
    """The current label of each image: the annotators' latest, else the last one of a model.

    Annotators' labels are ordered by time, and by row where times are equal, because labels imported today may be
    old. Retracted labels are ignored.

    Args:
        history: `HISTORY` columns, in their order.

    Returns:
        One row per `sha256`, `HISTORY` columns. A `target` of null is a label too: the annotator was unsure.
    """
    standing = drop_retracted(history)
    given = [
        _timestamp(time) if annotator else 0.0
        for annotator, time in standing.select("annotator", "time").iter_rows()
    ]
    ordered = (
        standing.with_row_index("number")
        .with_columns(given=pl.Series(given, dtype=pl.Float64))
        .sort("annotator", "given", "number")
    )
    last = ordered.group_by("sha256", maintain_order=True).last()
    return last.sort("number").select(list(HISTORY))


def _timestamp(time: str) -> float:
    """Seconds since 1970. A time without an offset is UTC; one that can't be parsed sorts before all others."""
    try:
        moment = datetime.fromisoformat(time)
    except ValueError:
        return -math.inf
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def apply_labels(images: pl.DataFrame, history: pl.DataFrame, masks: bool) -> pl.DataFrame:
    """The images with the history's current labels as targets.

    An annotator's label replaces the label that came with the data; a model's label only fills in a missing one.

    Args:
        images: with `sha256` and `target`.
        history: `HISTORY` columns, in their order.
        masks: whether targets are paths of masks. A mask that a model wrote did not come with the data, although the
            layout finds its file.

    Returns:
        The images with a further column, `given_target`: what came with the data.
    """
    images = images.with_columns(given_target="target")
    if history.is_empty():
        return images
    if masks:
        by_model = history.filter(~pl.col("annotator")).select("sha256", "target", by_model=True)
        keys = ["sha256", "target"]
        marked = images.join(by_model.drop_nulls().unique(), on=keys, how="left", maintain_order="left")
        given = pl.when("by_model").then(None).otherwise("target")
        images = marked.with_columns(given_target=given).drop("by_model")
    current = current_labels(history).select("sha256", "annotator", current="target")
    joined = images.join(current, on="sha256", how="left", maintain_order="left")
    fallback = pl.coalesce("given_target", "current")
    target = pl.when("annotator").then("current").otherwise(fallback)
    return joined.with_columns(target=target).drop("current", "annotator")
