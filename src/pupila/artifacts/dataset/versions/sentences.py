"""What differs between two versions, and what a log says, in sentences."""

from collections import Counter
from collections.abc import Sequence

from pupila.artifacts.dataset.versions.difference import ChangedValue, VersionDiff
from pupila.artifacts.dataset.versions.version import ALL
from pupila.core.messages import listing, mark, number, percent, say, say_count, say_images, translate
from pupila.core.vocabulary import SPLITS

_SHOWN = 3  # images in a sentence
_CLASSES = 6  # classes in a sentence
_SMALL = 0.0005  # a difference of shares that rounds to nothing
SETTINGS = {
    "task": mark("the task"), "classes": mark("the list of classes"),
    "mask_classes": mark("what the values of the masks mean"), "bands": mark("the settings of the bands"),
}  # fmt: skip


def describe_diff(diff: VersionDiff) -> list[str]:
    """All that differs, the consequences first."""
    if diff.identical:
        return [say("{before} and {after} are the same version: no image, label, group or split differs.",
                    before=diff.before.name, after=diff.after.name)]  # fmt: skip
    return [*describe_consequences(diff), *describe_changes(diff), *describe_shares(diff)]


def describe_consequences(diff: VersionDiff) -> list[str]:
    """What the changes do to figures that were measured before, and to those that come."""
    lines = []
    if names := diff.test_to_train:
        lines.append(say_count(
            "{n} image moved from the test split to training ({names}): test figures of older bundles are no longer "
            "comparable.",
            "{n} images moved from the test split to training ({names}): test figures of older bundles are no longer "
            "comparable.", len(names), names=listing(names, _SHOWN)))  # fmt: skip
    elif not diff.test_is_comparable:
        parts = [
            say_count("{n} image more", "{n} images more", len(diff.test_added)) if diff.test_added else "",
            say_count("{n} image fewer", "{n} images fewer", len(diff.test_removed)) if diff.test_removed else "",
            say_count("{n} image with another label", "{n} images with other labels", len(diff.test_relabelled))
            if diff.test_relabelled else "",
        ]  # fmt: skip
        lines.append(say("The test split has changed ({parts}): test figures of older bundles are no longer "
                         "comparable.", parts=listing([part for part in parts if part])))  # fmt: skip
    elif diff.before.splits.get("test"):
        lines.append(say("The test split has the same images and labels: its figures stay comparable."))
    return [*lines, *_describe_leaks(diff)]


def _describe_leaks(diff: VersionDiff) -> list[str]:
    if not diff.leaks:
        if diff.leaks_before:
            return [say("The leaks of {before} are gone: what belongs together is in one split.",
                        before=diff.before.name)]  # fmt: skip
        return []
    first = diff.leaks[0]
    example = ", ".join(f"{image} ({split})" for image, split in list(first.images.items())[:_SHOWN])
    return [say_count(
        "The later split leaks: {n} set of images that belong together stands in several splits ({example}), "
        "{before} before.",
        "The later split leaks: {n} sets of images that belong together stand in several splits ({example}), "
        "{before} before.", len(diff.leaks), example=example, before=diff.leaks_before)]  # fmt: skip


