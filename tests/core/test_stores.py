"""Stores: S3 as moto's server speaks it, with the faults that networks, keys and servers have."""

import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import polars as pl
import pytest

from pupila.cli.run import run
from pupila.core import files, stores
from pupila.core.errors import MissingExtra, PupilaError
from tests.s3 import Server, emptied, forget, many, s3_server

ROOT = "s3://shop/data"
Ask = Callable[[str], object]
LARGE = bytes(range(256)) * 4 * 2**12 * 5  # 20 MiB: three parts


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch, s3_server(patch) as told:
        yield told


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
        assert files.folders(root) == ["año nuevo", "x"]
        assert files.entries(root) == ["3.jpg"]
        assert [files.read_bytes(files.join(root, name)).decode() for name in names] == list(names)
        assert files.read_start(f"{root}/x/1.jpg", 3) == b"x/1"
        assert files.exists(f"{root}/x") and files.is_folder(f"{root}/x") and files.is_folder(f"{root}/x/")
        assert files.exists(f"{root}/3.jpg") and not files.is_folder(f"{root}/3.jpg")
        assert not files.exists(f"{root}/3") and not files.is_folder(f"{root}/nothing")
        assert files.entry(root, "x/none.jpg") is None
        assert (found := files.entry(root, "x/1.jpg")) is not None and found.size == 7
        assert [files.lookup(root)(name) for name in names] == [files.entry(root, name) for name in names]
        assert files.matching(f"{root}/x/*.jpg") == [f"{root}/x/1.jpg"]
        for ask in (files.read_bytes, files.entries, files.folders):
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
    server.asked.clear()
    assert [f"data/{e.path}" for e in files.walk(ROOT)] == sorted(names)
    assert len(server.asked) == 3  # pages of 1000
    server.asked.clear()
    there = files.lookup(ROOT)
    assert all(there(name.removeprefix("data/")) for name in names)
    assert there("none.jpg") is None
    assert len(server.asked) == 3


def test_within_one_listing_all_questions_are_answered_as_outside_of_it(server: Server) -> None:
    many(["data/a/1.jpg", "data/a/b/2.jpg", "data/3.jpg", "elsewhere/4.jpg"])

    def told() -> list[object]:
        places = ("", "/", "/a", "/a/b", "/a/b/2.jpg", "/3.jpg", "/none", "/a/b/2")
        return [
            [(files.exists(ROOT + place), files.is_folder(ROOT + place)) for place in places],
            [files.folders(ROOT), files.entries(ROOT), files.folders(f"{ROOT}/a"), files.entries(f"{ROOT}/a/b")],
            [list(files.walk(ROOT)), list(files.walk(f"{ROOT}/a")), list(files.walk("s3://shop/elsewhere"))],
            [files.entry(ROOT, "3.jpg"), files.entry(ROOT, "a")],
        ]  # fmt: skip

    before = told()
    server.asked.clear()
    with files.listed_once(f"{ROOT}/3.jpg"):  # a file stands for the folder that it lies in
        listing = len(server.asked)
        assert told() == before
        assert len(server.asked) == listing + 1  # for what lies elsewhere
        with pytest.raises(FileNotFoundError):
            files.entries(f"{ROOT}/none")
        many(["data/new.jpg"])
        assert not files.exists(f"{ROOT}/new.jpg")
    assert files.exists(f"{ROOT}/new.jpg")


def test_marks_of_folders_are_no_files(server: Server) -> None:
    many(["data/", "data/a/", "data/a/1.jpg"])
    assert [e.path for e in files.walk(ROOT)] == ["a/1.jpg"]
    assert (files.folders(ROOT), files.entries(ROOT), files.entries(f"{ROOT}/a")) == (["a"], [], ["1.jpg"])


def test_an_object_that_is_written_twice_within_a_second_has_two_times(server: Server) -> None:
    seen = set()
    for content in (b"1", b"2"):
        files.write_bytes(f"{ROOT}/a.jpg", content)
        entry, listed = files.entry(ROOT, "a.jpg"), next(files.walk(ROOT))
        assert entry == listed
        seen.add(listed.modified)
    assert len(seen) == 2


def faults() -> dict[str, tuple[dict[str, str | None], str]]:
    """Name to the environment that brings the fault about, and what is said of it."""
    return {
        "no credentials": ({"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, "No credentials for the store"),
        "half of them": ({"AWS_SECRET_ACCESS_KEY": None}, "No credentials for the store"),
        "no such profile": ({"AWS_PROFILE": "nobody"}, "No credentials for the store"),
        "nobody listens": ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "can't be reached"),
        "no address": ({"AWS_ENDPOINT_URL": "127.0.0.1:9000"}, "Invalid endpoint"),
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(faults()))
def test_what_stands_in_the_way_is_said_in_words(
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
    asks: list[Ask] = [files.exists, files.is_folder, files.read_bytes, files.entries, lambda uri: [*files.walk(uri)],
            functools.partial(files.entry, "s3://shop"), lambda uri: files.write_bytes(uri, b"1"), files.remove,
            stores.unfinished]  # fmt: skip
    for asked in asks:
        with pytest.raises(PupilaError, match=faults()[name][1]):
            asked(ROOT)
    assert run(["doctor", ROOT]) == 2
    assert faults()[name][1] in capsys.readouterr().err
    forget()


def test_a_refusing_store_and_a_missing_bucket_are_no_missing_data(server: Server) -> None:
    server.fault = lambda method, path, query: (403, "InvalidAccessKeyId")
    for uri in (ROOT, "s3://shop"):
        asks: list[Ask] = [files.exists, files.is_folder, files.entries, lambda uri: list(files.walk(uri))]
        for ask in asks:
            with pytest.raises(PupilaError, match="refuses access"):
                ask(uri)
    with pytest.raises(PupilaError, match="found InvalidAccessKeyId"):
        files.read_bytes(f"{ROOT}/a.jpg")
    server.fault = lambda method, path, query: None
    for ask in (*asks, lambda uri: files.write_bytes(uri, b"1")):
        with pytest.raises(PupilaError, match="No such bucket: found nowhere"):
            ask("s3://nowhere/a.jpg")


def test_addresses_that_are_none_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PupilaError, match=r"No such kind of address: found foo://"):
        files.exists("foo://a/b")

    def lacking(uri: str, **_: object) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec.core, "url_to_fs", lacking)
    with pytest.raises(MissingExtra, match=r"pip install 'pupila\[s3\]'"):
        files.exists("s3://a/b")


