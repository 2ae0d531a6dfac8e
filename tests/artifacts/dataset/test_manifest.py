"""The manifest and `splits.json`: written, read back, and refused where they were tampered with."""

import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

import pupila
from pupila.artifacts.dataset.manifest import MANIFEST
from pupila.artifacts.dataset.splits import SplitFile, count_images
from pupila.artifacts.dataset.test_access import read_test_accesses, record_test_access
from pupila.core.errors import PupilaError
from tests.pictures import write_classes, write_photo


def test_a_manifest_elsewhere_is_the_data_set(tmp_path: Path) -> None:
    write_classes(tmp_path / "photos", {"a": 2, "b": 2})
    data = pupila.open(tmp_path / "photos")
    data.save(str(tmp_path / "out"))
    frame = pl.read_parquet(tmp_path / "out/pupila.parquet")
    assert tuple(frame.columns[: len(MANIFEST)]) == MANIFEST
    assert frame["image"][0] == "a/000.jpg"
    for where in (tmp_path / "out", tmp_path / "out/pupila.parquet"):
        again = pupila.open(where)
        assert again.hash == data.hash
        assert "a saved manifest" in again.layout


def test_a_manifest_beside_the_images_never_hides_a_new_one(tmp_path: Path) -> None:
    write_classes(tmp_path, {"a": 1, "b": 1})
    data = pupila.open(tmp_path)
    data.save(data.home)
    write_photo(tmp_path / "a/new.jpg", 77)
    assert len(pupila.open(tmp_path)) == 3
    assert len(pupila.open(tmp_path / "pupila.parquet")) == 2


def test_a_manifest_never_hides_a_new_image_of_an_inner_folder(tmp_path: Path) -> None:
    write_classes(tmp_path / "archive/photos", {"a": 1, "b": 1})
    data = pupila.open(tmp_path)
    assert (data.folder, data.name) == (str(tmp_path), tmp_path.name)
    data.save(data.home)
    write_photo(tmp_path / "archive/photos/a/new.jpg", 77)
    again = pupila.open(tmp_path)
    assert (len(again), again.layout, again.notes) == (3, data.layout, data.notes)


def test_a_manifest_tells_how_the_data_were_read(tmp_path: Path) -> None:
    write_classes(tmp_path / "archive/photos", {"a": 1, "b": 1})
    data = replace(pupila.open(tmp_path / "archive"), doubt="Two of them match.")
    for folder in ("one", "two"):  # the second is saved from the first
        data.save(str(tmp_path / folder))
        data = pupila.open(tmp_path / folder)
        assert str(data).splitlines() == [
            f"2 images in {tmp_path / 'archive'}: a saved manifest: a folder per class.",
            "Task: classify, 2 classes (a 1, b 1).",
            "Read from the inner folder photos.",
            "Confidence in this reading: likely. Two of them match.",
        ]


