"""Labels: an append-only history, and which of them counts."""

from pathlib import Path

import polars as pl
import pytest

import pupila
from pupila import flow
from pupila.dataset.labels import HISTORY, Label, append, history, in_force
from pupila.dataset.manifest import Dataset
from pupila.dataset.splits import fitting_split
from pupila.errors import PupilaError
from tests.pictures import write_photo

WHEN = "2026-11-21T12:00:00+00:00"


def shop(folder: Path, classes: tuple[str, ...] = ("",)) -> Path:
    for number, name in enumerate(name for name in classes for _ in range(4)):
        write_photo(folder / name / f"{number}.png", number)
    return folder


def said(data: Dataset, row: int, target: str | None, person: bool = False) -> Label:
    image, digest = data.images.select("image", "sha256").row(row)
    return Label(image, digest, "person:ana" if person else "vlm:x", person, target, WHEN)


def targets(folder: Path) -> list[str | None]:
    return pupila.open(folder).images["target"].to_list()


def test_a_machine_labels_what_has_no_label_and_the_last_one_counts(tmp_path: Path) -> None:
    data = pupila.open(shop(tmp_path))
    assert data.task is None
    append(data.home, [said(data, 0, "cat"), said(data, 1, "dog"), said(data, 0, "dog")])
    again = pupila.open(tmp_path)
    assert again.images["target"].to_list() == ["dog", "dog", None, None]
    assert again.task is not None and again.task.name == "classify"
    assert again.hash != data.hash


def test_a_person_stands_above_every_machine_however_late(tmp_path: Path) -> None:
    data = pupila.open(shop(tmp_path))
    append(data.home, [said(data, 0, "cat", person=True), said(data, 1, None, person=True)])
    append(data.home, [said(data, 0, "dog"), said(data, 1, "dog"), said(data, 2, "dog")])
    assert targets(tmp_path) == ["cat", None, "dog", None]
    assert history(data.home).height == 5  # nothing is erased


def test_what_came_with_the_data_is_mended_by_a_person_and_never_by_a_machine(tmp_path: Path) -> None:
    data = pupila.open(shop(tmp_path, ("cat", "dog")))
    append(data.home, [said(data, 0, "dog"), said(data, 1, "dog", person=True)])
    assert targets(tmp_path) == ["cat", "dog", "cat", "cat", "dog", "dog", "dog", "dog"]


def test_a_label_follows_a_renamed_file_and_not_a_changed_one(tmp_path: Path) -> None:
    data = pupila.open(shop(tmp_path))
    append(data.home, [said(data, 0, "cat"), said(data, 1, "dog")])
    (tmp_path / "0.png").rename(tmp_path / "z.png")
    write_photo(tmp_path / "1.png", 77)
    found = dict(pupila.open(tmp_path).images.select("image", "target").iter_rows())
    assert found == {"1.png": None, "2.png": None, "3.png": None, "z.png": "cat"}


def test_a_split_holds_where_labels_alone_were_mended(tmp_path: Path) -> None:
    folder = shop(tmp_path, ("cat", "dog", "cow"))
    made = flow.split(folder)
    data = pupila.open(folder)
    append(data.home, [said(data, 0, "cow", person=True)])
    kept = fitting_split(pupila.open(folder), str(folder))
    assert kept is not None and kept.hash == made.hash
    write_photo(folder / "cat" / "new.png", 99)
    assert fitting_split(pupila.open(folder), str(folder)) is None


def test_a_damaged_history_is_refused_and_an_absent_one_is_empty(tmp_path: Path) -> None:
    assert history(str(tmp_path)).schema == HISTORY
    (tmp_path / "labels.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(PupilaError, match="Can't read the labels"):
        history(str(tmp_path))


def test_the_label_in_force_is_one_row_of_each_picture() -> None:
    rows = [
        Label("a", "1", "x", person, target, WHEN)
        for person, target in ((True, "p"), (False, "m"), (True, "q"))
    ]
    told = pl.DataFrame([{name: getattr(row, name) for name in HISTORY} for row in rows], schema=HISTORY)
    assert in_force(told).select("sha256", "target").rows() == [("1", "q")]
