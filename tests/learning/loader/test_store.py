"""The store: what is written is read back bit for bit, and no damage ever gives a wrong row."""

import threading
from pathlib import Path

import numpy as np
import pytest

from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.learning.loader.store import ArrayStore, Stores

ROWS = np.arange(12, dtype=np.float32).reshape(3, 4)


@pytest.fixture(autouse=True)
def _own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PUPILA_CACHE", str(tmp_path / "cache"))


def opened(version: str = "1", width: int = 4, dtype: str = "float32") -> ArrayStore:
    return ArrayStore("rows", version, (width,), dtype)


def part() -> Path:
    (path,) = opened().folder.glob("*.rows")
    return path


def flip(path: Path, place: int, bit: int = 0) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1 << bit
    path.write_bytes(content)


def test_what_can_t_be_written_is_held_in_memory_up_to_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("PUPILA_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr("pupila.learning.loader.store._MOST_HELD", ROWS[:2].nbytes)
    store = opened()
    store.add(["a", "b"], ROWS[:2])
    assert np.array_equal(store.rows(["b"]), ROWS[1:2])
    with pytest.raises(PupilaError):
        store.add(["c"], ROWS[2:])


def test_many_parts_hold_few_files_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pupila.learning.loader.store._MOST_OPEN", 2)
    for number in range(5):
        opened().add([str(number)], ROWS[:1] + number)
    store = opened()
    for _ in range(2):
        assert store.rows([str(n) for n in range(5)])[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert len(store._mapped) == 2


def test_rows_come_back_in_the_order_that_is_asked_for() -> None:
    opened().add(["a", "b"], ROWS[:2])
    opened().add(["c"], ROWS[2:])
    again = opened()
    assert np.array_equal(again.rows(["c", "a", "c"]), ROWS[[2, 0, 2]])
    assert again.rows([]).shape == (0, 4)
    assert again.missing(["d", "a", "e", "d"]) == ["d", "e"]
    with pytest.raises(KeyError, match="d"):
        again.rows(["a", "d"])


def test_the_later_row_of_a_key_counts() -> None:
    store = opened()
    store.add(["a"], ROWS[:1])
    store.add(["a"], ROWS[1:2])
    assert np.array_equal(store.rows(["a"]), ROWS[1:2])


@pytest.mark.parametrize("other", [{"version": "2"}, {"width": 2}, {"dtype": "int32"}])
def test_another_version_or_shape_or_type_is_another_store(other: dict[str, str | int]) -> None:
    opened().add(["a"], ROWS[:1])
    assert "a" in opened()
    assert "a" not in opened(**other)  # type: ignore[arg-type]


def test_a_damaged_row_is_missing_and_its_neighbours_are_not(capsys: pytest.CaptureFixture[str]) -> None:
    opened().add(["a", "b", "c"], ROWS)
    flip(part(), -5)  # the last value but one of "b" lies 16 + 5 bytes before the end
    flip(part(), -21)
    store = opened()
    assert store.missing(["a", "b", "c"]) == ["b", "c"]
    assert np.array_equal(store.rows(["a"]), ROWS[:1])
    assert capsys.readouterr().err.count("is damaged and is made again") == 1


def test_a_row_that_was_made_again_stays_whichever_part_is_read_first() -> None:
    for number in range(8):  # parts have drawn names
        version = f"again {number}"
        opened(version).add(["a"], ROWS[:1])
        flip(next(opened(version).folder.glob("*.rows")), -1)
        store = opened(version)
        assert store.missing(["a"]) == ["a"]
        store.add(["a"], ROWS[:1])
        assert np.array_equal(store.rows(["a"]), ROWS[:1])
        assert np.array_equal(opened(version).rows(["a"]), ROWS[:1])


def test_no_flipped_bit_gives_a_wrong_row() -> None:
    keys = ["x:1", "x:2", "x:3"]
    opened().add(keys, ROWS)
    path, whole = part(), part().read_bytes()
    wrong, lacking = [], 0
    for place in range(len(whole)):
        for bit in range(8):
            path.write_bytes(whole)
            flip(path, place, bit)
            store = opened()
            left = [key for key in [*keys, "x:0", "x:5", "x:7"] if key in store]
            lacking += len(left) < len(keys)
            wrong += [
                place for key in left if not np.array_equal(store.rows([key])[0], ROWS[int(key[-1]) - 1])
            ]
    print(f"flipped {8 * len(whole)} bits; {lacking} cost a row")
    assert wrong == []
    assert lacking > 0.9 * 8 * len(whole)


@pytest.mark.parametrize("left", [0, 4, 8, 20, -1])
def test_a_cut_part_is_forgotten_and_removed(left: int) -> None:
    opened().add(["a"], ROWS[:1])
    path = part()
    path.write_bytes(path.read_bytes()[:left])
    assert opened().missing(["a"]) == ["a"]
    assert not path.exists()


def test_a_cache_that_cannot_be_written_to_keeps_rows_in_memory(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be")
    store = opened()
    store.add(["a"], ROWS[:1])
    assert np.array_equal(store.rows(["a"]), ROWS[:1])
    assert files.cache_folder().is_file()


def test_what_another_process_adds_is_taken_in_while_the_store_is_held() -> None:
    store = opened()
    opened().add(["a"], ROWS[:1])
    assert store.missing(["a"]) == ["a"]
    with store.hold():
        assert store.missing(["a"]) == []
    assert np.array_equal(store.rows(["a"]), ROWS[:1])


def test_a_second_one_that_holds_it_waits_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    order: list[str] = []
    pause = threading.Event()

    def second() -> None:
        with opened().hold():
            order.append("second")

    with opened().hold():
        waiting = threading.Thread(target=second)
        waiting.start()
        while "Waiting for another process that computes the same rows." not in capsys.readouterr().err:
            pause.wait(0.01)
        order.append("first")
    waiting.join()
    assert order == ["first", "second"]


def test_parts_of_any_size_are_gathered_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    opened().add(["a", "b", "c"], ROWS)
    keys = ["c", "a", "c"]
    whole = opened().rows(keys)
    monkeypatch.setattr("pupila.learning.loader.store._MOST_GATHERED", 1)
    assert np.array_equal(opened().rows(keys), whole) and np.array_equal(whole, ROWS[[2, 0, 2]])


def test_stores_are_opened_once() -> None:
    stores = Stores()
    first = stores.open("rows", "1", (4,), "float32")
    assert stores.open("rows", "1", (4,), "float32") is first
    assert stores.open("rows", "2", (4,), "float32") is not first