def describe_changes(diff: VersionDiff) -> list[str]:
    """How many images came, went and changed, with the first of each."""
    lines = [
        say("{before}: {there}; {after}: {now}.", before=diff.before.name, there=say_images(diff.before.images),
            after=diff.after.name, now=say_images(diff.after.images)),
        _name(diff.added, say_count("{n} image was added", "{n} images were added", len(diff.added))),
        _name(diff.removed, say_count("{n} image was removed", "{n} images were removed", len(diff.removed))),
        _name([f"{each.before} -> {each.after}" for each in diff.moved],
              say_count("{n} image was moved or renamed", "{n} images were moved or renamed", len(diff.moved))),
        _name(diff.replaced, say_count("{n} image has other bytes under the same path",
                                       "{n} images have other bytes under the same paths", len(diff.replaced))),
        _tell(diff.labels, say_count("{n} label changed", "{n} labels changed", len(diff.labels))),
        _name(diff.masks, say_count("{n} mask changed", "{n} masks changed", len(diff.masks))),
        _tell(diff.splits, say_count("{n} image changed its split", "{n} images changed their splits",
                                     len(diff.splits))),
        _tell(diff.folds, say_count("{n} image changed its fold", "{n} images changed their folds", len(diff.folds))),
        _tell(diff.groups, say_count("{n} image changed its group", "{n} images changed their groups",
                                     len(diff.groups))),
        _tell(diff.given_splits, say_count("{n} image came with another split", "{n} images came with other splits",
                                           len(diff.given_splits))),
    ]  # fmt: skip
    if diff.changed_settings:
        names = [translate(SETTINGS[name]) for name in diff.changed_settings]
        lines.append(say("Changed as well: {names}.", names=listing(names)))
    return [line for line in lines if line]


def _name(names: Sequence[str], sentence: str) -> str:
    return f"{sentence}: {listing(list(names), _SHOWN)}." if names else ""


def _tell(changes: Sequence[ChangedValue], sentence: str) -> str:
    """The sentence with the most frequent changes: "4 labels changed: cat -> dog 3, dog -> none 1."."""
    counts = Counter(f"{each.before or say('none')} -> {each.after or say('none')}" for each in changes)
    shown = [f"{change} ({count})" for change, count in counts.most_common()]
    return f"{sentence}: {listing(shown, _CLASSES)}." if changes else ""


def describe_shares(diff: VersionDiff) -> list[str]:
    """What the changes do to the shares of the classes and of the splits."""
    parts = []
    for row in diff.classes:
        old, new = row.shares_before.get(ALL) or 0.0, row.shares_after.get(ALL) or 0.0
        if abs(old - new) >= _SMALL:
            parts.append((abs(old - new), f"{row.name} {percent(old)} -> {percent(new)}"))
    lines = []
    if parts:
        shown = [text for _, text in sorted(parts, key=lambda part: -part[0])]
        lines.append(say("Class shares: {names}.", names=listing(shown, _CLASSES)))
    elif diff.classes:
        lines.append(say("The class shares stay as they were."))
    splits = []
    for name in SPLITS:
        old, new = (_share(side.splits, name) for side in (diff.before, diff.after))
        if (diff.before.splits.get(name), diff.after.splits.get(name)) != (None, None) and abs(
            old - new
        ) >= _SMALL:
            splits.append(f"{name} {percent(old)} -> {percent(new)}")
    return [*lines, say("Split shares: {names}.", names=listing(splits))] if splits else lines


def _share(splits: dict[str, int], name: str) -> float:
    return splits.get(name, 0) / max(sum(splits.values()), 1)


def count_changes(diff: VersionDiff) -> str:
    """What changed, in a few words for a line of the log: "+3 images, -1, 2 labels"."""
    parts = [
        f"+{len(diff.added)}" if diff.added else "",
        f"-{len(diff.removed)}" if diff.removed else "",
        say_count("{n} moved", "{n} moved", len(diff.moved)) if diff.moved else "",
        say_count("{n} replaced", "{n} replaced", len(diff.replaced)) if diff.replaced else "",
        say_count("{n} label", "{n} labels", len(diff.labels)) if diff.labels else "",
        say_count("{n} mask", "{n} masks", len(diff.masks)) if diff.masks else "",
        say_count("{n} split", "{n} splits", len(diff.splits)) if diff.splits else "",
        say_count("{n} fold", "{n} folds", len(diff.folds)) if diff.folds else "",
        say_count("{n} group", "{n} groups", len(diff.groups)) if diff.groups else "",
    ]  # fmt: skip
    return ", ".join(part for part in parts if part)


def describe_size(count: int) -> str:
    """Bytes as megabytes."""
    return say("{n} MB", n=number(count / 1e6, 1))