def uploads(server: Server) -> list[tuple[str, str]]:
    """(method, query) of all requests for parts."""
    return [(method, query.split("=")[0]) for method, _, query in server.asked if "upload" in query]


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
    parts = [query for _, _, query in server.asked if "partNumber" in query]
    assert sorted(query.partition("&")[0] for query in parts) == [f"partNumber={n}" for n in (1, 2, 2, 3)]
    assert stores.unfinished(ROOT) == []


def test_an_upload_that_fails_for_good_leaves_nothing_and_what_was_there_before(
    server: Server, tmp_path: Path
) -> None:
    files.write_bytes(f"{ROOT}/large", b"before")
    server.fault = lambda method, path, query: (403, "AccessDenied") if "partNumber=3" in query else None
    with pytest.raises(PupilaError, match="refuses access"):
        files.write_bytes(f"{ROOT}/large", LARGE)
    with pytest.raises(PupilaError, match="refuses access"), files.growing(f"{ROOT}/grown") as part:
        part.write_bytes(LARGE)
    assert [(e.path, e.size) for e in files.walk(ROOT)] == [("large", 6)]
    assert stores.unfinished(ROOT) == []


def test_what_grows_is_sent_once_it_is_whole(server: Server) -> None:
    with files.growing(f"{ROOT}/a.csv") as part:
        part.write_text("whole")
        assert not files.exists(f"{ROOT}/a.csv")
    assert files.read_bytes(f"{ROOT}/a.csv") == b"whole"
    assert not part.parent.exists()
    with pytest.raises(KeyError), files.growing(f"{ROOT}/b.csv") as part:
        part.write_text("half")
        raise KeyError
    assert [e.path for e in files.walk(ROOT)] == ["a.csv"]


def broken_off(name: str) -> None:
    """Two uploads that nobody ended, as a killed process leaves them."""
    filesystem = fsspec.filesystem("s3")
    for key in (f"{name}/large", "other/large"):
        told = filesystem.call_s3("create_multipart_upload", Bucket="shop", Key=key)
        filesystem.call_s3("upload_part", Bucket="shop", Key=key, UploadId=told["UploadId"], PartNumber=1,
                           Body=LARGE[: 5 * 2**20])  # fmt: skip


def test_clean_shows_asks_and_deletes_what_lies_below_the_prefix_alone(
    server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    many([*(f"data/{n:04d}.jpg" for n in range(1200)), "data/", "database/1.jpg"])
    broken_off("data")
    monkeypatch.setattr("typer.confirm", lambda question: False)
    assert run(["clean", ROOT]) == 0
    told = capsys.readouterr().out
    assert "1200 objects, 0.0 MB below s3://shop/data" in told
    assert "0000.jpg, 0001.jpg" in told
    assert "1 upload that did not come to its end" in told
    assert "Nothing was deleted." in told
    assert len(list(files.walk(ROOT))) == 1200
    server.asked.clear()
    assert run(["clean", ROOT, "--yes"]) == 0
    assert server.counts()["POST"] == 2  # 1000 objects in one request
    assert not files.exists(ROOT) and stores.unfinished(ROOT) == []
    assert [e.path for e in files.walk("s3://shop")] == ["database/1.jpg"]
    assert [upload.path for upload in stores.unfinished("s3://shop/other")] == ["other/large"]
    assert run(["clean", ROOT]) == 0
    assert "Nothing lies below" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["splits.json", "labels.parquet", "openings.jsonl", "bundle/bundle.json"])
def test_clean_keeps_what_took_work(server: Server, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    many(["data/a.jpg", f"data/{name}"])
    assert run(["clean", ROOT, "--yes"]) == 2
    assert name in capsys.readouterr().err
    assert len(list(files.walk(ROOT))) == 2
    assert run(["clean", ROOT, "--yes", "--delete-data"]) == 0
    assert not files.exists(ROOT)


def test_clean_tells_what_could_not_be_deleted(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    many(["data/a.jpg"])
    server.fault = lambda method, path, query: (403, "AccessDenied") if method == "POST" else None
    assert run(["clean", ROOT, "--yes"]) == 2
    assert "refuses access" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["s3://shop", "s3://shop/", "s3://", "/tmp", "data"])
def test_clean_takes_prefixes_alone(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["clean", place, "--yes"]) == 2
    assert "wanted s3://BUCKET/PREFIX" in capsys.readouterr().err


def test_clean_knows_other_stores(capsys: pytest.CaptureFixture[str]) -> None:
    files.write_bytes("memory://yard/data/a.jpg", b"1")
    assert run(["clean", "memory://yard/data", "--yes"]) == 0
    assert not files.exists("memory://yard/data/a.jpg")
