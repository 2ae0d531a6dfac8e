"""Pipes, sockets, devices and links among files: never waited for, never read without end."""

import os
import socket
from pathlib import Path

import pytest

from pupila.core import disk, files

pytestmark = pytest.mark.skipif(os.name == "nt", reason="pipes and devices have no paths on Windows")
DEVICE = Path("/dev/zero")


def make_special(path: Path, kind: str) -> None:
    """A file of this kind, which hangs or never ends where it is simply read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        path.parent.joinpath("s").symlink_to(path.parent)  # the address of a socket holds 108 bytes
        with socket.socket(socket.AF_UNIX) as server:
            before = Path.cwd()
            os.chdir(path.parent)
            server.bind(path.name)
            os.chdir(before)
        path.parent.joinpath("s").unlink()
    else:
        path.symlink_to(DEVICE)


@pytest.mark.parametrize("kind", ["pipe", "socket", "device"])
def test_what_is_no_regular_file_is_listed_on_request_and_never_read(kind: str, tmp_path: Path) -> None:
    make_special(tmp_path / "a/x.jpg", kind)
    (tmp_path / "b.txt").write_bytes(b"12")
    root, path = str(tmp_path), str(tmp_path / "a/x.jpg")
    assert [entry.path for entry in files.walk(root)] == ["b.txt"]
    sizes = {entry.path: entry.size for entry in files.walk(root, special=True)}
    assert sizes == {"b.txt": 2, "a/x.jpg": files.SPECIAL}
    assert files.list_files(str(tmp_path / "a")) == []
    assert not files.exists(path)
    assert files.stat_file(root, "a/x.jpg") is None
    with files.cache_listing(root):
        assert len(list(files.walk(root))) == 1
        assert files.stat_file(root, "a/x.jpg") is None
    if kind != "socket":  # which the system opens for nobody
        with pytest.raises(OSError, match="not a regular file"):
            files.read_bytes(path)
    with pytest.raises(OSError, match=r"not a regular file|No such device"):
        files.read_start(path, 8)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        files.read_bytes(str(tmp_path))


def test_a_file_above_the_memory_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "card.md"
    with path.open("wb") as stream:
        stream.truncate(1 << 42)  # 4 TB of nothing: no block of it is on the disk
    with pytest.raises(OSError, match="memory"):
        files.read_bytes(str(path))
    assert files.read_start(str(path), 3) == bytes(3)


def test_a_pipe_that_a_shell_hands_over_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"image,label\n")
    os.close(writer)
    assert files.exists(f"/dev/fd/{reader}")
    assert files.read_bytes(f"/dev/fd/{reader}") == b"image,label\n"
    os.close(reader)
    reader, writer = os.pipe()
    os.write(writer, bytes(100))
    os.close(writer)
    monkeypatch.setattr(disk, "_MOST_PIPED", 99)
    with pytest.raises(OSError, match="more than 99 bytes"):
        files.read_bytes(f"/dev/fd/{reader}")
    os.close(reader)


def test_a_folder_goes_before_links_to_it_wherever_they_lie(tmp_path: Path) -> None:
    for name in ("a/1.jpg", "b/2.jpg", "b/deep/3.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "a/bb").symlink_to("../b")
    (tmp_path / "a/cc").symlink_to("../b/deep")
    paths = [entry.path for entry in files.walk(str(tmp_path))]
    assert paths == ["a/1.jpg", "b/2.jpg", "b/deep/3.jpg"]


def test_links_to_folders_elsewhere_are_followed_in_order_and_once(tmp_path: Path) -> None:
    root, out = tmp_path / "data", tmp_path / "store"
    for path in (root / "m/1.jpg", root / "z/4.jpg", out / "2.jpg", out / "in/3.jpg"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    (root / "n").symlink_to(out)
    (root / "o").symlink_to(out)  # the second link to the same folder
    (out / "back").symlink_to(root / "m")
    (out / "self").symlink_to(out)
    paths = [entry.path for entry in files.walk(str(root))]
    assert paths == ["m/1.jpg", "n/2.jpg", "n/in/3.jpg", "z/4.jpg"]


def test_what_lies_around_the_root_is_no_part_of_it(tmp_path: Path) -> None:
    (tmp_path / "data/a").mkdir(parents=True)
    (tmp_path / "secret.jpg").write_bytes(b"")
    (tmp_path / "data/a/up").symlink_to(tmp_path)
    (tmp_path / "data/a/top").symlink_to("/")
    assert list(files.walk(str(tmp_path / "data"))) == []
    special = {entry.path: entry.size for entry in files.walk(str(tmp_path / "data"), special=True)}
    assert special == {"a/top": files.SPECIAL, "a/up": files.SPECIAL}
