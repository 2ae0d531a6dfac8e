"""Labels: an append-only history, and the current label of each image."""

from pathlib import Path

import polars as pl
import pytest

import pupila
from pupila.artifacts.dataset.labels import (
    HISTORY,
    RETRACTED,
    Label,
    append_labels,
    current_labels,
    drop_retracted,
    read_history,
)
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import find_matching_split
from pupila.core.errors import PupilaError
from tests.pictures import write_photo

WHEN = "2026-11-21T12:00:00+00:00"


def shop(folder: Path, classes: tuple[str, ...] = ("",)) -> Path:
    for number, name in enumerate(name for name in classes for _ in range(4)):
        write_photo(folder / name / f"{number}.png", number)
    return folder


def make_label(data: Dataset, row: int, target: str | None, annotator: bool = False) -> Label:
    image, digest = data.images.select("image", "sha256").row(row)
    return Label(image, digest, "annotator:ana" if annotator else "vlm:x", annotator, target, WHEN)


def targets(folder: Path) -> list[str | None]:
    return pupila.open(folder).images["target"].to_list()


def test_a_model_labels_unlabelled_images_and_its_last_label_counts(tmp_path: Path) -> None:
    data = pupila.open(shop(tmp_path))
    assert data.task is None
    append_labels(
        data.home, [make_label(data, 0, "cat"), make_label(data, 1, "dog"), make_label(data, 0, "dog")]
    )
    again = pupila.open(tmp_path)
    assert again.images["target"].to_list() == ["dog", "dog", None, None]
    assert again.task is not None and again.task.name == "classify"
    assert again.hash != data.hash


def test_an_annotator_outranks_every_later_model(tmp_path: Path) -> None:
    data = pupila.open(shop(tmp_path))
    append_labels(
        data.home, [make_label(data, 0, "cat", annotator=True), make_label(data, 1, None, annotator=True)]
    )
    append_labels(
        data.home, [make_label(data, 0, "dog"), make_label(data, 1, "dog"), make_label(data, 2, "dog")]
    )
    assert targets(tmp_path) == ["cat", None, "dog", None]
    assert read_history(data.home).height == 5  # nothing is erased


def test_a_given_label_is_replaced_by_an_annotator_and_never_by_a_model(tmp_path: Path) -> None:
    data = pupila.open(shop(tmp_path, ("cat", "dog")))
    append_labels(data.home, [make_label(data, 0, "dog"), make_label(data, 1, "dog", annotator=True)])
    assert targets(tmp_path) == ["cat", "dog", "cat", "cat", "dog", "dog", "dog", "dog"]


def test_a_label_follows_a_renamed_file_and_not_a_changed_one(tmp_path: Path) -> None:
    data = pupila.open(shop(tmp_path))
    append_labels(data.home, [make_label(data, 0, "cat"), make_label(data, 1, "dog")])
    (tmp_path / "0.png").rename(tmp_path / "z.png")
    write_photo(tmp_path / "1.png", 77)
    labels = dict(pupila.open(tmp_path).images.select("image", "target").iter_rows())
    assert labels == {"1.png": None, "2.png": None, "3.png": None, "z.png": "cat"}


def test_a_split_stays_valid_when_only_labels_change(tmp_path: Path) -> None:
    folder = shop(tmp_path, ("cat", "dog", "cow"))
    split = pupila.split(folder)
    data = pupila.open(folder)
    append_labels(data.home, [make_label(data, 0, "cow", annotator=True)])
    matching = find_matching_split(pupila.open(folder), str(folder))
    assert matching is not None and matching.hash == split.hash
    write_photo(folder / "cat" / "new.png", 99)
    assert find_matching_split(pupila.open(folder), str(folder)) is None


