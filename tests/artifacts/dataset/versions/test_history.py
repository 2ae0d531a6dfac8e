"""The log and the files of versions: the same twice is one entry, damage is named, two writers keep both."""

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import polars as pl
import pytest

import pupila
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.dataset.versions.history import (
    LogLine,
    append_log,
    find_version,
    last_store,
    list_versions,
    read_log,
    read_version,
    versions_folder,
)
from pupila.artifacts.dataset.versions.identity import hash_version
from pupila.artifacts.dataset.versions.snapshot import mark_run, record_version, take_snapshot
from pupila.artifacts.dataset.versions.version import make_version
from pupila.core.errors import PupilaError
from tests.pictures import write_classes


@pytest.fixture
def shop(tmp_path: Path) -> Dataset:
    return pupila.open(write_classes(tmp_path / "shop", {"cat": 6, "dog": 5}))


def note(text: str) -> LogLine:
    return LogLine(time="", version="", by="me", note=text)


def test_a_version_has_a_row_of_hashes_for_each_image(shop: Dataset) -> None:
    splits = pupila.split(shop)
    taken = take_snapshot(shop, splits)
    stored = read_version(versions_folder(shop.home), taken.version.name)
    assert stored.name == hash_version(shop.hash, splits.hash)
    assert stored.info == taken.version.info
    assert stored.rows.equals(taken.version.rows)
    assert stored.rows["sha256"].to_list() == shop.images["sha256"].to_list()
    assert stored.rows["split"].to_list() == [a.split for a in splits.images]
    assert stored.info.class_counts == {"cat": 6, "dog": 5}
    assert stored.info.class_shares["all"] == {
        "cat": pytest.approx(6 / 11, abs=1e-6),
        "dog": pytest.approx(5 / 11, abs=1e-6),
    }
    for part, shares in stored.info.class_shares.items():
        if part != "all":
            balance = splits.balance.by_split()[part]
            assert shares["cat"] == pytest.approx(balance.classes["cat"] / balance.images, abs=1e-6)


def test_twice_in_a_row_is_one_entry_and_notes_are_added(shop: Dataset) -> None:
    folder = versions_folder(shop.home)
    assert take_snapshot(shop, None).is_new
    assert not take_snapshot(shop, None).is_new
    assert take_snapshot(shop, None, note("before the fair")).is_new
    assert not take_snapshot(shop, None, note("before the fair")).is_new
    mark_run(shop, make_version(shop, None).name, "/runs/a")
    entries, faults = read_log(folder)
    assert [(entry.notes, entry.runs) for entry in entries] == [(["before the fair"], ["/runs/a"])]
    assert not faults
    assert len(list_versions(folder)) == 1


def test_the_versions_change_nothing_that_is_read(shop: Dataset, tmp_path: Path) -> None:
    before = str(shop)
    for number in range(5):
        take_snapshot(shop, None, note(str(number)))
    again = pupila.open(tmp_path / "shop")
    assert (again.hash, str(again)) == (shop.hash, before)
    assert again.skipped.is_empty()


def test_damaged_files_and_lines_are_named_and_the_others_stay(shop: Dataset) -> None:
    folder = Path(versions_folder(shop.home))
    first = take_snapshot(shop, None).version.name
    second = take_snapshot(shop, pupila.split(shop)).version.name
    path = folder / f"{first}.parquet"
    path.write_bytes(path.read_bytes()[:-40])
    log = folder / "log.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(lines[0] + b'{"time": "2026", "vers\n' + lines[1])
    result = pupila.list_versions(shop)
    assert [entry.version for entry in result.versions] == [first, second]
    assert [entry.images for entry in result.versions] == [None, 11]
    assert len(result.faults) == 2
    assert "Line 2 of" in result.faults[0]
    assert first in result.faults[1]
    take_snapshot(shop, None)  # the damaged file is written again
    assert read_version(str(folder), first).info.images == 11


def test_half_a_line_of_a_killed_process_spoils_no_other(shop: Dataset) -> None:
    folder = versions_folder(shop.home)
    take_snapshot(shop, None)
    with (Path(folder) / "log.jsonl").open("ab") as log:
        log.write(b'{"time": "20')
    take_snapshot(shop, None, note("later"))
    entries, faults = read_log(folder)
    assert [entry.notes for entry in entries] == [["later"]]
    assert not faults


def test_a_version_is_named_by_digits_or_note(shop: Dataset) -> None:
    folder = versions_folder(shop.home)
    with pytest.raises(PupilaError, match="no version yet"):
        find_version(folder, "abcd")
    first = take_snapshot(shop, None, note("monday")).version.name
    second = take_snapshot(shop, pupila.split(shop), note("monday")).version.name
    third = "0" * 64
    append_log(folder, LogLine(time="t", version=third, note="tuesday"))
    append_log(folder, LogLine(time="t", version="0" * 63 + "1", store="/s"))
    assert find_version(folder, first) == first
    assert find_version(folder, second[:6].upper()) == second
    assert find_version(folder, "tuesday") == third
    assert last_store(folder) == "/s"
    for text, problem in (("monday", "More than one"), ("0000", "More than one"), ("fff", "No such version")):
        with pytest.raises(PupilaError, match=problem):
            find_version(folder, text)


def _write(root: str, number: int) -> None:
    data = pupila.open(root)
    for each in range(5):
        take_snapshot(data, None, LogLine(time="", version="", by=str(number), note=f"{number}.{each}"))


def test_two_writers_at_once_keep_all(shop: Dataset) -> None:
    with ThreadPoolExecutor(2) as pool:  # each locks the log with a handle of its own, as two processes do
        list(pool.map(partial(_write, shop.root), range(2)))
    (entry,), faults = read_log(versions_folder(shop.home))
    assert sorted(entry.notes) == sorted(f"{number}.{each}" for number in range(2) for each in range(5))
    assert not faults


def test_where_it_can_not_be_recorded_training_hears_why(shop: Dataset) -> None:
    Path(shop.root, ".versions").write_text("a file in its place")
    (sentence,) = record_version(shop, None, "train")
    assert sentence.startswith("The version of the data was not recorded: ")


def test_the_file_is_plain_parquet_with_typed_metadata(shop: Dataset) -> None:
    name = take_snapshot(shop, None).version.name
    path = Path(versions_folder(shop.home), f"{name}.parquet")
    assert pl.read_parquet(path).height == 11
    info = json.loads(pl.read_parquet_metadata(path)["pupila.version"])
    assert (info["schema"], info["version"], info["images"], info["task"]) == (1, name, 11, "classify")


def test_an_edited_split_is_refused(shop: Dataset) -> None:
    pupila.split(shop)
    path = Path(shop.home, "splits.json")
    path.write_text(path.read_text().replace('"test"', '"train"'))
    with pytest.raises(PupilaError):
        SplitFile.read(shop.home)
    with pytest.raises(PupilaError, match=r"splits\.json"):
        pupila.snapshot_data(shop)
