"""Reads the `.wandb` file of an offline run: W&B's own records, in the format of LevelDB's log.

The reader that W&B once had for Python is gone from its package; its records are those of `wandb.proto`.
Source: github.com/google/leveldb, doc/log_format.md, with W&B's seven bytes in front.
"""

import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_BLOCK, _HEADER = 32_768, struct.Struct("<IHB")  # checksum, length, type
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


def read_records(path: Path) -> Iterator[Any]:
    """The records in order."""
    from wandb.proto import wandb_internal_pb2

    new_record: Any = wandb_internal_pb2.Record  # type: ignore[attr-defined]
    content = path.read_bytes()
    assert content[:4] == b":W&B"
    place, whole = 7, b""
    while place < len(content):
        if _BLOCK - place % _BLOCK < _HEADER.size:  # the rest of a block is empty
            place += _BLOCK - place % _BLOCK
            continue
        checksum, length, kind = _HEADER.unpack_from(content, place)
        data = content[place + _HEADER.size : place + _HEADER.size + length]
        assert zlib.crc32(bytes([kind]) + data) & 0xFFFFFFFF == checksum
        place += _HEADER.size + length
        whole = data if kind in (_FULL, _FIRST) else whole + data
        if kind in (_FULL, _LAST):
            record = new_record()
            record.ParseFromString(whole)
            yield record


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The history: a row for each step."""
    return [_read_items(record.history.item) | {"_step": record.history.step.num}
            for record in read_records(path) if record.WhichOneof("record_type") == "history"]  # fmt: skip


def read_first(path: Path, kind: str) -> Any:
    """The first record of a kind: run, exit, ..."""
    return next(
        getattr(record, kind) for record in read_records(path) if record.WhichOneof("record_type") == kind
    )


def read_summary(path: Path) -> dict[str, Any]:
    """The last value of each key."""
    summary: dict[str, Any] = {}
    for record in read_records(path):
        if record.WhichOneof("record_type") == "summary":
            summary |= _read_items(record.summary.update)
    return summary


def _read_items(items: Any) -> dict[str, Any]:
    return {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in items}
