"""Spooled arrays: the same values from memory and from the scratch file, whatever the limit is."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from pupila.imaging.images.decode import Array
from pupila.learning.trainers.spool import ArraySpool, ChainedArrays


def draw(count: int, dtype: type = np.float32) -> list[Array]:
    rng = np.random.default_rng(count)
    return [rng.integers(0, 200, (2, 3 + number, 5)).astype(dtype) for number in range(count)]


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
@pytest.mark.parametrize("most", [0, 1, 400, 10**9])
def test_every_array_is_read_back_in_any_order(most: int, dtype: type) -> None:
    arrays = draw(7, dtype)
    spool = ArraySpool(arrays, most)
    assert len(spool) == 7 and spool.bytes == sum(array.nbytes for array in arrays)
    for number in (6, 0, 3, 3, 5, 1, 2, 4):
        assert np.array_equal(spool[number], arrays[number]) and spool[number].dtype == dtype
    assert all(np.array_equal(*pair) for pair in zip(spool, arrays, strict=True))
    assert all(np.array_equal(*pair) for pair in zip(spool[1:3], arrays[1:3], strict=True))


def test_memory_holds_no_more_than_the_limit_and_no_file_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUPILA_CACHE", str(tmp_path / "cache"))
    arrays = draw(7)
    spool = ArraySpool(arrays, most=400)
    held = [part for part in spool._held if isinstance(part, np.ndarray)]
    assert 0 < sum(part.nbytes for part in held) <= 400 and len(held) < 7
    del spool
    assert [path for path in (tmp_path / "cache").iterdir() if path.is_file()] == []


def test_a_cache_folder_that_cannot_be_made_is_not_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("PUPILA_CACHE", str(tmp_path / "file" / "cache"))
    (array,) = draw(1)
    assert np.array_equal(ArraySpool([array], most=0)[0], array)


def test_threads_read_while_others_do() -> None:
    arrays = draw(40)
    spool = ArraySpool(arrays, most=0)
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda number: spool[number % 40], range(400)))
    assert all(np.array_equal(array, arrays[number % 40]) for number, array in enumerate(read))


def test_the_last_array_is_repeated_without_further_bytes() -> None:
    first, second = draw(2)
    spool = ArraySpool([first, second], most=0)
    spool.repeat_last()
    assert len(spool) == 3 and np.array_equal(spool[2], second)
    assert spool.bytes == first.nbytes + second.nbytes


def test_a_chain_has_the_arrays_of_its_parts_in_order() -> None:
    arrays = draw(5)
    chain = ChainedArrays([ArraySpool(arrays[:2], most=0), [], arrays[2:]])
    assert len(chain) == 5
    assert all(np.array_equal(*pair) for pair in zip(chain, arrays, strict=True))
    assert all(np.array_equal(*pair) for pair in zip(chain[1:4], arrays[1:4], strict=True))
