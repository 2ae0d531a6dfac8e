"""Labels: an append-only history, and which of them counts."""

from pathlib import Path

import polars as pl
import pytest

import pupila
from pupila.artifacts.dataset.labels import HISTORY, TAKEN_BACK, Label, append, history, in_force, standing
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import fitting_split
from pupila.core.errors import PupilaError
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
    made = pupila.split(folder)
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


def telling(*said: tuple[str | None, bool, str, str]) -> pl.DataFrame:
    """A history of one picture: target, whether a person said so, time, note."""
    rows = [Label("a", "1", "x", person, target, time, note=note) for target, person, time, note in said]
    return pl.DataFrame([{name: getattr(row, name) for name in HISTORY} for row in rows], schema=HISTORY)


@pytest.mark.parametrize(
    ("times", "last"),
    [
        (("2026-03-01T00:00:00+00:00", "2026-01-01T00:00:00+00:00"), 0),  # added late, said long before
        (("2026-03-01T00:00:00+00:00", "2026-03-01T00:00:00.5Z"), 1),
        (
            ("2026-03-01T00:00:00.123456Z", "2026-03-01T00:00:00+00:00"),
            0,
        ),  # as text the second would be later
        (("2026-03-01T01:30:00+02:00", "2026-03-01T00:00:00Z"), 1),  # half past eleven in UTC
        (
            ("2026-03-01T00:00:00Z", "2026-03-01T00:00:00"),
            1,
        ),  # without an offset UTC: equal, so the later row
        (("2026-03-01T00:00:00Z", ""), 0),
        (("", ""), 1),
    ],
)
def test_persons_labels_go_by_their_time_however_it_is_written(times: tuple[str, str], last: int) -> None:
    told = telling(
        ("0", True, times[0], ""), ("1", True, times[1], ""), ("m", False, "2030-01-01T00:00:00Z", "")
    )
    assert in_force(told).select("target").rows() == [(str(last),)]
    assert in_force(told).schema == HISTORY


def test_machines_labels_go_by_their_order() -> None:
    told = telling(("a", False, "2026-03-01T00:00:00Z", ""), ("b", False, "2026-01-01T00:00:00Z", ""))
    assert in_force(told)["target"].to_list() == ["b"]


def test_what_was_taken_back_leaves_what_was_before() -> None:
    machine, cat = ("m", False, WHEN, ""), ("cat", True, WHEN, "audit")
    back = (None, True, WHEN, f"audit: {TAKEN_BACK}")
    assert in_force(telling(machine, cat, back))["target"].to_list() == ["m"]
    assert in_force(telling(cat, back)).is_empty()
    dog, no = ("dog", True, WHEN, "suspect"), (None, True, WHEN, "audit: rejected")
    assert in_force(telling(machine, dog, no, back))["target"].to_list() == [
        "dog"
    ]  # another review's answer stands
    assert in_force(telling(machine, cat, dog, back))["target"].to_list() == ["dog"]
    assert in_force(telling(machine, cat, no, back))["target"].to_list() == ["cat"]
    assert in_force(telling(machine, cat, back, no))["target"].to_list() == [None]
    assert standing(telling(machine, cat, back, dog))["target"].to_list() == ["m", "dog"]


def test_what_came_with_the_data_stays_known_where_a_machine_repeats_it(tmp_path: Path) -> None:
    data = pupila.open(shop(tmp_path, ("cat", "dog")))
    append(data.home, [said(data, 0, "cat"), said(data, 4, "cat", person=True)])
    again = pupila.open(tmp_path)
    assert again.images["given_target"].to_list() == ["cat"] * 4 + ["dog"] * 4
    assert again.images["target"].to_list() == ["cat"] * 5 + ["dog"] * 3
    assert "given_target" not in again.own_columns


def test_a_manifest_keeps_apart_what_its_history_says_and_elsewhere_holds_what_is_in_force(
    tmp_path: Path,
) -> None:
    shop(tmp_path / "photos")
    home, elsewhere = str(tmp_path / "home"), str(tmp_path / "elsewhere")
    data = pupila.open(pupila.open(tmp_path / "photos").save(home))
    append(home, [said(data, 0, "cat"), said(data, 1, "cat", person=True)])
    pupila.open(home).save(home)
    again = pupila.open(home)
    assert again.images["target"].to_list() == ["cat", "cat", None, None]
    assert again.images["given_target"].null_count() == 4
    append(home, [said(data, 0, "dog")])
    again = pupila.open(home)
    assert again.images["target"].to_list() == ["dog", "cat", None, None]
    again.save(elsewhere)
    assert pupila.open(elsewhere).images["target"].to_list() == ["dog", "cat", None, None]


def test_the_lock_lies_beside_the_history_and_is_no_part_of_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = pupila.open(shop(tmp_path / "photos"))
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PUPILA_CACHE", str(tmp_path / "file" / "cache"))  # can't be made
    append(data.home, [said(data, 0, "cat")])
    lock = tmp_path / "photos" / ".labels.lock"
    assert lock.stat().st_mode & 0o777 == 0o666  # another user can take it
    again = pupila.open(tmp_path / "photos")
    assert len(again) == 4 and again.set_aside.is_empty() and again.hash != data.hash


def test_a_history_that_can_not_be_written_is_said(tmp_path: Path) -> None:
    data = pupila.open(shop(tmp_path / "photos"))
    (tmp_path / "file").write_text("")
    with pytest.raises(PupilaError, match="Can't write"):
        append(str(tmp_path / "file" / "home"), [said(data, 0, "cat")])
