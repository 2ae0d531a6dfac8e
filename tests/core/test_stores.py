"""Stores: S3 as moto's server speaks it, with the faults that networks, keys and servers have."""

import functools
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import polars as pl
import pytest

from pupila.cli.run import run
from pupila.core import files, stores
from pupila.core.errors import MissingExtra, PupilaError
from tests.s3 import BUCKET, Server, emptied, forget, many, s3_server

ROOT = "s3://shop/data"
Ask = Callable[[str], object]
LARGE = bytes(range(256)) * 4 * 2**12 * 5  # 20 MiB: three parts


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch, s3_server(patch) as started:
        yield started


@pytest.fixture
def server(running: Server) -> Server:
    return emptied(running)


def test_a_bucket_is_like_a_disk(server: Server, tmp_path: Path) -> None:
    names = ("x/1.jpg", "x/y/2.jpg", "3.jpg", ".hidden/4.jpg", "año nuevo/€ #1 50%.jpg")
    for root in (ROOT, str(tmp_path)):
        for name in names:
            files.write_bytes(f"{root}/{name}", name.encode())
        assert sorted(e.path for e in files.walk(root)) == sorted(names)
        assert {e.path: e.size for e in files.walk(root)} == {name: len(name.encode()) for name in names}
        assert files.list_folders(root) == ["año nuevo", "x"]
        assert files.list_files(root) == ["3.jpg"]
        assert [files.read_bytes(files.join(root, name)).decode() for name in names] == list(names)
        assert files.read_start(f"{root}/x/1.jpg", 3) == b"x/1"
        assert files.exists(f"{root}/x") and files.is_folder(f"{root}/x") and files.is_folder(f"{root}/x/")
        assert files.exists(f"{root}/3.jpg") and not files.is_folder(f"{root}/3.jpg")
        assert not files.exists(f"{root}/3") and not files.is_folder(f"{root}/nothing")
        assert files.stat_file(root, "x/none.jpg") is None
        assert (entry := files.stat_file(root, "x/1.jpg")) is not None and entry.size == 7
        assert [files.entry_finder(root)(name) for name in names] == [
            files.stat_file(root, name) for name in names
        ]
        assert files.glob_files(f"{root}/x/*.jpg") == [f"{root}/x/1.jpg"]
        for ask in (files.read_bytes, files.list_files, files.list_folders):
            with pytest.raises(FileNotFoundError):
                ask(f"{root}/nothing")
        files.remove(f"{root}/3.jpg")
        files.remove(f"{root}/3.jpg")
        assert not files.exists(f"{root}/3.jpg")
        files.write_bytes(f"{root}/empty", b"")
        assert files.read_start(f"{root}/empty", 16) == files.read_bytes(f"{root}/empty") == b""
        files.write_json(f"{root}/a.json", {"n": 1})
        assert files.read_json(f"{root}/a.json") == {"n": 1}
        files.write_parquet(f"{root}/a.parquet", pl.DataFrame({"n": [1]}), {"k": "v"})
        assert pl.read_parquet(files.read_bytes(f"{root}/a.parquet"))["n"].to_list() == [1]
    assert list(files.walk("s3://shop/nothing")) == []
    assert files.relative(f"{ROOT}/x/1.jpg", ROOT) == "x/1.jpg"
    assert files.parent(f"{ROOT}/3.jpg") == files.absolute(ROOT + "/") == ROOT


def test_thousands_of_objects_are_listed_in_pages_and_not_one_by_one(server: Server) -> None:
    names = [f"data/{'ab'[n % 2]}/{n:05d}.jpg" for n in range(2500)]
    many(names)
    server.requests.clear()
    assert [f"data/{e.path}" for e in files.walk(ROOT)] == sorted(names)
    assert len(server.requests) == 3  # pages of 1000
    server.requests.clear()
    there = files.entry_finder(ROOT)
    assert all(there(name.removeprefix("data/")) for name in names)
    assert there("none.jpg") is None
    assert len(server.requests) == 3


