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
from pupila.stages.split.refold import change_folds
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


def photo_splits(split: SplitFile, start: int, count: int) -> list[str]:
    placed = parts(split)
    return [placed[sha256(encoded(photo(n)))][0] for n in range(start, start + count)]


def test_new_images_of_a_group_join_its_part_but_chosen_ones_not_test(folder: Path) -> None:
    by = r"(\d+)"  # cow/003.jpg and dog/003.jpg are one group
    old = pupila.split(folder, by=by)
    groups = {Path(each.image).stem: each.split for each in old.images}
    tested = next(name for name, split in groups.items() if split == "test")
    trained = next(name for name, split in groups.items() if split == "train")
    add(folder, 4000, 3, group=tested)
    add(folder, 4500, 2, group=tested, at_random=True)
    add(folder, 5000, 2, group=trained, at_random=True)
    add(folder, 6000, 4, group="of its own")
    new = pupila.split(folder, extend=True)
    assert set(photo_splits(new, 4000, 3)) == {"unused"}
    assert set(photo_splits(new, 4500, 2)) == {"test"}
    assert set(photo_splits(new, 5000, 2)) == set(photo_splits(new, 6000, 4)) == {"train"}
    assert "4 images joined groups of the split (train 2, test 2)." in new.origin
    assert "3 images of groups of the test split are unused" in new.origin
    assert new.verdict == "clean" and new.balance.test.images == old.balance.test.images + 2
    folded = parts(change_folds(pupila.open(folder), new, 3))
    assert {folded[sha256(encoded(photo(n)))] for n in range(4000, 4003)} == {("unused", None)}
    # It is read back, also after labels were corrected; the next extension leaves unused what is.
    add(folder, 7000, 1, group=tested)
    last = pupila.split(folder, extend=True)
    assert set(photo_splits(last, 4000, 3) + photo_splits(last, 7000, 1)) == {"unused"}
    own = SplitFile.read(str(folder))
    assert own is not None and "unused 4" in repr(own)
    when, image = "2026-12-02T00:00:00+00:00", own.images[0]
    append_labels(str(folder), [Label(image.image, image.sha256, "annotator:ana", True, "dog", when)])
    corrected = pupila.open(folder)
    assert corrected.hash != own.data_hash and find_matching_split(corrected, str(folder)) == own


def test_own_photos_of_a_test_group_are_named_by_the_expression(folder: Path) -> None:
    old = pupila.split(folder, by=r"(\d+)")
    tested = sorted(each.image for each in old.images if each.split == "test")
    for n, image in enumerate(tested):
        (folder / image).with_name(f"{Path(image).stem}_later.png").write_bytes(encoded(photo(8000 + n)))
    new = pupila.split(folder, extend=True)
    assert set(photo_splits(new, 8000, len(tested))) == {"test"} and new.verdict == "clean"
    (folder / "cow" / "nameless.png").write_bytes(encoded(photo(8999)))
    with pytest.raises(PupilaError, match=r"does not match 1 of .*cow/nameless\.png"):
        pupila.split(folder, extend=True)


def test_a_new_group_is_drawn_whatever_was_chosen_of_it(folder: Path) -> None:
    pupila.split(folder)
    for n in range(40):
        add(folder, 9000 + n, 1, group=f"g{n}", at_random=True)
        if n % 2:  # of the difficult groups another image was chosen
            add(folder, 9500 + n, 1, group=f"g{n}")
    new = pupila.split(folder, extend=True)
    drawn = photo_splits(new, 9000, 40)
    assert Counter(drawn)["test"] == 6  # 0.15 of 40, as the random images alone count
    assert {n % 2 for n, split in enumerate(drawn) if split == "test"} == {0, 1}
    placed = parts(new)
    for n in range(1, 40, 2):
        chosen = placed[sha256(encoded(photo(9500 + n)))][0]
        assert chosen == ("unused" if drawn[n] == "test" else drawn[n])


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


def test_the_command_says_what_this_extension_did_and_what_has_no_label(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pupila.split(folder)
    printed = []
    for start in (6000, 6100, None):
        for n in () if start is None else range(start, start + 20):
            content = encoded(photo(n))
            own = AddedImage(
                image=added_path(sha256(content), ".png"), sha256=sha256(content), at_random=True, time=""
            )
            add_images(str(folder), [(own, content)])
        capsys.readouterr()
        assert run(["split", str(folder), "--extend"]) == 0
        printed.append(capsys.readouterr().out)
    assert [text.count("Extended by 20 images") for text in printed] == [1, 1, 0]
    assert "3 new images of the test split came without labels" in printed[0]
    assert "No image is new" in printed[2]
    split = SplitFile.read(str(folder))
    assert split is not None and split.origin.count("Extended by 20 images") == 2
