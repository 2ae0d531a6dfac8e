"""Files: whole or not at all, sorted, linked once, and the same on a store."""

import os
from pathlib import Path

import pytest

from pupila.core import files
from pupila.core.errors import PupilaError


def test_a_failing_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a.json"
    files.write_bytes(str(target), b"old")

    def fail(_: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(PupilaError, match="disk full"):
        files.write_bytes(str(target), b"new")
    assert target.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_folder_that_is_not_writable_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(PupilaError, match="--out FOLDER"):
        files.write_bytes(str(tmp_path / "file/below.json"), b"x")


def test_a_walk_is_sorted_and_follows_links_once(tmp_path: Path) -> None:
    for name in ("b/2.txt", "a/1.txt", "c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"12")
    (tmp_path / "a/back").symlink_to(tmp_path)
    (tmp_path / "a/lost.jpg").symlink_to("nowhere.jpg")
    sizes = {entry.path: entry.size for entry in files.walk(str(tmp_path))}
    assert sizes == {"c.txt": 2, "a/1.txt": 2, "a/lost.jpg": -1, "b/2.txt": 2}
    assert list(sizes) == sorted(sizes, key=lambda path: (path.count("/"), path))


def test_a_link_to_itself_is_neither_a_file_nor_a_folder(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "a").mkdir()
    (tmp_path / "b.txt").write_text("")
    (tmp_path / "c").symlink_to("a")
    (tmp_path / "d").symlink_to("b.txt")
    assert files.list_folders(str(tmp_path)) == ["a", "c"]
    assert files.list_files(str(tmp_path)) == ["b.txt", "d"]


@pytest.mark.parametrize("name", ["a\0b.jpg", "\ud800.jpg", "none.jpg"])
def test_nothing_lies_under_a_name_that_no_file_can_have(name: str, tmp_path: Path) -> None:
    assert files.stat_file(str(tmp_path), name) is None
    assert files.entry_finder(str(tmp_path))(name) is None


def test_a_store_is_like_a_disk() -> None:
    for name in ("x/1.jpg", "x/y/2.jpg", "3.jpg", ".hidden/4.jpg"):
        files.write_bytes(f"memory://shop/{name}", name.encode())
    root = "memory://shop"
    assert [e.path for e in files.walk(root)] == [".hidden/4.jpg", "3.jpg", "x/1.jpg", "x/y/2.jpg"]
    assert files.list_folders(root) == ["x"]
    assert files.list_files(root) == ["3.jpg"]
    assert files.read_bytes(files.join(root, "x/1.jpg")) == b"x/1.jpg"
    assert files.read_start(f"{root}/x/1.jpg", 3) == b"x/1"
    assert files.is_folder(f"{root}/x")
    assert files.relative(f"{root}/x/1.jpg", root) == "x/1.jpg"
    entry = files.stat_file(root, "x/1.jpg")
    assert entry is not None
    assert entry.size == 7
    assert files.stat_file(root, "x/none.jpg") is None
    files.remove(f"{root}/3.jpg")
    assert not files.exists(f"{root}/3.jpg")


@pytest.mark.parametrize(
    ("path", "hidden"),
    [
        ("a/.DS_Store", True),
        ("__MACOSX/a.jpg", True),
        ("a/Thumbs.db", True),
        ("a/@eaDir/b.jpg/SYNOPHOTO_THUMB_M.jpg", True),
        ("$RECYCLE.BIN/a.jpg", True),
        ("lost+found/a.jpg", True),
        ("lost/found.jpg", False),
        ("._a.jpg", True),
        ("a/b.jpg", False),
    ],
)
def test_a_systems_own_files_are_known(path: str, hidden: bool) -> None:
    assert files.is_hidden(path) is hidden


def test_paths_are_joined_and_seen_from_a_root_on_disk_and_in_stores() -> None:
    assert files.join("/data/", "a/b.jpg") == "/data/a/b.jpg"
    assert files.join("s3://shop", "a.jpg") == "s3://shop/a.jpg"
    for whole in ("/elsewhere/a.jpg", "s3://shop/a.jpg"):
        assert files.join("/data", whole) == whole
    assert files.relative("/data/a/b.jpg", "/data") == "a/b.jpg"
    assert files.relative("/data/a.jpg", "/data/out") == "../a.jpg"
    assert files.relative("s3://shop/a.jpg", "s3://shop/") == "a.jpg"
    assert files.relative("s3://shopping/a.jpg", "s3://shop") == "s3://shopping/a.jpg"
    assert files.normalize_path("/data/./x/../a.jpg") == "/data/a.jpg"


def test_endings_are_those_of_the_name_alone() -> None:
    assert [files.suffix(path) for path in ("a/B.JPG", "a.b/c", ".hidden", "x.tar.gz")] == [
        ".jpg", "", "", ".gz",
    ]  # fmt: skip


def test_a_name_that_is_not_utf_8_is_not_text() -> None:
    assert files.is_text("caf\u00e9.jpg")
    assert not files.is_text(os.fsdecode(b"caf\xe9.jpg"))


@pytest.mark.parametrize("content", ["{", "", "[" * 100_000])
def test_damaged_json_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(PupilaError, match="a JSON file"):
        files.read_json(str(tmp_path / "a.json"))


def test_a_folder_is_no_json(tmp_path: Path) -> None:
    with pytest.raises(PupilaError, match="a JSON file"):
        files.read_json(str(tmp_path))
    with pytest.raises(FileNotFoundError):
        files.read_json(str(tmp_path / "a.json"))


def test_the_user_sets_the_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUPILA_CACHE", "/somewhere")
    assert files.cache_folder() == Path("/somewhere")
    monkeypatch.delenv("PUPILA_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert files.cache_folder() == Path("/caches/pupila")


def test_a_file_appears_under_its_name_when_it_is_complete(tmp_path: Path) -> None:
    with files.atomic_path(str(tmp_path / "new/a.txt")) as part:
        part.write_text("whole")
        assert not (tmp_path / "new/a.txt").exists()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.txt"]
    with pytest.raises(KeyError), files.atomic_path(str(tmp_path / "b.txt")) as part:
        part.write_text("half")
        raise KeyError
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


@pytest.mark.parametrize("root", ["{tmp}/new", "memory://lines"])
def test_lines_are_added_at_the_end(root: str, tmp_path: Path) -> None:
    uri = root.format(tmp=tmp_path) + "/a.jsonl"
    files.append(uri, b"1\n")
    files.append(uri, b"2\n3\n")
    assert files.read_bytes(uri) == b"1\n2\n3\n"


@pytest.mark.parametrize("half", [b"", b"hal", b"x" * 200_000])
@pytest.mark.parametrize("whole", [b"", b"1\n", b"1\n" + b"y" * 100_000 + b"\n"])
def test_half_a_line_is_removed_before_lines_are_added(half: bytes, whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(whole + half)
    files.append(str(path), b"2\n")
    assert path.read_bytes() == whole + b"2\n"


def test_a_file_that_can_not_be_appended_to_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PupilaError, match="Can't write"):
        files.append(str(tmp_path), b"1\n")


def test_a_folder_that_does_not_exist_yet_is_as_writable_as_the_one_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert files.is_writable(str(tmp_path / "new/folder"))
    requested: list[str] = []
    monkeypatch.setattr("os.access", lambda path, mode: requested.append(str(path)))
    assert not files.is_writable(str(tmp_path / "new/folder"))
    assert requested == [str(tmp_path)]


def test_within_a_cached_listing_each_folder_is_looked_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x/1.jpg").write_bytes(b"1")
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nothing")
    root = str(tmp_path)
    fresh = list(files.walk(root)), files.list_files(root), files.list_folders(root)
    with files.cache_listing(root):
        assert next(files.walk(root)).path == "gone.jpg"  # a walk that ends early is none of the whole folder
        again = list(files.walk(root)), files.list_files(root), files.list_folders(root)
        with monkeypatch.context() as patch:
            for name in ("walk", "scandir"):
                patch.setattr(os, name, None)
            assert (
                (list(files.walk(f"{root}/")), files.list_files(root), files.list_folders(root))
                == again
                == fresh
            )
        find = files.entry_finder(root)
        assert [find(entry.path) for entry in again[0]] == again[0]
        (tmp_path / "2.jpg").write_bytes(b"22")
        assert (late := find("2.jpg")) is not None and late.size == 2
    assert "2.jpg" in files.list_files(root)