def test_a_cached_listing_gives_the_same_results_as_the_store(server: Server) -> None:
    many(["data/a/1.jpg", "data/a/b/2.jpg", "data/3.jpg", "elsewhere/4.jpg"])

    def contents() -> list[object]:
        places = ("", "/", "/a", "/a/b", "/a/b/2.jpg", "/3.jpg", "/none", "/a/b/2")
        return [
            [(files.exists(ROOT + place), files.is_folder(ROOT + place)) for place in places],
            [files.list_folders(ROOT), files.list_files(ROOT), files.list_folders(f"{ROOT}/a")],
            [files.list_files(f"{ROOT}/a/b")],
            [list(files.walk(ROOT)), list(files.walk(f"{ROOT}/a")), list(files.walk("s3://shop/elsewhere"))],
            [files.stat_file(ROOT, "3.jpg"), files.stat_file(ROOT, "a")],
        ]  # fmt: skip

    before = contents()
    server.requests.clear()
    with files.cache_listing(f"{ROOT}/3.jpg"):  # a file stands for the folder that it lies in
        listing = len(server.requests)
        assert contents() == before
        assert len(server.requests) == listing + 1  # for what lies elsewhere
        with pytest.raises(FileNotFoundError):
            files.list_files(f"{ROOT}/none")
        many(["data/new.jpg"])
        assert not files.exists(f"{ROOT}/new.jpg")
    assert files.exists(f"{ROOT}/new.jpg")


def test_marks_of_folders_are_no_files(server: Server) -> None:
    many(["data/", "data/a/", "data/a/1.jpg"])
    assert [e.path for e in files.walk(ROOT)] == ["a/1.jpg"]
    assert (files.list_folders(ROOT), files.list_files(ROOT), files.list_files(f"{ROOT}/a")) == (
        ["a"],
        [],
        ["1.jpg"],
    )


def test_an_object_that_is_written_twice_within_a_second_has_two_times(server: Server) -> None:
    times = set()
    for content in (b"1", b"2"):
        files.write_bytes(f"{ROOT}/a.jpg", content)
        entry, listed = files.stat_file(ROOT, "a.jpg"), next(files.walk(ROOT))
        assert entry == listed
        times.add(listed.modified)
    assert len(times) == 2


def faults() -> dict[str, tuple[dict[str, str | None], str]]:
    """Name to the environment that brings the fault about, and the message."""
    return {
        "no credentials": ({"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, "No credentials for the store"),
        "half of them": ({"AWS_SECRET_ACCESS_KEY": None}, "No credentials for the store"),
        "no such profile": ({"AWS_PROFILE": "nobody"}, "No credentials for the store"),
        "nobody listens": ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "Can't reach the store"),
        "no address": ({"AWS_ENDPOINT_URL": "127.0.0.1:9000"}, "Invalid endpoint"),
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(faults()))
def test_errors_of_the_store_become_sentences(
    name: str, server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(fsspec.get_filesystem_class("s3"), "retries", 1)
    for variable, value in faults()[name][0].items():
        if value is None:
            monkeypatch.delenv(variable)
        else:
            monkeypatch.setenv(variable, value)
    forget()
    asks: list[Ask] = [
        files.exists, files.is_folder, files.read_bytes, files.list_files, lambda uri: [*files.walk(uri)],
        functools.partial(files.stat_file, "s3://shop"), lambda uri: files.write_bytes(uri, b"1"), files.remove,
        stores.unfinished_uploads,
    ]  # fmt: skip
    for ask in asks:
        with pytest.raises(PupilaError, match=faults()[name][1]):
            ask(ROOT)
    assert run(["doctor", ROOT]) == 2
    assert faults()[name][1] in capsys.readouterr().err
    forget()


def test_a_refusing_store_and_a_missing_bucket_are_no_missing_data(server: Server) -> None:
    server.fault = lambda method, path, query: (403, "InvalidAccessKeyId")
    for uri in (ROOT, "s3://shop"):
        asks: list[Ask] = [files.exists, files.is_folder, files.list_files, lambda uri: list(files.walk(uri))]
        for ask in asks:
            with pytest.raises(PupilaError, match=r"Access to .* denied"):
                ask(uri)
    with pytest.raises(PupilaError, match="found InvalidAccessKeyId"):
        files.read_bytes(f"{ROOT}/a.jpg")
    server.fault = lambda method, path, query: None
    for ask in (*asks, lambda uri: files.write_bytes(uri, b"1")):
        with pytest.raises(PupilaError, match="No such bucket: found nowhere"):
            ask("s3://nowhere/a.jpg")


def test_unknown_protocols_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PupilaError, match=r"Unsupported protocol: found foo://a/b; expected a path"):
        files.exists("foo://a/b")

    def lacking(protocol: str) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec, "get_filesystem_class", lacking)
    with pytest.raises(MissingExtra, match=r"pip install 'pupila\[s3\]'"):
        files.exists("s3://a/b")


