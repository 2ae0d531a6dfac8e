"""Growth of the read cache: what it writes and what it holds, whatever the number of images."""

import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pupila.artifacts.dataset import read_cache
from pupila.artifacts.dataset.read_cache import BYTES, PART, ROW, ReadCache
from pupila.artifacts.dataset.reading import FACTS, _join_cached

WHOLE = slice(BYTES)


def facts(start: int, count: int) -> pl.DataFrame:
    rows = range(start, start + count)
    columns = {"image": [f"{row}.png" for row in rows], "bytes": [1] * count, "modified": [1] * count}
    return pl.DataFrame({name: columns.get(name, [None] * count) for name in FACTS}, schema=FACTS)


def filled(folder: str, parts: int, size: int) -> ReadCache:
    """A cache to which so many parts of so many images were stored."""
    cache = ReadCache(folder, "1", FACTS, lambda entry: np.zeros(BYTES, np.uint8))
    for part in range(parts):
        copies = np.full((size, BYTES), part % 256, dtype=np.uint8)
        cache.store(facts(part * size, size), copies)
    return cache


def test_copies_are_written_again_a_few_times_and_not_once_for_every_merge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_cache, "MOST_PARTS", 6)
    written, copies_at = [0], ReadCache._copies

    def counting(cache: ReadCache, part: list[str], row: list[int], span: slice) -> np.ndarray:
        written[0] += len(row) * (span == WHOLE)
        return copies_at(cache, part, row, span)

    monkeypatch.setattr(ReadCache, "_copies", counting)
    cache = filled(str(tmp_path), 80, size=1)
    assert 80 <= written[0] <= 5 * 80  # 559 where every merge takes all parts
    known = cache.facts().sort(pl.col("image").str.strip_suffix(".png").cast(pl.Int64))
    copies = cache.grey(known[PART].to_list(), known[ROW].to_list())
    assert copies[:, 5, 5].tolist() == list(range(80))


def test_of_a_file_that_was_read_twice_the_later_facts_count(tmp_path: Path) -> None:
    cache = filled(str(tmp_path), 3, size=2)
    cache.store(facts(1, 2).with_columns(camera=pl.lit("new")), np.zeros((2, BYTES), np.uint8))
    requested = facts(0, 8).select("image", "bytes", "modified")
    known = _join_cached(requested, cache)
    assert known["image"].to_list() == requested["image"].to_list()
    assert known["camera"].to_list() == [None, "new", "new", *[None] * 5]
    assert known[PART].is_null().to_list() == [False] * 6 + [True] * 2


def mapped() -> int:
    """Bytes of files that this process holds in memory."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("RssFile:")[2].split()[0])


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel lists what is mapped")
def test_copies_that_were_read_do_not_stay_in_memory(tmp_path: Path) -> None:
    cache = filled(str(tmp_path), 2, size=1000)  # 22 MB of copies
    known, before = cache.facts(), mapped()
    for start in range(0, 2000, 100):
        rows = known[start : start + 100]
        assert cache.grey(rows[PART].to_list(), rows[ROW].to_list()).any() == (start >= 1000)
        cache.colour(rows[PART].to_list(), rows[ROW].to_list())
    assert mapped() - before < 2000 * BYTES / 4
