"""New images after a split: what was split stays where it is, and the test split gets random images alone."""

from collections import Counter
from pathlib import Path

import pytest

import pupila
from pupila.artifacts.dataset.added import AddedImage, add_images, added_path
from pupila.artifacts.dataset.labels import Label, append_labels
from pupila.artifacts.dataset.splits import SplitFile, find_matching_split
from pupila.artifacts.dataset.test_access import read_test_accesses, record_test_access
from pupila.cli.run import run
from pupila.core.errors import PupilaError
from pupila.core.files import sha256
from tests.pictures import encoded, photo, write_classes


def add(folder: Path, start: int, count: int, group: str = "", at_random: bool = False) -> None:
    """Add photos with a label."""
    for n in range(start, start + count):
        content = encoded(photo(n))
        digest = sha256(content)
        path = added_path(digest, ".png")
        own = AddedImage(image=path, sha256=digest, group=group, at_random=at_random, time="")
        add_images(str(folder), [(own, content)])
        when = "2026-12-01T00:00:00+00:00"
        append_labels(str(folder), [Label(path, digest, "annotator:ana", True, ("cow", "dog")[n % 2], when)])


def parts(split: SplitFile) -> dict[str, tuple[str, int | None]]:
    return {each.sha256: (each.split, each.fold) for each in split.images}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_classes(tmp_path / "data", {"cow": 20, "dog": 20})


@pytest.mark.parametrize("folds", [None, 3])
def test_the_old_images_stay_and_chosen_ones_are_for_training(folder: Path, folds: int | None) -> None:
    old = pupila.split(folder, folds=folds)
    record_test_access(str(folder), ["model"], "pupila evaluate")
    add(folder, 2000, 10)
    add(folder, 3000, 40, at_random=True)
    with pytest.raises(PupilaError, match="--extend gives new images a part"):
        pupila.split(folder, folds=folds)
    new = pupila.split(folder, extend=True)
    before, after = parts(old), parts(new)
    assert len(after) == 90 and all(after[digest] == place for digest, place in before.items())
    chosen = {sha256(encoded(photo(n))) for n in range(2000, 2010)}
    assert {after[digest][0] for digest in chosen} == {"train"}
    drawn = Counter(after[digest][0] for digest in after.keys() - before.keys() - chosen)
    assert drawn["test"] == 6 and drawn.total() == 40  # 0.15 of 40
    if folds:
        assert {after[digest][1] for digest in after.keys() - before.keys()} == {0, 1, 2, None}
        assert all((fold is None) is (split == "test") for split, fold in after.values())
    opened = pupila.open(folder)
    assert find_matching_split(opened, opened.home) == new and new.verdict == "clean"
    assert (
        "Extended by 50 images in 50 groups" in new.origin and "All others are training images." in new.origin
    )
    assert [each.model for each in read_test_accesses(str(folder))] == ["model"]  # it was evaluated before
    assert pupila.split(folder, extend=True).hash == new.hash
    assert SplitFile.read(str(folder)) == new


def test_new_images_of_a_group_join_its_part_in_words(folder: Path) -> None:
    by = r"(\d+)"  # cow/003.jpg and dog/003.jpg are one group
    old = pupila.split(folder, by=by)
    groups = {Path(each.image).stem: each.split for each in old.images}
    tested = next(name for name, split in groups.items() if split == "test")
    trained = next(name for name, split in groups.items() if split == "train")
    add(folder, 4000, 3, group=tested)
    add(folder, 5000, 2, group=trained, at_random=True)
    add(folder, 6000, 4, group="of its own")
    new = pupila.split(folder, extend=True)
    by_digest = parts(new)
    assert {by_digest[sha256(encoded(photo(n)))][0] for n in range(4000, 4003)} == {"test"}
    assert {by_digest[sha256(encoded(photo(n)))][0] for n in range(5000, 5002)} == {"train"}
    assert {by_digest[sha256(encoded(photo(n)))][0] for n in range(6000, 6004)} == {"train"}
    assert "5 images joined groups of the split (train 2, test 3)." in new.origin


def test_what_can_not_be_extended_is_refused(folder: Path) -> None:
    with pytest.raises(PupilaError, match="no split to extend"):
        pupila.split(folder, extend=True)
    pupila.split(folder)
    with pytest.raises(PupilaError, match="settings that it was made with: found test"):
        pupila.split(folder, extend=True, test=0.3)
    assert run(["split", str(folder), "--extend", "--replace"]) == 2
    (folder / "cow" / "003.jpg").unlink()
    with pytest.raises(PupilaError, match=r"gone or have changed: found cow/003\.jpg"):
        pupila.split(folder, extend=True)
