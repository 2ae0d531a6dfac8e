"""The audit of a split: how balanced the classes are."""

from collections import defaultdict

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import FOLD, Balance, Deviation, LikelyGroups, MissingClass, SplitBalance
from pupila.core.vocabulary import SPLITS, TEST, UNUSED, VALIDATION


def name_parts(splits: list[str], folds: list[int | None]) -> list[str]:
    """The split of each row, or its fold where it has one."""
    return [split if fold is None else f"{FOLD} {fold}" for split, fold in zip(splits, folds, strict=True)]


def find_likely_groups(data: Dataset, parts: list[str], is_given: bool) -> LikelyGroups:
    """Groups that are likely in the file names, and how many images that are evaluated have a member in train.

    Args:
        data: of which no groups are known.
        parts: N splits or folds.
        is_given: whether the split came with the data.
    """
    proposal = data.group_proposal
    if proposal is None:
        return LikelyGroups(is_given=is_given)
    training: dict[str | None, set[str]] = defaultdict(set)
    for group, name in zip(proposal.groups, parts, strict=True):
        if name not in (TEST, VALIDATION):
            training[group].add(name)
    counts: dict[str, tuple[int, int]] = {}  # by part: images, and those of them with a member in train
    for part in (TEST, VALIDATION, FOLD):
        rows = [row for row, name in enumerate(parts) if name.partition(" ")[0] == part]
        if rows:
            counts[part] = len(rows), sum(bool(training[proposal.groups[row]] - {parts[row]}) for row in rows)
    # The test split counts first; another part only where no group is divided there.
    part = next((name for name, (_, divided) in counts.items() if divided), next(iter(counts), ""))
    evaluated, divided = counts.get(part, (0, 0))
    return LikelyGroups(by=proposal.by, groups=len(set(proposal.groups)), evaluated=evaluated, divided=divided,
                        part=part, is_given=is_given, evidence=proposal.evidence)  # fmt: skip


def measure_balance(data: Dataset, splits: list[str], parts: list[str], components: list[int]) -> Balance:
    """Images, groups and classes of each split, the largest deviation of a class share, and classes that are missing.

    Args:
        data: the data set.
        splits: N splits.
        parts: N splits or folds.
        components: N component numbers.
    """
    shares, names = data.shares, data.classes
    whole = data.class_shares(np.array([row for row, name in enumerate(splits) if name != UNUSED]))
    table: dict[str, SplitBalance] = {}
    worst = (0.0, "", "")
    for split in SPLITS:
        rows = np.array([row for row, name in enumerate(splits) if name == split], dtype=np.int64)
        there = shares[rows] > 0
        groups = np.array([components[row] for row in rows], dtype=np.int64)
        table[split] = SplitBalance(
            images=len(rows),
            groups=len(set(groups.tolist())),
            classes=dict(zip(names, there.sum(axis=0).tolist(), strict=True)),
            class_groups={name: len(set(groups[there[:, k]].tolist())) for k, name in enumerate(names)},
        )
        away = np.nan_to_num(np.abs(data.class_shares(rows) - whole))
        worst = max([worst, *((float(far), name, split) for far, name in zip(away, names, strict=True))])
    largest = Deviation.model_validate({"share": round(worst[0], 4), "class": worst[1], "split": worst[2]})
    return Balance(
        largest_deviation=largest, missing_classes=_find_missing(data, parts, components), **table
    )  # fmt: skip


def _find_missing(data: Dataset, parts: list[str], components: list[int]) -> list[MissingClass]:
    """Classes that some split or fold with labels lacks, those of the fewest groups first."""
    there, of, group = data.shares > 0, np.array(parts), np.array(components)
    occurs = {part: there[of == part].any(axis=0) for part in sorted(set(parts) - {UNUSED}, key=_order)}
    labelled = {part: classes for part, classes in occurs.items() if classes.any()}
    missing = [
        MissingClass.model_validate({
            "class": name, "groups": len(set(group[there[:, k]].tolist())),
            "missing_from": [part for part, classes in labelled.items() if not classes[k]],
        })
        for k, name in enumerate(data.classes) if not all(classes[k] for classes in labelled.values())
    ]  # fmt: skip
    return sorted(missing, key=lambda row: (row.groups, row.class_name))


def _order(part: str) -> tuple[int, int]:
    """Splits as they are always listed, then folds by number."""
    return (SPLITS.index(part), 0) if part in SPLITS else (len(SPLITS), int(part.removeprefix("fold ")))