def uploads(server: Server) -> list[tuple[str, str]]:
    """(method, query) of all requests for parts."""
    return [(method, query.split("=")[0]) for method, _, query in server.requests if "upload" in query]


def test_a_large_object_goes_in_parts_and_a_part_that_fails_goes_again(server: Server) -> None:
    failed: list[str] = []

    def fault(method: str, path: str, query: str) -> tuple[int, str] | None:
        if "partNumber=2" in query and not failed:
            failed.append(query)
            return 500, "InternalError"
        return None

    server.fault = fault
    files.write_bytes(f"{ROOT}/large", LARGE)
    assert failed and files.read_bytes(f"{ROOT}/large") == LARGE
    parts = [query for _, _, query in server.requests if "partNumber" in query]
    assert sorted(query.partition("&")[0] for query in parts) == [f"partNumber={n}" for n in (1, 2, 2, 3)]
    assert stores.unfinished_uploads(ROOT) == []


def test_an_upload_that_fails_for_good_leaves_nothing_and_what_was_there_before(
    server: Server, tmp_path: Path
) -> None:
    files.write_bytes(f"{ROOT}/large", b"before")
    server.fault = lambda method, path, query: (403, "AccessDenied") if "partNumber=3" in query else None
    with pytest.raises(PupilaError, match=r"Access to .* denied"):
        files.write_bytes(f"{ROOT}/large", LARGE)
    with pytest.raises(PupilaError, match=r"Access to .* denied"), files.atomic_path(f"{ROOT}/grown") as part:
        part.write_bytes(LARGE)
    assert [(e.path, e.size) for e in files.walk(ROOT)] == [("large", 6)]
    assert stores.unfinished_uploads(ROOT) == []


def test_a_file_is_uploaded_when_it_is_complete(server: Server) -> None:
    with files.atomic_path(f"{ROOT}/a.csv") as part:
        part.write_text("whole")
        assert not files.exists(f"{ROOT}/a.csv")
    assert files.read_bytes(f"{ROOT}/a.csv") == b"whole"
    assert not part.parent.exists()
    with pytest.raises(KeyError), files.atomic_path(f"{ROOT}/b.csv") as part:
        part.write_text("half")
        raise KeyError
    assert [e.path for e in files.walk(ROOT)] == ["a.csv"]


def broken_off(name: str) -> None:
    """Two uploads that nobody ended, as a killed process leaves them."""
    filesystem = fsspec.filesystem("s3")
    for key in (f"{name}/large", "other/large"):
        upload = filesystem.call_s3("create_multipart_upload", Bucket="shop", Key=key)
        filesystem.call_s3("upload_part", Bucket="shop", Key=key, UploadId=upload["UploadId"], PartNumber=1,
                           Body=LARGE[: 5 * 2**20])  # fmt: skip


def test_clean_lists_confirms_and_deletes_only_objects_below_the_prefix(
    server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    many([*(f"data/{n:04d}.jpg" for n in range(1200)), "data/", "database/1.jpg"])
    broken_off("data")
    monkeypatch.setattr("typer.confirm", lambda question: False)
    assert run(["clean", ROOT]) == 0
    output = capsys.readouterr().out
    assert "1200 objects, 0.0 MB below s3://shop/data" in output
    assert "0000.jpg, 0001.jpg" in output
    assert "1 unfinished upload" in output
    assert "Nothing was deleted." in output
    assert len(list(files.walk(ROOT))) == 1200
    server.requests.clear()
    assert run(["clean", ROOT, "--yes"]) == 0
    assert server.counts()["POST"] == 2  # 1000 objects in one request
    assert not files.exists(ROOT) and stores.unfinished_uploads(ROOT) == []
    assert [e.path for e in files.walk("s3://shop")] == ["database/1.jpg"]
    assert [upload.path for upload in stores.unfinished_uploads("s3://shop/other")] == ["other/large"]
    assert run(["clean", ROOT]) == 0
    assert "There is nothing below" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["splits.json", "labels.parquet", "test_access.jsonl", "bundle/bundle.json"])