def test_a_damaged_history_is_refused_and_an_absent_one_is_empty(tmp_path: Path) -> None:
    assert read_history(str(tmp_path)).schema == HISTORY
    (tmp_path / "labels.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(PupilaError, match="Can't read the labels"):
        read_history(str(tmp_path))


def test_the_current_labels_have_one_row_per_image() -> None:
    rows = [
        Label("a", "1", "x", annotator, target, WHEN)
        for annotator, target in ((True, "p"), (False, "m"), (True, "q"))
    ]
    history = pl.DataFrame([{name: getattr(row, name) for name in HISTORY} for row in rows], schema=HISTORY)
    assert current_labels(history).select("sha256", "target").rows() == [("1", "q")]


def make_history(*labels: tuple[str | None, bool, str, str]) -> pl.DataFrame:
    """A history of one image: target, whether an annotator gave it, time, note."""
    rows = [
        Label("a", "1", "x", annotator, target, time, note=note) for target, annotator, time, note in labels
    ]
    return pl.DataFrame([{name: getattr(row, name) for name in HISTORY} for row in rows], schema=HISTORY)


@pytest.mark.parametrize(
    ("times", "last"),
    [
        (("2026-03-01T00:00:00+00:00", "2026-01-01T00:00:00+00:00"), 0),  # imported late, given long before
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
def test_annotators_labels_are_ordered_by_time_in_any_notation(times: tuple[str, str], last: int) -> None:
    history = make_history(
        ("0", True, times[0], ""), ("1", True, times[1], ""), ("m", False, "2030-01-01T00:00:00Z", "")
    )
    assert current_labels(history).select("target").rows() == [(str(last),)]
    assert current_labels(history).schema == HISTORY


def test_models_labels_are_ordered_by_row() -> None:
    history = make_history(("a", False, "2026-03-01T00:00:00Z", ""), ("b", False, "2026-01-01T00:00:00Z", ""))
    assert current_labels(history)["target"].to_list() == ["b"]


def test_retracting_a_label_restores_the_one_before() -> None:
    machine, cat = ("m", False, WHEN, ""), ("cat", True, WHEN, "audit")
    back = (None, True, WHEN, f"audit: {RETRACTED}")
    assert current_labels(make_history(machine, cat, back))["target"].to_list() == ["m"]
    assert current_labels(make_history(cat, back)).is_empty()
    dog, no = ("dog", True, WHEN, "suspect"), (None, True, WHEN, "audit: rejected")
    assert current_labels(make_history(machine, dog, no, back))["target"].to_list() == [
        "dog"
    ]  # a label from another review stands
    assert current_labels(make_history(machine, cat, dog, back))["target"].to_list() == ["dog"]
    assert current_labels(make_history(machine, cat, no, back))["target"].to_list() == ["cat"]
    assert current_labels(make_history(machine, cat, back, no))["target"].to_list() == [None]
    assert drop_retracted(make_history(machine, cat, back, dog))["target"].to_list() == ["m", "dog"]


def test_a_given_label_stays_known_when_a_model_repeats_it(tmp_path: Path) -> None:
    data = pupila.open(shop(tmp_path, ("cat", "dog")))
    append_labels(data.home, [make_label(data, 0, "cat"), make_label(data, 4, "cat", annotator=True)])
    again = pupila.open(tmp_path)
    assert again.images["given_target"].to_list() == ["cat"] * 4 + ["dog"] * 4
    assert again.images["target"].to_list() == ["cat"] * 5 + ["dog"] * 3
    assert "given_target" not in again.own_columns


def test_a_manifest_beside_its_history_stores_given_labels_and_elsewhere_current_ones(
    tmp_path: Path,
) -> None:
    shop(tmp_path / "photos")
    home, elsewhere = str(tmp_path / "home"), str(tmp_path / "elsewhere")
    data = pupila.open(pupila.open(tmp_path / "photos").save(home))
    append_labels(home, [make_label(data, 0, "cat"), make_label(data, 1, "cat", annotator=True)])
    pupila.open(home).save(home)
    again = pupila.open(home)
    assert again.images["target"].to_list() == ["cat", "cat", None, None]
    assert again.images["given_target"].null_count() == 4
    append_labels(home, [make_label(data, 0, "dog")])
    again = pupila.open(home)
    assert again.images["target"].to_list() == ["dog", "cat", None, None]
    again.save(elsewhere)
    assert pupila.open(elsewhere).images["target"].to_list() == ["dog", "cat", None, None]


def test_the_lock_lies_beside_the_history_and_is_not_part_of_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = pupila.open(shop(tmp_path / "photos"))
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PUPILA_CACHE", str(tmp_path / "file" / "cache"))  # can't be made
    append_labels(data.home, [make_label(data, 0, "cat")])
    lock = tmp_path / "photos" / ".labels.lock"
    assert lock.stat().st_mode & 0o777 == 0o666  # another user can take it
    again = pupila.open(tmp_path / "photos")
    assert len(again) == 4 and again.skipped.is_empty() and again.hash != data.hash


def test_a_history_that_can_not_be_written_is_an_error(tmp_path: Path) -> None:
    data = pupila.open(shop(tmp_path / "photos"))
    (tmp_path / "file").write_text("")
    with pytest.raises(PupilaError, match="Can't write"):
        append_labels(str(tmp_path / "file" / "home"), [make_label(data, 0, "cat")])


def test_a_history_of_schema_1_is_read_without_loss_and_written_in_schema_2(tmp_path: Path) -> None:
    data = pupila.open(shop(tmp_path))
    append_labels(data.home, [make_label(data, 0, "cat", annotator=True), make_label(data, 1, "dog")])
    now = read_history(data.home)
    old = now.rename({"annotator": "person"}).with_columns(
        pl.col("labeller").str.replace("annotator:", "person:"), note=pl.lit("audit: taken back")
    )
    old.write_parquet(tmp_path / "labels.parquet", metadata={"pupila.schema": "1"})
    assert read_history(data.home).equals(now.with_columns(note=pl.lit(f"audit: {RETRACTED}")))
    append_labels(data.home, [make_label(data, 2, "dog")])
    assert pl.read_parquet_metadata(tmp_path / "labels.parquet")["pupila.schema"] == "2"
    assert read_history(data.home).height == 3


def test_a_history_of_a_newer_pupila_is_refused(tmp_path: Path) -> None:
    pl.DataFrame(schema=HISTORY).write_parquet(tmp_path / "labels.parquet", metadata={"pupila.schema": "99"})
    with pytest.raises(PupilaError, match=r"(?s)by a newer Pupila: found schema 99.*upgrade"):
        read_history(str(tmp_path))
