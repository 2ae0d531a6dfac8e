"""Compare two versions image by image: the same bytes are the same image, wherever they lie."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pupila.artifacts.dataset.versions.difference import (
    ChangedValue,
    ClassChange,
    MovedImage,
    Reason,
    SharedContent,
    VersionDiff,
    VersionSide,
)
from pupila.artifacts.dataset.versions.version import Version
from pupila.core.vocabulary import SPLITS, TEST, TRAIN, VALIDATION


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of a version; its fields are the columns `ROWS`."""

    image: str
    sha256: str
    target: str | None
    mask_sha256: str | None
    group: str | None
    given_split: str | None
    split: str | None
    fold: int | None
    component: int | None


@dataclass(frozen=True, slots=True)
class _Pairs:
    """The images of two versions, put together."""

    same: list[tuple[_Row, _Row]]
    moved: list[tuple[_Row, _Row]]
    replaced: list[tuple[_Row, _Row]]
    removed: list[_Row]
    added: list[_Row]

    @property
    def both(self) -> list[tuple[_Row, _Row]]:
        """Images of both versions, by their later path."""
        return sorted([*self.same, *self.moved, *self.replaced], key=lambda pair: pair[1].image)


def compare_versions(before: Version, after: Version, names: tuple[str, str] = ("", "")) -> VersionDiff:
    """What came, went, moved and changed from one version to the other.

    Images are put together by path and bytes, then by bytes alone (moved), then by path alone (replaced); of several
    copies each is put together once, in the order of the paths.

    Args:
        before: the earlier one.
        after: the later one.
        names: as the user named them; empty: by their hashes.
    """
    rows = _read_rows(before), _read_rows(after)
    pairs = _pair(*rows)
    both = pairs.both
    leaks = find_shared(rows[1])
    test = _compare_test_splits(*rows)
    return VersionDiff(
        before=_describe(before, names[0]), after=_describe(after, names[1]),
        identical=before.name == after.name,
        added=[row.image for row in pairs.added],
        removed=[row.image for row in pairs.removed],
        moved=[MovedImage(before=old.image, after=new.image) for old, new in pairs.moved],
        replaced=[new.image for _, new in pairs.replaced],
        labels=_find_changes(both, "target", skip=lambda old, new: _has_mask(old) and _has_mask(new)),
        masks=[new.image for old, new in both if _has_other_mask(old, new)],
        splits=_find_changes(both, "split"),
        folds=_find_changes(both, "fold"),
        groups=_find_changes(both, "group"),
        given_splits=_find_changes(both, "given_split"),
        changed_settings=[name for name in ("task", "classes", "mask_classes", "bands")
                          if getattr(before.info, name) != getattr(after.info, name)],
        classes=_compare_classes(before, after),
        leaks=leaks, leaks_before=len(find_shared(rows[0])),
        test_to_train=test["test_to_train"], test_added=test["test_added"], test_removed=test["test_removed"],
        test_relabelled=[
            new.image for old, new in both if old.split == new.split == TEST and _has_other_label(old, new)
        ],
    )  # fmt: skip


def _read_rows(version: Version) -> list[_Row]:
    return [_Row(*row) for row in version.rows.iter_rows()]


def _describe(version: Version, name: str) -> VersionSide:
    info, counts = version.info, dict(version.rows["split"].value_counts().iter_rows())
    splits = {split: counts[split] for split in SPLITS if split in counts}
    return VersionSide(name=name or info.short, version=info.version, images=info.images, splits=splits,
                           verdict=info.verdict, leaks=info.leaks)  # fmt: skip


def _pair(before: Sequence[_Row], after: Sequence[_Row]) -> _Pairs:
    """The rows of both versions put together, each at most once."""
    then = {row.image: row for row in before}
    same = [(then[row.image], row) for row in after
            if row.image in then and then[row.image].sha256 == row.sha256]  # fmt: skip
    paths = {new.image for _, new in same}
    old_rows = [row for row in before if row.image not in paths]
    new_rows = [row for row in after if row.image not in paths]
    moved, old_rows, new_rows = _match(old_rows, new_rows, "sha256")
    replaced, old_rows, new_rows = _match(old_rows, new_rows, "image")
    return _Pairs(same, moved, replaced, old_rows, new_rows)


