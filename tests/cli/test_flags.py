"""Every setting is a flag: what is read, what is refused and how, what the help shows, what the shell completes."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from pupila.cli import write_flags
from pupila.cli.app import app
from pupila.cli.command import Command
from pupila.cli.flags import Reader, find_flags, groups
from pupila.cli.run import run
from pupila.cli.stages import COMMANDS, STAGES
from pupila.core.errors import PupilaError
from pupila.core.synonyms import FROZEN, ROWS

# Flags whose help differs between commands though the meaning is the same for each command.
SAME = {
    "--out": "where the results of the command go", "--with": "the model or run that takes part",
    "--limit": "most items of the command's own kind", "--seed": "decides draws", "--model": "the model that is used",
    "--base-url": "address of the server",
    "--workers": "what works at once", "--timeout": "seconds for one answer",
    "--concurrency": "requests at a time", "--confidence": "under which an answer does not count",
    "--threshold": "objective of a threshold", "--json": "for machines", "--dry-run": "shows, does nothing",
    "--by": "columns or expressions that divide the images",
    "--resume": "goes on", "--retries": "of what failed",
    "--to": "what becomes of it, a format or a place", "--yes": "does without asking what was listed",
    "--finetune-epochs": "passes after a first training",
    "--host": "address to listen on", "--max-files": "images at once", "--login": "file of logins",
    "--folds": "of cross-validation", "--max-bytes": "largest file", "--port": "of the page",
    "--name": "what the result is called: a site, a model",
    "--label": "who labels in collect, and the class in explain", "--split": "a split of the data",
    "--false-alarm-every": "groups between two false alarms",
    "--rate": "requests for a unit of time, sent or taken", "--tokens": "file of tokens",
    "--overlap": "what is twice: pixels of tiles, time of two tokens", "--key": "API key's variable, or TLS key's file",
    "--bundle": "the bundle that predicts, or whose reference counts", "--again": "draws anew",
    "--target": "what is aimed at, by name", "--force": "does in spite of an objection",
    "--test": "the test split: its share in split, whether it is evaluated in sweep",
}  # fmt: skip


KINDS = (
    "label",
)  # commands whose settings depend on what is named: a flag may have its own meaning for each


def read(command: str, *words: str) -> tuple[dict[str, Any], list[str]]:
    reader = Reader(command, {"--out": True, "--resume": False, "--with": True})
    rest = reader.read(words)
    return reader.check(), rest


def refused(command: str, *words: str) -> str:
    with pytest.raises(PupilaError) as fault:
        read(command, *words)
    return str(fault.value)


def test_the_table_is_that_of_the_settings_models() -> None:
    assert write_flags.FILE.read_text(encoding="utf-8") == write_flags.text(), (
        "run: python -m pupila.cli.write_flags"
    )


def test_every_setting_of_every_command_is_one_flag_and_every_group_names_fields() -> None:
    checked = 0
    for stage, load in STAGES.items():
        model = load()
        assert {name for names in model.groups.values() for name in names} <= set(model.model_fields), stage
        checked += len(model.model_fields)
    assert {flag.name for flag in find_flags("train")} >= set(STAGES["train"]().model_fields)
    for command in COMMANDS:
        flags = find_flags(command)
        assert sorted(map(id, flags)) == sorted(id(flag) for _, some in groups(flags) for flag in some)
    assert checked > 100


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (("D", "--epochs", "5", "--batch-size=8"), {"epochs": 5, "batch_size": 8}),
        (("D", "--batch_size", "8"), {"batch_size": 8}),
        (("D", "epochs=5", "batch-size=8", "model=resnet50"), {"epochs": 5, "batch_size": 8, "model": "resnet50"}),
        (("D", "--epochs", "auto", "--clip-norm", "null"), {"epochs": "auto", "clip_norm": None}),
        (("D", "--allow-leak"), {"allow_leak": True}),
        (("D", "--no-allow-leak"), {"allow_leak": False}),
        (("D", "--allow-leak=false"), {"allow_leak": False}),
        (("D", "--bands", "4,3,2"), {"bands": [4, 3, 2]}),
        (("D", "--bands", "[4, 3, 2]"), {"bands": [4, 3, 2]}),
        (("D", "--options.pad_type", "same", "options.stem=2"), {"options": {"pad_type": "same", "stem": 2}}),
        (("D", "--options", "{pad_type: same}"), {"options": {"pad_type": "same"}}),
        (("D", "--options", "pad_type=same,stem=2"), {"options": {"pad_type": "same", "stem": 2}}),
        (("D", "--model", "101", "--threshold", "null"), {"model": "101", "threshold": None}),
        (("D", "--weight-decay", "1e-4"), {"weight_decay": 1e-4}),
        (("D", "--folds", "3"), {"folds": 3}),
        (("D", "--epochs", "5", "--epochs", "6"), {"epochs": 6}),
        (("D", "--epochs", "010"), {"epochs": 10}),
        (("D", "--options", "a=[1,2],b=on", "--options", "c=3"), {"options": {"a": [1, 2], "b": "on", "c": 3}}),
    ],
)  # fmt: skip
def test_what_is_given_is_read(words: tuple[str, ...], values: dict[str, Any]) -> None:
    assert read("train", *words) == (values, ["D"])


def test_names_come_with_commas_or_again_and_addresses_keep_theirs() -> None:
    assert read("label audit", "D", "--extra-classes", "a,b", "--extra-classes", "c")[0] == {
        "extra_classes": ["a", "b", "c"]
    }
    assert read("collect", "D", "--start", "http://a/?q=1,2")[0] == {"start": ["http://a/?q=1,2"]}


def test_words_of_the_command_are_left_to_it() -> None:
    rest = read("train", "epochs=3", "--out", "o", "--resume", "--", "epochs=4")
    assert rest == ({}, ["epochs=3", "--out", "o", "--resume", "--", "epochs=4"])


def test_a_file_whose_name_has_an_equals_sign_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "low=3").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    assert read("predict", "B", "low=3") == ({}, ["B", "low=3"])


def test_flags_stand_above_the_file_of_config(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text("epochs: 7\nmodel: lenet\noptions: {a: 1, b: 2}\n")
    values, _ = read("train", "D", "--epochs", "3", "--options.b", "5", "--config", str(file))
    assert values == {"epochs": 3, "model": "lenet", "options": {"a": 1, "b": 5}}
    file.write_text("epoch: 7\nepochs: many\n")
    assert refused("train", "D", "--config", str(file)).startswith(
        "Invalid training settings: epoch is unknown (did you mean epochs?); "
        "epochs='many' (expected a whole number or auto)."
    )


def test_all_faults_are_one_error() -> None:
    assert refused(
        "train", "D", "--seed=-1", "--epochs", "many", "--epoch", "5", "--head-widht", "3", "bands=x"
    ) == (
        "Invalid training settings: --epoch is unknown (did you mean --epochs?); --head-widht is unknown (did you mean "
        "--head-width?); --epochs many (expected a whole number or auto); --seed -1 (expected 0 or more); "
        "bands=x (expected 3 comma-separated whole numbers or null).\n"
        "  Try: pupila settings train"
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--set", "batch_size=5"), "--set batch_size=5 is written --batch-size 5"),
        (("--set=seed=5",), "--set seed=5 is written --seed 5"),
        (("--bs", "8"), "--bs is called --batch-size here"),
        (("batch=8",), "batch is called batch_size=... here"),
        (("--num-workers", "8"), "--num-workers is called --workers here"),
        (("--amp",), "--amp is called --precision here (float32, bfloat16 or float16)"),
        (("--pretrained",), "--pretrained is called --weights here (default takes the hub's"),
        (("--freeze", "3"), "there is no --freeze (use --unfreeze N: the number of last blocks to train)"),
        (("--freeze", "3"), "Try: --unfreeze N"),
        (("--lerning-rate", "1"), "--lerning-rate is unknown (did you mean --lr?).\n  Try: --lr 1"),
        (("lerning_rate=1",), "lerning_rate is unknown (did you mean lr?)"),
        (("--bs", "8", "--epoch", "2"), "Try: --batch-size 8, --epochs 2"),
        (("--set", "allow_leak=true"), "--set allow_leak=true is written --allow-leak."),
        (("--set", "allow_leak=false"), "--set allow_leak=false is written --no-allow-leak."),
        (("--output-dir", "x"), "--output-dir is called --out here"),
        (("--data-path", "x"), "--data-path is an argument here, without a name"),
        (("--zzz",), "--zzz is unknown"),
        (("--epochs",), "--epochs needs a value"),
        (("--epochs", "--resume"), "--epochs needs a value"),
        (("--out", "--resume"), "--out needs a value"),
        (("--epochs", "yes"), "--epochs yes (expected a whole number or auto)"),
        (("--epochs", "1:30"), "--epochs 1:30 (expected a whole number or auto)"),
        (("--epochs", "0x10"), "--epochs 0x10 (expected a whole number or auto)"),
        (("\u2013epochs", "3"), "\u2013epochs is written --epochs"),
        (("--options.=1",), "--options. 1 (expected NAME.NAME=VALUE)"),
        (("--config", "none.yaml", "--epoch", "3"), "none.yaml does not exist; --epoch is unknown"),
        (("--options", "[1"), "--options [1 (expected a value that YAML can read)"),
        (("--model.name", "x"), "--model.name x (--model takes one value)"),
    ],
)
def test_a_name_of_another_tool_and_a_slip_are_answered(words: tuple[str, ...], says: str) -> None:
    assert says in refused("train", "D", *words)


def test_names_of_other_tools_lead_to_a_setting_that_is_there() -> None:
    ours = {flag.name for command in COMMANDS for flag in find_flags(command)} | {"out", "resume"}
    assert [row for row in ROWS if not ours & set(row)] == []
    for name in (
        "imgsz",
        "lr0",
        "lr",
        "batch",
        "freeze",
        "pretrained",
        "amp",
        "arch",
        "backbone",
        "optim",
        "bs",
    ):
        if name not in {*ours, *FROZEN}:
            assert "is called --" in refused("train", "D", f"--{name}", "1")


def test_a_labeller_takes_its_own_settings() -> None:
    assert read("label", "D", "--with=csv:f", "--no-human-labels")[0] == {"human_labels": False}
    assert "--votes belongs to --with vlm" in refused("label", "D", "--with=csv:f", "--votes", "3")


def _options() -> dict[str, list[tuple[str, str, str]]]:
    """Flag -> (command, kind of value, help) of every command that has it."""
    options: dict[str, list[tuple[str, str, str]]] = {}
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        for flag in find_flags(name):
            options.setdefault(flag.flag, []).append((name, flag.kind, flag.description))
        for option in command.params:
            for text in [opt for opt in option.opts if opt.startswith("--")]:
                kind = "bool" if option.is_flag else "value"
                options.setdefault(text, []).append((name, kind, option.help or ""))
    return options


# Flags that take a value in one command and none in another -> why users read both rightly.
TWO_KINDS = {"--test": "the share of the test split in split, and its evaluation in sweep"}


def ambiguous(flags: dict[str, list[tuple[str, str, str]]]) -> list[str]:
    """The flags that have two meanings."""
    return [
        flag
        for flag, places in flags.items()
        if (flag not in TWO_KINDS and len({kind == "bool" for _, kind, _ in places}) > 1)
        or (flag not in SAME and len({meaning for *_, meaning in places}) > 1)
        or len({command for command, *_ in places}) < len({(c, m) for c, _, m in places if c not in KINDS})
    ]


def test_no_flag_has_two_meanings() -> None:
    options = _options()
    assert len(options) > 120
    assert ambiguous(options) == []
    assert [flag for flag in SAME if len(options.get(flag, [])) < 2] == []  # no reason without its flag
    assert [flag for flag in TWO_KINDS if len({kind == "bool" for _, kind, _ in options[flag]}) < 2] == []


@pytest.mark.parametrize(
    "places",
    [
        [("collect", "bool", "whether a browser draws"), ("collect", "value", "path of Chromium")],
        [("label", "text", "a question"), ("train", "text", "a task")],
    ],
)
def test_that_test_bites(places: list[tuple[str, str, str]]) -> None:
    assert ambiguous({"--it": places}) == ["--it"]


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_help_is_whole_and_grouped(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command.split(), "--help"]) == 0
    printed = capsys.readouterr().out
    words = " ".join(printed.split())
    for flag in find_flags(command):
        assert flag.shown in words
        assert re.sub(r"\W", "", flag.meaning) in re.sub(r"\W", "", printed)  # wherever a line ends
    assert max(map(len, printed.splitlines())) <= 100
    if command == "train":
        order = [
            printed.index(title)
            for title in (
                "Common settings:",
                "Expert settings:",
                "Settings for classification:",
                "Settings for segmentation:",
                "Settings for promptable models:",
            )
        ]
        assert order == sorted(order)


def test_the_help_of_pupila_cuts_no_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    for command in typer.main.get_command(app).commands.values():  # type: ignore[attr-defined]
        assert isinstance(command, Command)
        assert " ".join((command.help or "?").split()) in printed


def completed(line: str) -> list[str]:
    """What the shell offers for the last word of a line, by the protocol of bash."""
    words = line.split(" ")
    environment = {**os.environ, "_PUPILA_COMPLETE": "complete_bash", "COMP_WORDS": line,
                   "COMP_CWORD": str(len(words) - 1)}  # fmt: skip
    code = (
        "import sys; from pupila.cli import main\n"
        "try: main()\n"
        "finally: print('LOADED', *{'pydantic', 'torch', 'timm'} & set(sys.modules), file=sys.stderr)"
    )
    work = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert work.stderr == "LOADED\n"
    return work.stdout.split()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("pupila tr", ["train", "track"]),
        ("pupila tra", ["train", "track"]),
        ("pupila trai", ["train"]),
        ("pupila train D --epo", ["--epochs"]),
        ("pupila train D --no-al", ["--no-allow-leak"]),
        ("pupila train D --model sam-vit-", ["sam-vit-base", "sam-vit-huge", "sam-vit-large"]),
        ("pupila train D --epochs 3 --model lene", ["lenet"]),
        ("pupila train D --device c", ["cpu", "cuda"]),
        ("pupila train D --encoder resnet3", ["resnet34"]),
        ("pupila train D --dry", ["--dry-run"]),
        ("pupila label D --with csv:x --hu", ["--human-labels"]),
        ("pupila demo --li", ["--list"]),
    ],
)
def test_the_shell_completes(line: str, words: list[str]) -> None:
    assert completed(line) == words


def test_completion_can_be_installed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    printed = capsys.readouterr().out
    assert "--install-completion" in printed and "--show-completion" in printed


def test_help_loads_no_settings_model() -> None:
    code = "import sys; from pupila.cli.run import run; run(sys.argv[1:]); print('pydantic' in sys.modules, end='')"
    for words in (["--help"], ["train", "--help"], ["label", "audit", "--help"]):
        work = subprocess.run(
            [sys.executable, "-c", code, *words], capture_output=True, text=True, check=True
        )
        assert work.stdout.endswith("False")


def test_settings_wrap(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    for stage in ("train", "label", "split"):
        assert run(["settings", stage]) == 0
        printed = capsys.readouterr().out
        assert max(map(len, printed.splitlines())) <= 72
    assert "\n  votes = N\n" not in printed


def test_the_stories_are_listed_and_a_slip_is_answered(capsys: pytest.CaptureFixture[str]) -> None:
    from pupila.demo.stories import STORIES

    assert run(["demo", "--list"]) == 0
    printed = capsys.readouterr().out
    assert [line.split()[0] for line in printed.splitlines()] == list(STORIES)
    assert run(["demo", "--help"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in STORIES)
    assert run(["demo", "fault"]) == 2
    assert "Did you mean faults?" in capsys.readouterr().err


def test_a_pattern_with_an_equals_sign_is_no_setting() -> None:
    reader = Reader("predict", {})
    assert reader.read(["bundle", "day=1/*.png", "low=3"]) == ["bundle", "day=1/*.png"]
    assert reader.check() == {"low": 3}


def test_a_file_of_config_keeps_text_and_refuses_a_name_given_twice(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text("batch-size: 010\nbudget: 12:30\nloss: no\n")
    assert read("train", "D", "--config", str(file))[0] == {"batch_size": 10, "budget": "12:30", "loss": "no"}
    file.write_text("")
    assert read("train", "D", "--config", str(file))[0] == {}
    file.write_text("epochs: 1\nepochs: 2\n")
    assert "line 2: epochs is given twice" in refused("train", "D", "--config", str(file))


def test_a_slip_in_two_words_is_answered(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["label", "suspect", "D"]) == 2
    assert "Did you mean label suspects?" in capsys.readouterr().err