def test_clean_keeps_files_that_took_work(
    server: Server, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    many(["data/a.jpg", f"data/{name}"])
    assert run(["clean", ROOT, "--yes"]) == 2
    assert name in capsys.readouterr().err
    assert len(list(files.walk(ROOT))) == 2
    assert run(["clean", ROOT, "--yes", "--delete-data"]) == 0
    assert not files.exists(ROOT)


def test_clean_reports_objects_that_could_not_be_deleted(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    many(["data/a.jpg"])
    server.fault = lambda method, path, query: (403, "AccessDenied") if method == "POST" else None
    assert run(["clean", ROOT, "--yes"]) == 2
    assert re.search(r"Access to .* denied", capsys.readouterr().err)


@pytest.mark.parametrize("place", ["s3://shop", "s3://shop/", "s3://", "/tmp", "data"])
def test_clean_takes_only_prefixes(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["clean", place, "--yes"]) == 2
    assert "expected s3://BUCKET/PREFIX" in capsys.readouterr().err


def test_clean_works_on_other_stores(capsys: pytest.CaptureFixture[str]) -> None:
    files.write_bytes("memory://yard/data/a.jpg", b"1")
    assert run(["clean", "memory://yard/data", "--yes"]) == 0
    assert not files.exists("memory://yard/data/a.jpg")


@pytest.mark.parametrize(
    ("writing", "deleting", "writable"),
    [(None, None, True), (PermissionError, None, False), (NotImplementedError, None, False),
     (None, PermissionError, True)],
)  # fmt: skip
def test_an_empty_object_tells_whether_a_store_can_be_written_to(
    monkeypatch: pytest.MonkeyPatch,
    writing: type[Exception] | None,
    deleting: type[Exception] | None,
    writable: bool,
) -> None:
    memory = fsspec.filesystem("memory")
    stores.is_writable.cache_clear()

    def refuse(fault: type[Exception]) -> Callable[..., None]:
        def raise_it(*_: object, **__: object) -> None:
            raise fault

        return raise_it

    with monkeypatch.context() as patch:
        if writing:
            patch.setattr(type(memory), "pipe_file", refuse(writing))
        if deleting:
            patch.setattr(type(memory), "rm_file", refuse(deleting))
        assert files.is_writable("memory://photos/data") == writable
    if not deleting:
        assert list(files.walk("memory://photos")) == []
    stores.is_writable.cache_clear()
    memory.store.clear()


def test_a_store_is_tried_once_for_each_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    memory, tried = fsspec.filesystem("memory"), []
    stores.is_writable.cache_clear()
    monkeypatch.setattr(type(memory), "pipe_file", lambda self, path, value, **_: tried.append(path))
    monkeypatch.setattr(type(memory), "rm_file", lambda self, path: None)
    for place in ("memory://photos/data", "memory://photos/data/", "memory://photos/other"):
        assert files.is_writable(place)
    assert len(tried) == 2
    stores.is_writable.cache_clear()


def test_a_name_with_two_colons_is_an_object_like_others(server: Server) -> None:
    files.write_bytes(f"{ROOT}/a::b.jpg", b"1")
    assert [entry.path for entry in files.walk(ROOT)] == ["a::b.jpg"]
    assert files.read_bytes(f"{ROOT}/a::b.jpg") == b"1"


def test_an_object_that_another_writer_changed_meanwhile_is_read_again(server: Server) -> None:
    uri = f"s3://{BUCKET}/updated/a.jsonl"
    others = iter([b"b\n", b"c\n"])

    def change(old: bytes) -> bytes:
        if (line := next(others, b"")) != b"":  # another writer is faster, twice
            files.append(uri, line)
        return old + b"a\n"

    stores.update(uri, change)
    assert files.read_bytes(uri) == b"b\nc\na\n"


def test_lines_of_many_writers_to_one_object_are_all_kept(server: Server) -> None:
    uri = f"s3://{BUCKET}/updated/many.jsonl"
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: files.append(uri, b"%d\n" % n), range(24)))
    assert sorted(map(int, files.read_bytes(uri).split())) == list(range(24))