def _match(
    before: list[_Row], after: list[_Row], key: str
) -> tuple[list[tuple[_Row, _Row]], list[_Row], list[_Row]]:
    """Pairs of rows with equal keys, each row once, and what is left of both."""
    waiting: dict[str, list[_Row]] = defaultdict(list)
    for row in reversed(before):
        waiting[getattr(row, key)].append(row)
    pairs, left = [], []
    for row in after:
        rows = waiting[getattr(row, key)]
        if rows:
            pairs.append((rows.pop(), row))
        else:
            left.append(row)
    paired = {old.image for old, _ in pairs}
    return pairs, [row for row in before if row.image not in paired], left


def _find_changes(
    pairs: Iterable[tuple[_Row, _Row]], name: str, skip: Callable[[_Row, _Row], bool] | None = None
) -> list[ChangedValue]:
    changes = []
    for old, new in pairs:
        values = getattr(old, name), getattr(new, name)
        if values[0] != values[1] and not (skip and skip(old, new)):
            texts = [None if value is None else str(value) for value in values]
            changes.append(ChangedValue(image=new.image, before=texts[0], after=texts[1]))
    return changes


def _has_mask(row: _Row) -> bool:
    return row.mask_sha256 is not None


def _has_other_mask(old: _Row, new: _Row) -> bool:
    return _has_mask(old) and _has_mask(new) and old.mask_sha256 != new.mask_sha256


def _has_other_label(old: _Row, new: _Row) -> bool:
    if _has_mask(old) and _has_mask(new):
        return old.mask_sha256 != new.mask_sha256
    return old.target != new.target


def _compare_classes(before: Version, after: Version) -> list[ClassChange]:
    """Every class of either version, those of the later one first."""
    old, new = before.info, after.info
    return [
        ClassChange(
            name=name,
            images_before=old.class_counts.get(name, 0), images_after=new.class_counts.get(name, 0),
            shares_before={part: shares[name] for part, shares in old.class_shares.items() if name in shares},
            shares_after={part: shares[name] for part, shares in new.class_shares.items() if name in shares},
        )
        for name in dict.fromkeys([*new.classes, *old.classes])
    ]  # fmt: skip


def find_shared(rows: Iterable[_Row]) -> list[SharedContent]:
    """Images that belong together and stand in different splits: equal bytes, a group, or related when they were split.

    What one reason covers is not listed for the next.
    """
    reasons: tuple[tuple[Reason, str], ...] = (
        ("same file", "sha256"),
        ("group", "group"),
        ("related", "component"),
    )
    split_rows = [row for row in rows if row.split is not None]
    shared: list[SharedContent] = []
    listed: set[frozenset[str]] = set()
    for reason, name in reasons:
        together: dict[object, list[_Row]] = defaultdict(list)
        for row in split_rows:
            if (value := getattr(row, name)) is not None:
                together[value].append(row)
        for value, members in together.items():
            images = {row.image: str(row.split) for row in members}
            if len(set(images.values())) > 1 and frozenset(images) not in listed:
                listed.add(frozenset(images))
                title = str(value) if name == "group" else members[0].image
                shared.append(SharedContent(reason=reason, name=title, images=images))
    return shared


def _compare_test_splits(before: Sequence[_Row], after: Sequence[_Row]) -> dict[str, list[str]]:
    """What happened to the sealed test split, by the bytes of its images."""
    then = {row.sha256 for row in before if row.split == TEST}
    now = {row.sha256 for row in after if row.split == TEST}
    learned = {TRAIN, VALIDATION}
    if not then:
        return {"test_to_train": [], "test_added": [], "test_removed": []}
    return {
        "test_to_train": [row.image for row in after if row.sha256 in then and row.split in learned],
        "test_added": [row.image for row in after if row.split == TEST and row.sha256 not in then],
        "test_removed": [row.image for row in before if row.split == TEST and row.sha256 not in now],
    }
