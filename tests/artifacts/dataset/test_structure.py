"""What the folders themselves tell: splits, wrappers, systems' folders, and when it takes a person to decide."""

from dataclasses import replace
from pathlib import Path

import pytest

import pupila
from pupila.artifacts.dataset.understood import describe
from pupila.cli.run import run
from tests.pictures import write_classes, write_photo


def test_every_class_and_split_is_named(tmp_path: Path) -> None:
    names = [f"plant {letter}" for letter in "abcdefghijkl"]
    write_classes(tmp_path / "train", dict.fromkeys(names, 2))
    write_photo(tmp_path / "test/1.jpg", 99)
    data = pupila.open(tmp_path)
    report = describe(data)
    assert report == [
        f"25 images in {tmp_path}: a folder per class below train/val/test.",
        f"Task: classify, 12 classes ({', '.join(f'{name} 2' for name in names)}).",
        "1 image has no label.",
        "Splits as they came, in images: train 24, test 1 (without labels).",
        "Confidence in this reading: certain.",
    ]
    assert str(replace(data, doubt="Two of them match.")).endswith(": likely. Two of them match.")


@pytest.mark.parametrize("command", ["doctor", "split", "explore", "train --dry-run"])
def test_it_is_printed_before_the_search_for_duplicates(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_classes(tmp_path, {"cat": 2, "dog": 2})

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pupila.artifacts.dataset.manifest.find_pairs", stop)
    name, *rest = command.split()
    run([name, str(tmp_path), *rest])
    printed = capsys.readouterr()
    assert "2 classes (cat 2, dog 2)" in (printed.err if rest else printed.out)
