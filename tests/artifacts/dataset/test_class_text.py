"""Names of classes that differ in what nobody sees are one class, and words for an empty cell are none."""

from pathlib import Path

import pytest

import pupila
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.errors import PupilaError
from tests.pictures import write_photo


def open_labels(folder: Path, labels: list[str]) -> Dataset:
    lines = ["image,label"]
    for number, label in enumerate(labels):
        write_photo(folder / f"p{number}.jpg", number)
        lines.append(f'p{number}.jpg,"{label}"')
    (folder / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return pupila.open(folder)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("salt ", "salt"),
        ("\u00a0salt", "salt"),
        ("\u200bsalt", "salt"),
        ("sa\ufefflt", "salt"),
        ("salt\u200d", "salt"),
        ("sea\u00a0salt", "sea salt"),
        ("cafe\u0301", "café"),
    ],
)
def test_what_nobody_sees_makes_no_class(tmp_path: Path, name: str, meant: str) -> None:
    data = open_labels(tmp_path, [meant, name, "sugar"])
    assert data.classes == sorted([meant, "sugar"])
    assert sum(ascii(name) in note for note in data.notes) == 1


def test_a_joiner_within_a_word_stays(tmp_path: Path) -> None:
    data = open_labels(tmp_path, ["می\u200cخواهم", "sugar"])
    assert "می\u200cخواهم" in data.classes
    assert not data.notes


@pytest.mark.parametrize("sign", ["\x07", "\x00", "\x7f", "\x1b"])
def test_control_characters_are_refused(tmp_path: Path, sign: str) -> None:
    with pytest.raises(PupilaError, match="control characters"):
        open_labels(tmp_path, ["salt", f"sa{sign}lt", "sugar"])


@pytest.mark.parametrize("word", ["nan", "NaN", "null", "<NA>", "N/A", "#N/A"])
def test_a_word_for_an_empty_cell_is_no_class(tmp_path: Path, word: str) -> None:
    data = open_labels(tmp_path, ["salt", word, "sugar", word])
    assert data.classes == ["salt", "sugar"]
    assert data.images["target"].to_list() == ["salt", None, "sugar", None]
    assert f'"{word}" (2 images) says nothing: no label.' in data.notes


@pytest.mark.parametrize("word", ["unknown", "?", "NA", "none"])
def test_a_word_that_may_be_a_class_stays_one_with_a_word(tmp_path: Path, word: str) -> None:
    data = open_labels(tmp_path, ["salt", word, "sugar"])
    assert word in data.classes
    assert any(f'"{word}" (1 image) is read as a class' in note for note in data.notes)
