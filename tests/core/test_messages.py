"""Messages: ready for another language, and every sentence can be collected from the source."""

import ast
import string
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from pupila.cli.run import run
from pupila.core import messages
from pupila.core.messages import listing, say, say_count

SOURCES = sorted(Path(messages.__file__).parent.parent.rglob("*.py"))


def catalogue(sentences: dict[str, str]) -> bytes:
    """A compiled gettext catalogue (GNU .mo): header, two tables of (length, offset), texts."""
    head = {"": "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=n != 1;\n"}
    pairs = sorted({**head, **sentences}.items())
    texts, place = b"", 28 + 16 * len(pairs)
    tables: list[bytes] = []
    for column in (0, 1):
        table = b""
        for pair in pairs:
            text = pair[column].encode()
            table += struct.pack("<II", len(text), place + len(texts))
            texts += text + b"\0"
        tables.append(table)
    header = struct.pack("<IIIIIII", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 0)
    return header + b"".join(tables) + texts


@pytest.fixture
def pseudo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A language of our own for a few sentences."""
    folder = tmp_path / "xx/LC_MESSAGES"
    folder.mkdir(parents=True)
    known = {
        "No such data": "Keine solchen Daten",
        "error: {fault}": "Fehler: {fault}",
        "{n} file set aside.\0{n} files set aside.": "{n} Datei beiseite.\0{n} Dateien beiseite.",
    }
    (folder / "pupila.mo").write_bytes(catalogue(known))
    monkeypatch.setattr(messages, "LOCALE_FOLDER", tmp_path)
    monkeypatch.setenv("LANGUAGE", "xx")
    messages._catalogue.cache_clear()
    yield
    messages._catalogue.cache_clear()


@pytest.mark.usefixtures("pseudo")
def test_sentences_plurals_and_commands_speak_the_users_language(capsys: pytest.CaptureFixture[str]) -> None:
    assert say_count("{n} file set aside.", "{n} files set aside.", 1) == "1 Datei beiseite."
    assert say_count("{n} file set aside.", "{n} files set aside.", 7) == "7 Dateien beiseite."
    assert say("not in the catalogue") == "not in the catalogue"
    assert run(["doctor", "no/such/folder"]) == 2
    assert capsys.readouterr().err.startswith("Fehler: Keine solchen Daten")


def calls() -> Iterator[tuple[str, ast.Call, int]]:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or path.name == "messages.py":
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))  # say(...) or messages.say(...)
            if name in ("say", "say_count"):
                yield f"{path.name}:{node.lineno}", node, 1 if name == "say" else 2


def test_every_sentence_is_a_literal_whose_names_are_given() -> None:
    checked = 0
    for where, call, count in calls():
        given = {word.arg for word in call.keywords} | ({"n"} if count == 2 else set())
        for sentence in call.args[:count]:
            assert isinstance(sentence, ast.Constant), where
            assert isinstance(sentence.value, str), where
            names = {name.split("[")[0] for _, name, _, _ in string.Formatter().parse(sentence.value) if name}
            assert None in given or names <= given, f"{where}: {names - given} not given"
            checked += 1
    print(f"messages: checked {checked} sentences of {len(SOURCES)} files")
    assert checked > 250


def test_a_listing_says_how_many_more_there_are() -> None:
    assert listing(["a", "b"]) == "a, b"
    assert listing(["a", "b", "c"], 2) == "a, b and 1 more"
    assert listing(["a", "b", "c"], 2, total=25) == "a, b and 23 more"
    assert listing(["a"], 2, total=1) == "a"