def test_the_users_own_columns_and_groups_come_back(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.jpg", 1)
    (tmp_path / "t.csv").write_text("image,label,group,shop\na.jpg,cat,g7,north\n")
    pupila.open(tmp_path / "t.csv").save(str(tmp_path / "out"))
    images = pupila.open(tmp_path / "out").images
    assert images.select("group", "shop", "target").rows() == [("g7", "north", "cat")]


def test_columns_called_like_our_own_facts_are_kept_beside_them(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.jpg", 1)
    names = ["width", "fault", "bytes", "_part", "reason"]
    (tmp_path / "t.csv").write_text(f"image,label,{','.join(names)}\na.jpg,cat,wide,none,many,two,why\n")
    theirs = [f"{name}_" for name in names]
    data = pupila.open(tmp_path / "t.csv")
    data.save(str(tmp_path / "out"))
    for images in (data.images, pupila.open(tmp_path / "out").images):
        assert images.select(theirs).rows() == [("wide", "none", "many", "two", "why")]
        assert images["width"].to_list() == [96]


def test_images_deleted_or_changed_since_are_listed(tmp_path: Path) -> None:
    write_classes(tmp_path / "photos", {"a": 3, "b": 3})
    pupila.open(tmp_path / "photos").save(str(tmp_path / "out"))
    (tmp_path / "photos/a/000.jpg").unlink()
    write_photo(tmp_path / "photos/a/001.jpg", 500)
    skipped = pupila.open(tmp_path / "out").skipped.select("subject", "code").rows()
    assert skipped == [("a/000.jpg", "row-without-image"), ("a/001.jpg", "changed-file")]


def test_a_manifest_of_a_newer_pupila_and_a_damaged_one_are_refused(tmp_path: Path) -> None:
    write_classes(tmp_path, {"a": 2, "b": 2})
    frame = pl.read_parquet(pupila.open(tmp_path).save(str(tmp_path / "out")))
    later = {"pupila.schema": "99", "pupila.root": "."}
    frame.write_parquet(tmp_path / "out/pupila.parquet", metadata=later)
    with pytest.raises(PupilaError, match="by a newer Pupila"):
        pupila.open(tmp_path / "out")
    (tmp_path / "out/pupila.parquet").write_bytes(b"PAR1")
    with pytest.raises(PupilaError, match="Can't read the manifest"):
        pupila.open(tmp_path / "out")


def test_a_manifest_of_schema_1_is_refused_except_beside_its_images(tmp_path: Path) -> None:
    write_classes(tmp_path / "photos", {"a": 2, "b": 2})
    data = pupila.open(tmp_path / "photos")
    frame = pl.read_parquet(data.save(str(tmp_path / "out")))
    frame.write_parquet(
        tmp_path / "out/pupila.parquet", metadata={"pupila.schema": "1", "pupila.root": "../photos"}
    )
    with pytest.raises(
        PupilaError, match=r"(?s)by an older Pupila: found schema 1;.*pupila split DATA --out .*out --replace"
    ):
        pupila.open(tmp_path / "out")
    frame.write_parquet(
        tmp_path / "photos/pupila.parquet", metadata={"pupila.schema": "1", "pupila.root": "."}
    )
    assert (
        pupila.open(tmp_path / "photos").hash == data.hash
    )  # the images alone decide; saving writes schema 2
    pupila.open(tmp_path / "photos").save(data.home)
    assert pl.read_parquet_metadata(tmp_path / "photos/pupila.parquet")["pupila.schema"] == "2"


def test_the_hash_covers_labels_and_splits_and_not_the_order_of_rows(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.jpg", 1)
    write_photo(tmp_path / "b.jpg", 2)

    def hash_of(text: str) -> str:
        (tmp_path / "t.csv").write_text("image,label,split\n" + text)
        return pupila.open(tmp_path / "t.csv").hash

    first = hash_of("a.jpg,cat,train\nb.jpg,dog,test\n")
    assert hash_of("b.jpg,dog,test\na.jpg,cat,train\n") == first  # the order of rows does not count
    assert (
        len(
            {first, hash_of("a.jpg,dog,train\nb.jpg,dog,test\n"), hash_of("a.jpg,cat,test\nb.jpg,dog,test\n")}
        )
        == 3
    )


def test_splits_come_back_as_they_were_written(tmp_path: Path) -> None:
    write_classes(tmp_path, {"a": 12, "b": 12})
    written = pupila.split(tmp_path, folds=3)
    read = SplitFile.read(str(tmp_path))
    assert read == written
    assert read is not None
    assert read.hash == json.loads((tmp_path / "splits.json").read_text())["hash"]


@pytest.mark.parametrize(
    ("old", "new"), [('"split": "test"', '"split": "train"'), ('"split": "test"', '"split": "exam"')]
)
def test_splits_edited_by_hand_are_refused(tmp_path: Path, old: str, new: str) -> None:
    write_classes(tmp_path, {"a": 12, "b": 12})
    pupila.split(tmp_path)
    text = (tmp_path / "splits.json").read_text()
    (tmp_path / "splits.json").write_text(text.replace(old, new, 1))
    with pytest.raises(PupilaError, match="edited by hand"):
        SplitFile.read(str(tmp_path))


def test_splits_that_miss_a_part_are_refused(tmp_path: Path) -> None:
    (tmp_path / "splits.json").write_text("{}")
    with pytest.raises(PupilaError, match="Can't read"):
        SplitFile.read(str(tmp_path))
    assert SplitFile.read(str(tmp_path / "none")) is None


@pytest.mark.parametrize("damage", ["cut", "edited", "bytes"])
def test_damaged_splits_are_kept_when_they_are_replaced(tmp_path: Path, damage: str) -> None:
    write_classes(tmp_path, {"a": 12, "b": 12})
    pupila.split(tmp_path)
    record_test_access(str(tmp_path), ["model"], "evaluate")
    sound = (tmp_path / "splits.json").read_bytes()
    broken = {"cut": sound[:-40], "bytes": b"\xff\xfe",
              "edited": sound.replace(b'"split": "test"', b'"split": "train"', 1)}[damage]  # fmt: skip
    (tmp_path / "splits.json").write_bytes(broken)
    with pytest.raises(PupilaError, match=r"(?s)restore a copy.*biases.*--replace"):
        pupila.split(tmp_path, seed=5)
    assert (tmp_path / "splits.json").read_bytes() == broken
    created = pupila.split(tmp_path, seed=5, replace=True)
    (archived,) = tmp_path.glob("splits-damaged-*.json")
    assert archived.read_bytes() == broken
    assert SplitFile.read(str(tmp_path)) == created
    assert [access.model for access in read_test_accesses(str(tmp_path))] == ["model"]


def test_splits_with_an_unknown_field_are_refused(tmp_path: Path) -> None:
    write_classes(tmp_path, {"a": 12, "b": 12})
    pupila.split(tmp_path)
    text = (tmp_path / "splits.json").read_text()
    (tmp_path / "splits.json").write_text(text.replace('"component":', '"note": 1, "component":', 1))
    with pytest.raises(PupilaError, match=r"unreadable fields: images\.0\.note"):
        SplitFile.read(str(tmp_path))


def test_splits_of_another_schema_are_refused_with_the_command(tmp_path: Path) -> None:
    write_classes(tmp_path, {"a": 12, "b": 12})
    pupila.split(tmp_path)
    text = (tmp_path / "splits.json").read_text()
    (tmp_path / "splits.json").write_text(text.replace('"schema": 1', '"schema": 9', 1))
    with pytest.raises(
        PupilaError, match=r"(?s)found schema 9; expected schema 1.*pupila split DATA --replace"
    ):
        SplitFile.read(str(tmp_path))


def test_images_and_groups_are_counted_in_words() -> None:
    assert (count_images(20, 19), count_images(1, 1)) == ("20 images in 19 groups", "1 image in 1 group")
