"""Messages: ready for another language, and every sentence can be collected from the source."""

import ast
import gettext
import string
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from pupila.cli.run import run
from pupila.core import messages
from pupila.core.messages import (
    integer,
    listing,
    mark,
    number,
    percent,
    say,
    say_count,
    signed_number,
    signed_percent,
    translate,
)

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
        "The data set does not exist": "Keine solchen Daten",
        "error: {fault}": "Fehler: {fault}",
        "{n} file rejected.\0{n} files rejected.": "{n} Datei beiseite.\0{n} Dateien beiseite.",
    }
    (folder / "pupila.mo").write_bytes(catalogue(known))
    monkeypatch.setattr(messages, "LOCALE_FOLDER", tmp_path)
    monkeypatch.setenv("LANGUAGE", "xx")
    messages._catalogue.cache_clear()
    yield
    messages._catalogue.cache_clear()


@pytest.mark.usefixtures("pseudo")
def test_sentences_plurals_and_commands_speak_the_users_language(capsys: pytest.CaptureFixture[str]) -> None:
    assert say_count("{n} file rejected.", "{n} files rejected.", 1) == "1 Datei beiseite."
    assert say_count("{n} file rejected.", "{n} files rejected.", 7) == "7 Dateien beiseite."
    assert say("not in the catalogue") == "not in the catalogue"
    assert run(["doctor", "no/such/folder"]) == 2
    assert capsys.readouterr().err.startswith("Fehler: Keine solchen Daten")


def calls() -> Iterator[tuple[str, ast.Call, int]]:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or path.name == "messages.py":
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))  # say(...) or messages.say(...)
            if name in ("say", "say_count", "mark"):
                yield f"{path.name}:{node.lineno}", node, 2 if name == "say_count" else 1


def test_every_sentence_is_a_literal_whose_names_are_given() -> None:
    checked = 0
    for where, call, count in calls():
        given = {word.arg for word in call.keywords} | ({"n"} if count == 2 else set())
        for sentence in call.args[:count]:
            assert isinstance(sentence, ast.Constant), where
            assert isinstance(sentence.value, str), where
            names = {name.split("[")[0] for _, name, _, _ in string.Formatter().parse(sentence.value) if name}
            assert None in given or not given or names <= given, f"{where}: {names - given} not given"
            formats = [form for _, name, form, _ in string.Formatter().parse(sentence.value) if name and form]
            assert not [form for form in formats if form[-1] in "fg%"], f"{where}: use number() or percent()"
            checked += 1
    print(f"messages: checked {checked} sentences of {len(SOURCES)} files")
    assert checked > 250


def imported(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run when a file is imported: all but the bodies of functions."""
    for child in ast.iter_child_nodes(tree):
        yield child
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            for part in (child.args, *child.decorator_list):
                yield from imported(part)
        elif isinstance(child, ast.Lambda):
            yield from imported(child.args)
        else:
            yield from imported(child)


def test_no_sentence_is_translated_on_import() -> None:
    checked = 0
    for path in SOURCES:
        for node in imported(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("say", "say_count", "translate"), f"{path.name}:{node.lineno}"
                checked += 1
    assert checked > 500


def test_a_listing_says_how_many_more_there_are() -> None:
    assert listing(["a", "b"]) == "a, b"
    assert listing(["a", "b", "c"], 2) == "a, b and 1 more"
    assert listing(["a", "b", "c"], 2, total=25) == "a, b and 23 more"
    assert listing(["a"], 2, total=1) == "a"


def test_figures_have_the_separator_of_the_language_and_the_digits_that_were_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert (number(0.95238), number(0.95238, 2), percent(0.95238), percent(1, 0)) == (
        "0.952", "0.95", "95.2 %", "100 %",
    )  # fmt: skip
    assert (integer(999), integer(12345678)) == ("999", "12,345,678")
    monkeypatch.setattr(messages, "_catalogue", _Comma)
    assert (number(1234.5, 1), percent(0.5), integer(12345)) == ("1234,5", "50,0 %", "12.345")


def test_a_share_is_none_or_all_only_where_it_is() -> None:
    shares = {0.9999: "99.99 %", 0.99996: "99.996 %", 0.9995: "99.95 %", 0.0004: "0.04 %", 0.99: "99.0 %"}
    assert {share: percent(share) for share in shares} == shares
    assert percent(0.996, 0) == "99.6 %"  # 100 % would be wrong
    assert (percent(1 - 1e-12), percent(1.0), percent(1e-12), percent(0.0)) == (
        "100.0 %", "100.0 %", "0.0 %", "0.0 %",
    )  # fmt: skip


def test_a_zero_has_no_sign() -> None:
    assert (number(-0.0004), number(-0.3, 0), percent(-1e-9)) == ("0.000", "0", "0.0 %")
    assert (signed_number(-0.0004), signed_number(0.0004), signed_number(0.0)) == ("0.000", "0.000", "0.000")
    assert (signed_number(-0.012), signed_number(0.012)) == ("-0.012", "+0.012")
    assert (signed_percent(0.0), signed_percent(-0.0004), signed_percent(0.125)) == (
        "0.0 %",
        "-0.04 %",
        "+12.5 %",
    )


class _Comma(gettext.NullTranslations):
    def pgettext(self, context: str, message: str) -> str:
        return {"decimal separator": ",", "thousands separator": "."}.get(context, message)


@pytest.mark.usefixtures("pseudo")
def test_a_marked_sentence_is_translated_when_it_is_shown() -> None:
    marked = mark("The data set does not exist")
    assert (marked, translate(marked), translate("")) == (
        "The data set does not exist",
        "Keine solchen Daten",
        "",
    )
