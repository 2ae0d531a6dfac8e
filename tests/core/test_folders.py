"""Folders that are replaced as a whole: a kill at any moment leaves the old one or the new one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pupila.core import folders
from pupila.core.errors import PupilaError
from tests.conftest import REPOSITORY

OLD, NEW = {"a/b": b"old", "c": b"old"}, {"a/b": b"new", "d": b"new"}

_DIE = """
import os, shutil, sys
from pathlib import Path
from pupila.core import folders
left = [int(sys.argv[2])]
def counted(call):
    def call_or_die(*arguments, **options):
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), 9)
        return call(*arguments, **options)
    return call_or_die
for owner, names in ((os, ("replace", "unlink", "rmdir", "fsync", "mkdir")), (Path, ("replace", "unlink"))):
    for name in names:
        setattr(owner, name, counted(getattr(owner, name)))
if sys.argv[3] == "two steps":
    folders._exchange = lambda first, second: False
else:
    folders._exchange = counted(folders._exchange)
folders.replace_folder(sys.argv[1], {"a/b": b"new", "d": b"new"})
"""


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folders.replace_folder(tmp_path / "bundle", OLD)
    return tmp_path / "bundle"


@pytest.fixture
def two_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that can't exchange two folders."""
    monkeypatch.setattr(folders, "_exchange", lambda _first, _second: False)


class _Killed(BaseException):
    """In place of a signal that nothing can catch."""


def die_between_the_renames(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the folder, and die once the old one is out of its place: nothing is tidied up."""
    rename = os.replace

    def die(source: Path, destination: Path) -> None:
        if destination == target:
            raise _Killed
        rename(source, destination)

    with monkeypatch.context() as patched, pytest.raises(_Killed):
        patched.setattr(folders, "_move_back", lambda _target: False)
        patched.setattr(shutil, "rmtree", lambda *_arguments, **_options: None)
        patched.setattr(os, "replace", die)
        folders.replace_folder(target, NEW)
    assert not target.exists() and content(target.with_name(".bundle.old")) == OLD


@pytest.mark.usefixtures("two_steps")
def test_a_folder_whose_replacement_was_killed_between_the_steps_is_brought_back(
    target: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    die_between_the_renames(target, monkeypatch)
    folders.restore_folder(target)
    assert content(target) == OLD
    assert f"{target} is back: the process that was replacing it was killed." in capsys.readouterr().err
    folders.restore_folder(target)
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("two_steps")
def test_the_next_write_after_a_kill_that_fails_too_leaves_the_old_folder(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    die_between_the_renames(target, monkeypatch)
    with pytest.raises(PupilaError, match="Can't write"):
        folders.replace_folder(target, {"a": b"", "a/b": b"new"})
    assert content(target) == OLD
    folders.replace_folder(target, NEW)
    assert content(target) == NEW
    assert [path.name for path in target.parent.iterdir()] == ["bundle"]


@pytest.mark.usefixtures("two_steps")
def test_a_folder_that_can_not_be_brought_back_is_named_with_the_command(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    die_between_the_renames(target, monkeypatch)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(
        PupilaError, match=r"(?s)lies beside it: found .*\.bundle\.old: Permission denied"
    ) as fault:
        folders.restore_folder(target)
    assert fault.value.remedy == f"mv {target.with_name('.bundle.old')} {target}"


@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.usefixtures("two_steps")
def test_a_step_that_fails_leaves_the_old_folder(
    step: int, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename, left = os.replace, [step]

    def fail(source: Path, destination: Path) -> None:
        left[0] -= 1
        if not left[0]:
            raise OSError(5, "Input/output error")
        rename(source, destination)

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(PupilaError, match="Input/output error"):
        folders.replace_folder(target, NEW)
    assert content(target) == OLD
    assert [path.name for path in target.parent.iterdir()] == ["bundle"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux exchanges folders")
def test_linux_exchanges_the_folders_in_one_step(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = os.replace

    def of_files(source: Path, destination: Path) -> None:
        assert not source.is_dir()
        rename(source, destination)

    monkeypatch.setattr(os, "replace", of_files)
    folders.replace_folder(target, NEW)
    assert content(target) == NEW
    assert [path.name for path in target.parent.iterdir()] == ["bundle"]


def test_a_link_stays_and_a_file_is_not_replaced(target: Path) -> None:
    link = target.with_name("link")
    link.symlink_to("bundle")
    folders.replace_folder(link, NEW)
    assert link.is_symlink() and content(target) == NEW
    (target.parent / "file").write_text("of the user")
    with pytest.raises(PupilaError, match="Not a directory"):
        folders.replace_folder(target.parent / "file", NEW)
    assert (target.parent / "file").read_text() == "of the user"


def _kill(folder: Path, steps: str, number: int) -> int:
    command = [sys.executable, "-c", _DIE, str(folder), str(number), steps]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=False).returncode


@pytest.mark.slow
@pytest.mark.parametrize("steps", ["one step", "two steps"])
def test_a_kill_at_any_write_leaves_the_old_folder_or_the_new_one(steps: str, target: Path) -> None:
    outcomes = list[dict[str, bytes]]()
    for number in range(1, 40):
        folders.replace_folder(target, OLD)
        ended = _kill(target, steps, number)
        folders.restore_folder(target)
        outcomes.append(content(target))
        assert outcomes[-1] in (OLD, NEW), number
        if not ended:
            break
    assert number > 8 and outcomes[0] == OLD and outcomes[-1] == NEW
    folders.replace_folder(target, OLD)
    assert [path.name for path in target.parent.iterdir()] == ["bundle"]
