"""Nothing that others wrote controls the terminal: planted escapes are shown, and colours of ours stay."""

import io
import logging
import re
import sys

import pytest

from pupila.cli import main
from pupila.core.display import Displayed, Summary
from pupila.core.errors import PupilaError
from pupila.core.messages import escape_controls, listing, say, say_count
from pupila.core.progress import progress
from pupila.core.terminal import escaped_output, raw_stream

CONTROLS = (
    [chr(code) for code in (*range(9), *range(10, 32), *range(0x7F, 0xA0))]
    + list("\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    + ["\ud800", "\udcff"]
)
HARMLESS = "año 犬 🐈‍⬛ e\u0301 \\u001b \t x"


def test_every_control_is_shown_and_nothing_else_changes() -> None:
    for control in CONTROLS:
        assert escape_controls(f"a{control}b") == f"a\\u{ord(control):04x}b"
    assert escape_controls(HARMLESS) == HARMLESS
    assert escape_controls("a\nb\x1b", keep="\n") == "a\nb\\u001b"
    assert escape_controls(escape_controls("".join(CONTROLS))) == escape_controls("".join(CONTROLS))


def test_sentences_errors_and_results_keep_a_name_in_its_line() -> None:
    name = "cat\nNo errors.\x1b[2J"
    shown = "cat\\u000aNo errors.\\u001b[2J"
    assert say("class '{name}'", name=name) == f"class '{shown}'"
    assert say_count("{n} of {name}", "{n} of {name}", 2, name=name) == f"2 of {shown}"
    assert shown in str(PupilaError(name, actual=name, expected=name, remedy=name))
    assert str(PupilaError("a", name, name, name)).count("\n") == 1  # before "Try"
    assert str(PupilaError("a")).isprintable()
    assert listing([name]) == name  # data, until it stands in a sentence

    class Result(Displayed):
        def summary(self) -> Summary:
            return Summary("Result", name)

    assert repr(Result()) == "<Result: cat No errors.\\u001b[2J>"


def test_whatever_is_printed_is_escaped_whoever_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    planted = "".join(CONTROLS).replace("\n", "")
    with escaped_output():
        print(planted, planted, sep="\n")
        print("two\nlines", file=sys.stderr)
        sys.stdout.writelines([planted, "\n"])
        sys.stderr.write("\rbar\r")
        logging.StreamHandler(sys.stderr).emit(logging.LogRecord("a", 40, "b", 1, planted, None, None))
        print("\x1b[31mred\x1b[0m", file=raw_stream(sys.stdout))
        with escaped_output():
            assert raw_stream(sys.stdout) is raw_stream(raw_stream(sys.stdout))
    printed = capsys.readouterr()
    assert printed.out.endswith("\x1b[31mred\x1b[0m\n")
    assert printed.err.startswith("two\nlines\n\rbar\\u000d")
    out, err = printed.out.replace("\x1b[31mred\x1b[0m", ""), printed.err.replace("\rbar", "")
    for text in (out, err):
        assert not [control for control in CONTROLS if control in text.replace("\n", "")]
        assert "\\u001b" in text and "\\u202e" in text and "\\ud800" in text
    print("\x1b")
    assert capsys.readouterr().out == "\x1b\n"  # only within


def test_a_bar_on_a_terminal_is_drawn_and_its_title_and_prints_are_escaped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal, output = Terminal(), Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setenv("TERM", "xterm")
    with escaped_output(), progress("read \x1b]0;title\x07 [red]", 2) as advance:
        advance(1)
        print("name \u202e \x9b31m")
    text = terminal.getvalue() + output.getvalue()
    assert "read \\u001b]0;title\\u0007 [red]" in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    assert "\x1b[" in terminal.getvalue()  # the bar itself
    assert "name \\u202e \\u009b31m" in text
    assert not {"\u202e", "\x9b", "\x07", "\x1b]0"} & set(re.findall(r"\x1b\]0|[\u202e\x9b\x07]", text))


def test_usage_errors_and_stack_traces_are_escaped(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = "x\x1b]0;evil\x07\u202e\x9b"
    for arguments in (
        ["doctor", planted, planted],
        ["doctor", f"--{planted}"],
        ["doctor", planted, "--debug"],
    ):
        monkeypatch.setattr(sys, "argv", ["pupila", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code in (1, 2)
        printed = capsys.readouterr()
        assert "evil" in printed.err, arguments
        assert not set("\x1b\x07\u202e\x9b") & set(printed.out + printed.err), arguments
