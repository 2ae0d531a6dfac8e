"""Checksums: every changed bit is found, and files without a checksum are read as before."""

import io
import json
import random
from pathlib import Path

import polars as pl
import pytest

from pupila.core import checksums, files

FRAME = pl.DataFrame({"image": [f"a/{n}.jpg" for n in range(300)], "target": ["cat", "dog", None] * 100})


def _json() -> bytes:
    content = {"checksum": checksums.BLANK, "images": [f"a/{n}.jpg" for n in range(300)]}
    return checksums.seal(json.dumps(content).encode())


FILES = {"parquet": files.pack_parquet(FRAME, {"pupila.schema": "2"}), "json": _json()}


@pytest.mark.parametrize("kind", sorted(FILES))
def test_every_changed_bit_and_every_cut_is_found(kind: str) -> None:
    whole, rng = FILES[kind], random.Random(0)
    assert not checksums.is_damaged(whole)
    mark = whole.index(b"pupila-crc32:")
    places = [rng.randrange(8 * len(whole)) for _ in range(400)] + list(range(8 * mark, 8 * (mark + 21)))
    for place in places:
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << place % 8
        assert checksums.is_damaged(bytes(damaged)), place
    damaged = bytearray(whole)
    damaged[:4], damaged[-4:] = b"xxxx", b"xxxx"
    assert checksums.is_damaged(bytes(damaged))


def test_every_changed_bit_of_a_cached_file_is_found() -> None:
    whole = checksums.wrap(b'[[0, 1, "near", 0.98]]')
    assert checksums.unwrap(whole) == b'[[0, 1, "near", 0.98]]'
    for place in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << place % 8
        assert checksums.unwrap(bytes(damaged)) is None, place
    for end in range(1, len(whole)):
        assert checksums.unwrap(whole[:end]) in (None, whole[:end][: len("pupila")])


@pytest.mark.parametrize("content", [b"", b"{}", b"0.0012", b"\x93NUMPY", b"[[0, 1]]" * 9])
def test_a_cached_file_of_an_earlier_pupila_is_read(content: bytes) -> None:
    assert checksums.unwrap(content) == content


def test_a_parquet_file_of_an_earlier_pupila_is_read_and_a_new_one_by_any_reader() -> None:
    buffer = io.BytesIO()
    FRAME.write_parquet(buffer, metadata={"pupila.schema": "2"})
    assert not checksums.is_damaged(buffer.getvalue())
    assert pl.read_parquet(io.BytesIO(FILES["parquet"])).equals(FRAME)
    assert pl.read_parquet_metadata(io.BytesIO(FILES["parquet"]))["pupila.schema"] == "2"
    assert not checksums.is_damaged(b"") and not checksums.is_damaged(b"{}")


def test_a_damaged_file_of_the_cache_is_reported_and_deleted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.json"
    files.write_to_cache(path, b"[1]")
    assert files.read_from_cache(path) == b"[1]"
    path.write_bytes(path.read_bytes().replace(b"[1]", b"[2]"))
    assert files.read_from_cache(path) is None
    assert "is damaged and is made again" in capsys.readouterr().err and not path.exists()
    assert files.read_from_cache(path) is None and not capsys.readouterr().err
