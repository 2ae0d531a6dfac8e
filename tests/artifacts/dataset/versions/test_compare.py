"""A drawn data set is edited at random, and the difference lists exactly these edits."""

import random
from dataclasses import dataclass, field, replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pupila.artifacts.dataset.versions.compare import compare_versions
from pupila.artifacts.dataset.versions.sentences import count_changes, describe_diff
from pupila.artifacts.dataset.versions.version import ROWS, Version, VersionInfo
from pupila.core.files import sha256


@dataclass(frozen=True)
class Image:
    image: str
    sha256: str
    target: str | None = "cat"
    mask_sha256: str | None = None
    group: str | None = None
    given_split: str | None = None
    split: str | None = "train"
    fold: int | None = None
    component: int | None = None


def version(images: list[Image], **info: object) -> Version:
    ordered = sorted(images, key=lambda each: each.image)
    rows = pl.DataFrame(
        [[getattr(each, name) for name in ROWS] for each in ordered], schema=ROWS, orient="row"
    )
    classes = sorted({each.target for each in images if each.target})
    counts = {name: sum(each.target == name for each in images) for name in classes}
    whole = max(sum(counts.values()), 1)
    fields = {"classes": classes, "class_counts": counts, "images": len(images), "data_hash": "d", "splits_hash": "s",
              "class_shares": {"all": {name: count / whole for name, count in counts.items()}}}  # fmt: skip
    name = sha256(str(ordered).encode())
    return Version(VersionInfo.model_validate({"version": name, **fields, **info}), rows)


@dataclass
class Edits:
    """What was changed, as the difference has to list it."""

    added: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    moved: set[tuple[str, str]] = field(default_factory=set)
    replaced: set[str] = field(default_factory=set)
    labels: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)
    masks: set[str] = field(default_factory=set)
    splits: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)
    groups: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)


def draw(rng: random.Random, masks: bool) -> list[Image]:
    def row(number: int) -> Image:
        name = f"{rng.choice(['a', 'b'])}/{number:03d}.jpg"
        mask = f"mask {number}" if masks else None
        target = f"masks/{number}.png" if masks else rng.choice(["cat", "dog", None])
        group = rng.choice([None, "g1", "g2"])
        return Image(
            name, f"bytes {number}", target, mask, group, None, rng.choice(["train", "validation", "test"])
        )

    return [row(number) for number in range(rng.randint(1, 25))]


def edit(rng: random.Random, images: list[Image], masks: bool) -> tuple[list[Image], Edits]:
    edits, after = Edits(), []
    for each in images:
        kinds = {
            kind for kind in ("remove", "move", "replace", "label", "split", "group") if rng.random() < 0.15
        }
        if "remove" in kinds:
            edits.removed.add(each.image)
            continue
        new = each
        if "move" in kinds:
            new = replace(new, image=f"moved/{each.image}")
            edits.moved.add((each.image, new.image))
        elif "replace" in kinds:
            new = replace(new, sha256=f"other {each.sha256}")
            edits.replaced.add(new.image)
        if "label" in kinds and masks:
            new = replace(new, mask_sha256=f"other {each.mask_sha256}")
            edits.masks.add(new.image)
        elif "label" in kinds:
            new = replace(new, target="dog" if each.target == "cat" else "cat")
            edits.labels[new.image] = (each.target, new.target)
        if "split" in kinds:
            new = replace(new, split="test" if each.split == "train" else "train")
            edits.splits[new.image] = (each.split, new.split)
        if "group" in kinds:
            new = replace(new, group="g3")
            edits.groups[new.image] = (each.group, new.group)
        after.append(new)
    for number in range(rng.randint(0, 3)):
        after.append(Image(f"new/{number}.jpg", f"new bytes {number}", split=None))
        edits.added.add(f"new/{number}.jpg")
    return after, edits


@settings(max_examples=80)
@given(seed=st.integers(0, 10**6), masks=st.booleans())
def test_the_difference_lists_exactly_the_edits(seed: int, masks: bool) -> None:
    rng = random.Random(seed)
    before = draw(rng, masks)
    after, edits = edit(rng, before, masks)
    diff = compare_versions(version(before), version(after))
    assert set(diff.added) == edits.added
    assert set(diff.removed) == edits.removed
    assert {(each.before, each.after) for each in diff.moved} == edits.moved
    assert set(diff.replaced) == edits.replaced
    assert set(diff.masks) == edits.masks
    for changes, expected in (
        (diff.labels, edits.labels),
        (diff.splits, edits.splits),
        (diff.groups, edits.groups),
    ):
        assert {each.image: (each.before, each.after) for each in changes} == expected
    then = {each.sha256 for each in before if each.split == "test"}
    now = {each.sha256: each for each in after if each.split == "test"}
    learned = {each.image for each in after if each.sha256 in then and each.split in ("train", "validation")}
    assert set(diff.test_to_train) == learned
    assert set(diff.test_added) == (
        {each.image for each in now.values() if each.sha256 not in then} if then else set()
    )
    assert diff.identical == (before == after)
    assert describe_diff(diff)
    back = compare_versions(version(after), version(before))
    assert (set(back.added), set(back.removed)) == (edits.removed, edits.added)
    assert {(each.after, each.before) for each in back.moved} == edits.moved


