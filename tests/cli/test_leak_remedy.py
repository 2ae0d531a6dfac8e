"""A split that leaks: the command that each stage names is typed as it stands, and the leak is gone everywhere."""

import shlex
from pathlib import Path

import pytest

from pupila.api.split import plan_split
from pupila.cli.run import run
from pupila.core.vocabulary import REDRAW
from tests.pictures import write_classes, write_photo

SPLITS = {"train": 8, "test": 4}
Run = tuple[int, str]


def leaking(folder: Path) -> Path:
    """Folders of a train and a test split, which share a photo of each class."""
    for number, (split, count) in enumerate(SPLITS.items()):
        write_classes(folder / split, {"cat": count, "dog": count}, seed=number + 1)
    for number, name in enumerate(("cat", "dog")):
        for split in SPLITS:
            write_photo(folder / split / name / "shared.jpg", 900 + number)
    return folder


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> Run:
    capsys.readouterr()
    code = run(list(arguments))
    output = capsys.readouterr()
    return code, output.out + output.err


def type_remedy(capsys: pytest.CaptureFixture[str], text: str, data: Path) -> Run:
    """Type what stands from "pupila split" to the end of the command, with the data for DATA."""
    line = next(line for line in text.splitlines() if "pupila split DATA" in line)
    command = line[line.index("pupila split DATA") :].partition(";")[0].strip().removesuffix(".")
    return call(capsys, *shlex.split(command.replace("DATA", str(data)))[1:])


@pytest.mark.parametrize("stage", ["doctor", "split", "train", "explore"])
def test_the_remedy_of_a_leak_works_as_it_stands(
    stage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = leaking(tmp_path)
    if stage == "explore":
        assert "Verdict: leaking." in call(capsys, "split", str(data))[1]
    options = ["--epochs", "1", "--device", "cpu"] if stage == "train" else []
    _, text = call(capsys, stage, str(data), *options)
    assert REDRAW in text
    code, text = type_remedy(capsys, text, data)
    assert (code, "Verdict: clean" in text) == (0, True), text
    code, text = call(capsys, "doctor", str(data))
    assert "leaking-split" not in text


def test_the_remedy_keeps_the_groups_and_the_folds(tmp_path: Path) -> None:
    data = leaking(tmp_path)
    split = plan_split(data, by=r"(\d|shared)\.jpg", folds=3)
    assert split.verdict == "leaking"
    assert split.redraw_command == rf"{REDRAW} --by '(\d|shared)\.jpg' --folds 3"
    again = plan_split(data, by=split.settings.by, folds=3, ignore_given=True)
    assert again.verdict == "clean"
