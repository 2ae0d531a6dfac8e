"""Versions and their contents in S3: data and store in a bucket, several writers, a restore from the store alone."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import pupila
from pupila.artifacts.dataset.versions.history import read_log, versions_folder
from pupila.artifacts.dataset.versions.objects import object_uri
from pupila.core import files
from pupila.core.errors import PupilaError
from tests.pictures import encoded, photo, write_classes
from tests.s3 import Server, emptied, s3_server

DATA, STORE = "s3://shop/pets", "s3://shop/store"


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch, s3_server(patch) as server:
        yield server


@pytest.fixture
def server(running: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setenv("PUPILA_CACHE", str(tmp_path / "cache"))
    return emptied(running)


def write_pets(count: int) -> None:
    for number in range(count):
        name = "cat" if number % 2 else "dog"
        files.write_bytes(f"{DATA}/{name}/{number:03d}.jpg", encoded(photo(number), "JPEG", quality=92))


@pytest.mark.slow
def test_data_in_a_bucket_come_back_with_hash_and_version(server: Server) -> None:
    write_pets(8)
    data = pupila.open(DATA)
    pupila.split(data)
    taken = pupila.snapshot_data(data, note="first", store=STORE)
    assert taken.written == 10  # images, split and manifest
    server.requests.clear()
    assert pupila.snapshot_data(data).written == 0
    assert len(server.requests) < 45  # one listing of the objects, and no object written or read
    assert not [path for method, path, _ in server.requests if method == "PUT" and "/objects/" in path]
    files.remove(f"{DATA}/cat/001.jpg")
    files.write_bytes(f"{DATA}/dog/000.jpg", encoded(photo(99)))
    with pytest.raises(PupilaError, match="1 file would be overwritten: dog/000"):
        pupila.restore_data(DATA, "first", to=DATA)
    restored = pupila.restore_data(DATA, "first", to=DATA, replace=True)
    assert restored.is_exact
    assert pupila.open(DATA).hash == data.hash
    assert [each.by for each in pupila.list_versions(DATA).versions][1:] == ["restore", "restore"]
    moved = pupila.restore_data(STORE, "first", to="s3://shop/again")
    assert moved.is_exact
    assert pupila.open("s3://shop/again").hash == data.hash


def test_images_of_a_bucket_named_by_a_table_on_disk(server: Server, tmp_path: Path) -> None:
    write_pets(6)
    rows = [f"{DATA}/{'cat' if number % 2 else 'dog'}/{number:03d}.jpg,{number % 2}" for number in range(6)]
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/labels.csv").write_text("\n".join(["image,label", *rows]))
    data = pupila.open(tmp_path / "shop")
    pupila.snapshot_data(data, note="first", store=tmp_path / "store")
    gone = f"{DATA}/cat/003.jpg"
    before = files.read_bytes(gone)
    files.remove(gone)
    with pytest.raises(PupilaError, match="1 file lies outside"):
        pupila.restore_data(tmp_path / "shop", "first")
    restored = pupila.restore_data(tmp_path / "shop", "first", replace=True)
    assert restored.is_exact
    assert files.read_bytes(gone) == before
    assert pupila.open(restored.folder).hash == data.hash


def test_a_damaged_object_of_a_bucket_is_named(server: Server, tmp_path: Path) -> None:
    shop = write_classes(tmp_path / "shop", {"cat": 3, "dog": 3})
    pupila.snapshot_data(shop, note="first", store=STORE)
    digests = dict(pupila.open(shop).images.select("image", "sha256").iter_rows())
    files.write_bytes(object_uri(STORE, digests["cat/002.jpg"]), b"rot")
    files.remove(object_uri(STORE, digests["dog/001.jpg"]))
    with pytest.raises(PupilaError, match="2 files of the version") as caught:
        pupila.restore_data(shop, "first", to=tmp_path / "again")
    assert "cat/002.jpg" in str(caught.value)
    assert "dog/001.jpg" in str(caught.value)
    assert not (tmp_path / "again").exists()


def test_two_writers_of_one_bucket_keep_both_entries(server: Server) -> None:
    write_pets(4)
    data = pupila.open(DATA)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda note: pupila.snapshot_data(data, note=note, store=STORE), ["one", "two"]))
    for folder in (versions_folder(DATA), f"{STORE}/versions"):
        (entry,), faults = read_log(folder)
        assert (sorted(entry.notes), faults) == (["one", "two"], [])