def test_copies_are_put_together_once_each() -> None:
    before = [Image("a.jpg", "x"), Image("b.jpg", "x"), Image("c.jpg", "y")]
    after = [Image("b.jpg", "x"), Image("d.jpg", "x"), Image("e.jpg", "x")]
    diff = compare_versions(version(before), version(after))
    assert [(each.before, each.after) for each in diff.moved] == [("a.jpg", "d.jpg")]
    assert (diff.added, diff.removed) == (["e.jpg"], ["c.jpg"])


def test_two_swapped_files_have_moved_and_none_is_replaced() -> None:
    before = [Image("a.jpg", "x", "cat"), Image("b.jpg", "y", "dog")]
    after = [Image("a.jpg", "y", "cat"), Image("b.jpg", "x", "dog")]
    diff = compare_versions(version(before), version(after))
    assert {(each.before, each.after) for each in diff.moved} == {("a.jpg", "b.jpg"), ("b.jpg", "a.jpg")}
    assert not diff.replaced
    assert {(each.image, each.before, each.after) for each in diff.labels} == {
        ("b.jpg", "cat", "dog"), ("a.jpg", "dog", "cat")
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"split": "train"}, "1 image moved from the test split to training (t.jpg): test figures of older"),
        ({"target": "dog"}, "The test split has changed (1 image with another label): test figures of older bundles"),
        ({"image": "u.jpg", "sha256": "z"}, "The test split has changed (1 image more, 1 image fewer): test"),
        ({"group": "g"}, "The test split has the same images and labels: its figures stay comparable."),
    ],
)  # fmt: skip
def test_what_it_means_for_test_figures_comes_first(change: dict[str, str], sentence: str) -> None:
    before = [Image("a.jpg", "x"), Image("t.jpg", "t", split="test")]
    after = [before[0], replace(before[1], **change)]  # type: ignore[arg-type]
    diff = compare_versions(version(before), version(after), ("monday", "now"))
    assert describe_diff(diff)[0].startswith(sentence)
    assert diff.test_is_comparable == ("stay comparable" in sentence)


def test_leaks_are_listed_once_by_their_first_reason() -> None:
    rows = [
        Image("a.jpg", "x", split="train", group="g", component=1), Image("b.jpg", "x", split="test", component=1),
        Image("c.jpg", "y", split="train", group="h"), Image("d.jpg", "z", split="test", group="h"),
        Image("e.jpg", "p", split="train", component=9), Image("f.jpg", "q", split="validation", component=9),
        Image("k.jpg", "r", split="train", group="i"), Image("l.jpg", "r", split=None, group="i"),
    ]  # fmt: skip
    clean = [replace(each, split="train") for each in rows]
    diff = compare_versions(version(clean), version(rows))
    assert [(each.reason, each.name, set(each.images)) for each in diff.leaks] == [
        ("same file", "a.jpg", {"a.jpg", "b.jpg"}), ("group", "h", {"c.jpg", "d.jpg"}),
        ("related", "e.jpg", {"e.jpg", "f.jpg"}),
    ]  # fmt: skip
    text = " ".join(describe_diff(diff))
    assert "3 sets of images that belong together stand in several splits" in text
    assert "0 before" in text
    assert "The leaks of" in " ".join(describe_diff(compare_versions(version(rows), version(clean))))


def test_shares_of_classes_and_splits_are_given_before_and_after() -> None:
    before = [
        Image("a", "1", "cat"),
        Image("b", "2", "cat"),
        Image("c", "3", "dog"),
        Image("d", "4", "dog", split="test"),
    ]
    after = [*before[:3], Image("e", "5", "bird"), Image("f", "6", "cat", split="test")]
    diff = compare_versions(version(before), version(after))
    assert [(row.name, row.images_before, row.images_after) for row in diff.classes] == [
        ("bird", 0, 1), ("cat", 2, 3), ("dog", 2, 1)
    ]  # fmt: skip
    text = " ".join(describe_diff(diff))
    assert "Class shares: dog 50.0 % -> 20.0 %, bird 0.0 % -> 20.0 %, cat 50.0 % -> 60.0 %." in text
    assert "Split shares: train 75.0 % -> 80.0 %, test 25.0 % -> 20.0 %." in text
    assert count_changes(diff) == "+2, -1"


def test_a_mask_that_came_is_a_label_and_one_that_changed_is_a_mask() -> None:
    before = [Image("a", "1", None), Image("b", "2", "m/b.png", "old")]
    after = [Image("a", "1", "m/a.png", "new"), Image("b", "2", "elsewhere/b.png", "old")]
    diff = compare_versions(version(before), version(after, mask_classes="{}"))
    assert [(each.image, each.before, each.after) for each in diff.labels] == [("a", None, "m/a.png")]
    assert not diff.masks
    assert diff.changed_settings == ["classes", "mask_classes"]
