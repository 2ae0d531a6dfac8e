"""Files are found though their names are written in another way, and never by guesswork."""

from collections.abc import Callable
from pathlib import Path, PureWindowsPath
from unicodedata import normalize
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pupila.artifacts.dataset.formats.file_finder import FileFinder
from pupila.artifacts.dataset.formats.file_names import name_key, path_parts

NAME = (
    st.text("abzXéñüßÅ한 _-7'#+", min_size=1, max_size=6)
    .map(str.strip)
    .filter(lambda name: name not in ("", "."))
)


def _write(root: Path, *paths: str) -> FileFinder:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return FileFinder(str(root))


def _find(finder: FileFinder, path: str) -> str | None:
    entry = finder.find(path, lambda _: True)
    return entry.path if entry else None


WRITINGS: dict[str, Callable[[str], str]] = {
    "as it is": lambda path: path,
    "decomposed": lambda path: normalize("NFD", path),
    "composed": lambda path: normalize("NFC", path),
    "escaped": quote,
    "escaped with its slashes": lambda path: quote(path, safe=""),
    "with a dot": lambda path: f"./{path}",
    "on a drive": lambda path: f"D:\\data\\{PureWindowsPath(path)}",
    "on another machine": lambda path: f"/content/drive/My Drive/{path}",
    "with a scheme": lambda path: f"file:///home/someone/{quote(path)}",
    "on a server": lambda path: f"http://localhost:8080/data/{quote(path)}",
    "by Label Studio": lambda path: f"/data/local-files/?d={quote(path)}",
    "without its ending": lambda path: path.removesuffix(".png"),
    "in capitals": lambda path: path.upper() if len(path.upper()) == len(path) else path,
}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=NAME, folder=NAME, writing=st.sampled_from(sorted(WRITINGS)), form=st.sampled_from(("NFC", "NFD"))
)
def test_every_writing_of_a_path_finds_the_file(
    tmp_path_factory: pytest.TempPathFactory, name: str, folder: str, writing: str, form: str
) -> None:
    path = normalize(form, f"{folder}/{name}.png")  # type: ignore[arg-type]
    finder = _write(tmp_path_factory.mktemp("names"), path, "elsewhere/other.png")
    assert _find(finder, WRITINGS[writing](path)) == path


def test_the_longest_end_of_a_path_decides(tmp_path: Path) -> None:
    finder = _write(tmp_path, "s0/1.png", "s1/1.png", "t/s1/1.png", "2.png")
    assert _find(finder, r"D:\proj\images\s0\1.png") == "s0/1.png"
    assert _find(finder, "/proj/t/s1/1.png") == "t/s1/1.png"
    assert _find(finder, "s9/2.png") == "2.png"
    assert finder.notes(bare_names=True) == [
        "3 files lie in other folders than their rows say and were found by the ends of their paths, such as s0/1.png "
        r"for D:\proj\images\s0\1.png."
    ]


def test_a_name_that_fits_several_files_is_refused_with_their_names(tmp_path: Path) -> None:
    finder = _write(tmp_path, "s0/1.png", "s1/1.png")
    assert _find(finder, "1.png") is None
    assert finder.explain("1.png") == "several files fit: s0/1.png, s1/1.png"
    assert _find(finder, "1") is None
    assert finder.explain("1") == "several files fit: s0/1.png, s1/1.png"


def test_a_file_that_a_path_names_more_closely_is_not_anothers(tmp_path: Path) -> None:
    finder = _write(tmp_path, "s1/1.png", "b/3.png", "c/4.png")
    paths = [
        "s0/1.png",
        "s1/1.png",
        "3.png",
        "3",
        "/y/b/3.png",
        "https://host/b/3.png",
        "c/4.png",
        "d/4.png",
        ".",
        "",
    ]
    entries = finder.find_all(paths, lambda _: True)
    assert [path for path, entry in entries.items() if entry is None] == [
        "s0/1.png",
        "d/4.png",
    ]  # a folder is found unread
    assert finder.explain("s0/1.png") == "no such file; s1/1.png is that of s1/1.png"


def test_the_same_spelling_goes_before_others(tmp_path: Path) -> None:
    names = [
        "a/B.png",
        "b/b.png",
        "c/caf\u00e9.png",
        "d/cafe\u0301.png",
        "e/x%20y.png",
        "f/x y.png",
        "g/z.png.png",
    ]
    finder = _write(tmp_path, *names, "h/z.png")
    for path in [*names, "h/z.png"]:
        assert _find(finder, path.rpartition("/")[2]) == path


def test_hidden_files_fit_nothing(tmp_path: Path) -> None:
    assert _find(_write(tmp_path, "s0/1.png", "__MACOSX/s0/1.png", ".trash/1.png"), "1.png") == "s0/1.png"


def test_names_that_look_alike_are_told_apart(tmp_path: Path) -> None:
    finder = _write(tmp_path, "my\u00a0photo.png")
    assert _find(finder, "my photo.png") is None
    assert finder.explain("my photo.png") == "my\u00a0photo.png looks alike but differs in U+0020, U+00A0"
    assert finder.explain("my foto.png") == "no such file"


@given(st.text(max_size=12))
def test_the_key_of_a_key_is_the_key(path: str) -> None:
    assert name_key(name_key(path)) == name_key(path) or "%" in name_key(path)
    assert name_key(normalize("NFD", path)) == name_key(normalize("NFC", path))


def test_parts_of_addresses() -> None:
    assert path_parts(r"..\.\a\b.png") == ["a", "b.png"]
    assert path_parts("s3://bucket/a/b.png") == ["a", "b.png"]
    assert path_parts("/data/local-files/?d=a%2Fb.png") == ["a", "b.png"]
