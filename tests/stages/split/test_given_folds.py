"""Folds that came with the data in a column: they are kept, audited, and never torn apart without a word."""

from pathlib import Path
from typing import Any

import pytest

import pupila
from pupila.core.errors import PupilaError
from tests.pictures import write_photo


def write_folds(folder: Path, cells: list[str], header: str = "fold", copy: bool = False) -> Path:
    for number in range(len(cells)):
        write_photo(folder / f"p{number:02d}.jpg", 0 if copy and number == 1 else number)
    rows = [f"p{number:02d}.jpg,{'ab'[number // 3 % 2]},{cell}" for number, cell in enumerate(cells)]
    (folder / "t.csv").write_text("\n".join([f"image,label,{header}", *rows]) + "\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize("first", [0, 1, 7])
def test_the_folds_of_a_column_are_those_of_the_cross_validation(tmp_path: Path, first: int) -> None:
    cells = [str(first + number % 3) for number in range(18)]
    data = pupila.open(write_folds(tmp_path, cells))
    assert any("pupila split --folds 3" in note for note in data.notes)
    created = pupila.split(data, folds=3)
    retained = [a for a in created.images if a.split != "test"]
    assert 0 < len(retained) < 18
    assert all(a.fold == int(a.image[1:3]) % 3 for a in retained)
    assert "The folds are those of the column fold" in created.origin
    assert created.verdict == "clean"


def test_a_test_split_needs_no_fold_and_copies_across_folds_are_leaks(tmp_path: Path) -> None:
    cells = [
        f"{number % 2 if number < 12 else ''},{'train' if number < 12 else 'test'}" for number in range(16)
    ]
    created = pupila.split(write_folds(tmp_path, cells, "kfold,split", copy=True), folds=2)
    assert [a.fold for a in created.images] == [*[0, 1] * 6, *[None] * 4]
    assert [(leak.first, leak.second) for leak in created.leaks] == [("p00.jpg", "p01.jpg")]


@pytest.mark.parametrize(
    ("cells", "settings", "words"),
    [
        (["1", "2", "3"] * 6, {"folds": 5}, "--folds 3 for these folds"),
        (["1", "2", ""] * 6, {"folds": 2}, "have no fold"),
        (["0", *["1", "2"] * 8], {"folds": 3}, "in the test split"),
    ],
)
def test_folds_that_do_not_fit_are_refused(
    tmp_path: Path, cells: list[str], settings: dict[str, Any], words: str
) -> None:
    write_folds(tmp_path, [f"{cell},{'test' if cell == '0' else 'train'}" for cell in cells], "fold,split")
    with pytest.raises(PupilaError, match=words):
        pupila.split(tmp_path, **settings)


@pytest.mark.parametrize(
    "settings", [{"folds": 4, "ignore_given": True}, {"folds": 2, "by": "fold", "test": 0}]
)
def test_new_folds_are_drawn_where_the_user_says_so(tmp_path: Path, settings: dict[str, Any]) -> None:
    created = pupila.split(write_folds(tmp_path, ["0", "1", "2", "3"] * 4), **settings)
    assert "column" not in created.origin
    where: dict[int, set[int | None]] = {}
    for row in created.images:
        where.setdefault(int(row.image[1:3]) % 4, set()).add(row.fold)
    assert all(len(folds) == 1 for folds in where.values()) is ("by" in settings)
