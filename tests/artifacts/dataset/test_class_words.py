"""Class names with control characters are refused, whatever brings them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import pupila
from pupila.core.errors import PupilaError
from tests.pictures import write_photo


def _write_folders(folder: Path, name: str) -> None:
    for place in ("good", name):
        for n in range(2):
            write_photo(folder / place / f"{place[0]}{n}.png", n)


def _write_table(folder: Path, name: str) -> None:
    for n in range(4):
        write_photo(folder / f"{n}.png", n)
    (folder / "labels.csv").write_text(
        "image,label\n" + "".join(f'{n}.png,"{name if n % 2 else "good"}"\n' for n in range(4))
    )


def _write_coco(folder: Path, name: str) -> None:
    write_photo(folder / "a.png", 1)
    annotation = {"image_id": 1, "category_id": 1, "segmentation": [[1, 1, 9, 1, 9, 9]]}
    content = {"images": [{"id": 1, "file_name": "a.png"}], "annotations": [annotation],
               "categories": [{"id": 1, "name": name}]}  # fmt: skip
    (folder / "a.json").write_text(json.dumps(content))


@pytest.mark.parametrize("name", ["b\x1b[31m", "b\nc", "b\x7f"])
@pytest.mark.parametrize("write", [_write_folders, _write_table, _write_coco])
def test_control_characters_are_named(tmp_path: Path, write: Callable[[Path, str], None], name: str) -> None:
    write(tmp_path, name)
    with pytest.raises(PupilaError, match="control characters") as fault:
        pupila.open(tmp_path)
    assert ascii(name) in str(fault.value)
    assert name not in str(fault.value)


@pytest.mark.parametrize("name", ["\u5929\u6c17", "a\u200cb", "caf\u00e9 1"])
@pytest.mark.parametrize("write", [_write_folders, _write_table, _write_coco])
def test_names_of_any_script_are_kept(tmp_path: Path, write: Callable[[Path, str], None], name: str) -> None:
    write(tmp_path, name)
    assert name in pupila.open(tmp_path).classes
