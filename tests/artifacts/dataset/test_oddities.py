"""Unusable files and rows: each is skipped with a code and a reason, and the rest is read."""

import os
from pathlib import Path

import pytest

import pupila
from pupila.core.errors import PupilaError
from tests.pictures import encoded, photo, write_classes, write_photo

WHOLE = encoded(photo(9), "JPEG")
STRANGE = b"caf\xe9.jpg"  # a name in latin-1, as old archives leave it


def test_every_unusable_file_has_its_code_and_reason_and_the_rest_is_read(tmp_path: Path) -> None:
    write_classes(tmp_path, {"cat": 2})
    contents = {
        "cut.jpg": WHOLE[:-800],
        "empty.jpg": b"",
        "page.jpg": b"<html>404</html>",
        "header.png": b"\x89PNG\r\n\x1a\n" + b"\0" * 90,
        "poster.psd": b"h",
        "note.txt": b"x",
        ".DS_Store": b"x",
        "lies.jpg": encoded(photo(4), "PNG"),
        "vast.jpg": encoded(photo(5, 200, 100), "JPEG"),
        "heavy.jpg": WHOLE + b"\0" * 20_000,
        "no_ending": WHOLE,
    }
    for name, content in contents.items():
        (tmp_path / "cat" / name).write_bytes(content)
    (tmp_path / "cat/lost.jpg").symlink_to("nowhere.jpg")
    (tmp_path / "dog").mkdir()
    (tmp_path / "cow").mkdir()
    (tmp_path / "cow/b.jpg").write_bytes(b"")
    data = pupila.open(tmp_path, max_pixels=19_999, max_bytes=20_000)
    skipped = {subject.removeprefix("cat/"): (code, reason) for subject, code, reason in data.skipped.rows()}
    assert {subject: code for subject, (code, _) in skipped.items()} == {
        "cut.jpg": "truncated",
        "empty.jpg": "empty-file",
        "page.jpg": "not-an-image",
        "header.png": "unreadable",
        "poster.psd": "unsupported-format",
        "note.txt": "other-file",
        ".DS_Store": "hidden-file",
        "lies.jpg": "wrong-extension",
        "no_ending": "wrong-extension",
        "vast.jpg": "oversized",
        "heavy.jpg": "oversized",
        "lost.jpg": "broken-link",
        "dog": "empty-class",
        "cow": "empty-class",
        "cow/b.jpg": "empty-file",
    }
    assert all(reason for _, reason in skipped.values())
    assert "a web page" in skipped["page.jpg"][1]
    assert "200 x 100 pixels; the limit is 19999" in skipped["vast.jpg"][1]
    assert data.images["image"].to_list() == [
        "cat/000.jpg", "cat/001.jpg", "cat/lies.jpg", "cat/no_ending",
    ]  # fmt: skip
    assert "9 unusable files skipped." in str(data)


def test_every_odd_row_of_a_table_has_its_code(tmp_path: Path) -> None:
    for number, name in enumerate("abcd"):
        write_photo(tmp_path / f"{name}.jpg", number)
    lines = ["image,label", "a.jpg,cat", "a.jpg,cat", "b.jpg,cat", "b.jpg,dog", "c.jpg,dog", "none.jpg,dog",
             "https://shop.invalid/1.jpg,cat", "  ,dog"]  # fmt: skip
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    data = pupila.open(tmp_path)
    assert data.images["image"].to_list() == ["a.jpg", "b.jpg", "c.jpg"]
    assert sorted(data.skipped.select("code", "subject").rows()) == [
        ("conflicting-rows", "b.jpg"),
        ("duplicate-row", "a.jpg"),
        ("image-url", "https://shop.invalid/1.jpg"),
        ("image-without-row", "d.jpg"),
        ("row-without-image", "a row without an image name"),
        ("row-without-image", "none.jpg"),
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [("photos/a.jpg", "./photos/a.jpg"), ("old/a.jpg", "new/a.jpg"), ("a", "photos/a.jpg")],
)
def test_rows_that_name_one_file_in_two_ways_are_one_image(tmp_path: Path, first: str, second: str) -> None:
    write_photo(tmp_path / "photos/a.jpg", 1)
    (tmp_path / "t.csv").write_text(f"image,label\n{first},cat\n{second},dog\n")
    data = pupila.open(tmp_path)
    assert data.images["image"].to_list() == ["photos/a.jpg"]
    assert data.skipped.rows() == [("photos/a.jpg", "conflicting-rows", "cat / dog")]


def test_a_table_whose_images_are_all_missing_says_which(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("image,label\nphotos/a.jpg,cat\n")
    with pytest.raises(PupilaError, match=r"photos/a\.jpg \(no such file\)"):
        pupila.open(tmp_path)


def test_a_table_with_one_column_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("image, image,label\na.jpg,b.jpg,cat\n")
    with pytest.raises(PupilaError, match="Can't read the table"):
        pupila.open(tmp_path / "t.csv")


def test_names_that_are_not_utf_8_are_skipped_and_the_rest_is_read(tmp_path: Path) -> None:
    write_classes(tmp_path, {"cat": 2, "dog": 1})
    try:
        (tmp_path / "cat/000.jpg").rename(os.fsdecode(os.fsencode(tmp_path / "cat") + b"/" + STRANGE))
    except OSError:
        pytest.skip("this file system takes UTF-8 names alone")
    (tmp_path / os.fsdecode(STRANGE[:-4])).mkdir()
    (tmp_path / os.fsdecode(STRANGE[:-4]) / "b.jpg").write_bytes(WHOLE)
    data = pupila.open(tmp_path)
    assert data.images["image"].to_list() == ["cat/001.jpg", "dog/000.jpg"]
    assert sorted(data.skipped.select("subject", "code").rows()) == [
        ("caf\ufffd/b.jpg", "unreadable"), ("cat/caf\ufffd.jpg", "unreadable"),
    ]  # fmt: skip
