"""The audit of a split: which duplicates and groups leak, and how balanced the classes are."""

from collections import defaultdict

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import Balance, Deviation, Leak, SplitBalance
from pupila.core.vocabulary import SPLITS


def find_leaks(
    data: Dataset, groups: list[str | None], splits: list[str], folds: list[int | None]
) -> list[Leak]:
    """Duplicates and groups in more than one split; for a group, one pair for each further split."""
    images = data.images["image"].to_list()
    split_names = [
        split if fold is None else f"fold {fold}" for split, fold in zip(splits, folds, strict=True)
    ]
    leaks = [
        Leak(images[p.first], images[p.second], (split_names[p.first], split_names[p.second]), p.kind, p.similarity)
        for p in data.pairs if split_names[p.first] != split_names[p.second]
    ]  # fmt: skip
    first: dict[str, dict[str, int]] = defaultdict(dict)
    for row, group in enumerate(groups):
        if group is not None:
            first[group].setdefault(split_names[row], row)
    for on in first.values():
        (split_name, row), *others = on.items()
        leaks += [
            Leak(images[row], images[other], (split_name, there), "group", None) for there, other in others
        ]
    return leaks


def measure_balance(data: Dataset, splits: list[str], components: list[int]) -> Balance:
    """Images, groups and classes of each split, and the largest deviation of a class share from the whole data."""
    shares, names = data.shares, data.classes
    whole = shares.sum(axis=0) / max(shares.sum(), 1)
    table: dict[str, SplitBalance] = {}
    worst = (0.0, "", "")
    for split in SPLITS:
        rows = [row for row, name in enumerate(splits) if name == split]
        there, own = shares[rows] > 0, shares[rows].sum(axis=0)
        groups = np.array([components[row] for row in rows], dtype=np.int64)
        table[split] = SplitBalance(
            images=len(rows),
            groups=len({components[row] for row in rows}),
            classes=dict(zip(names, there.sum(axis=0).tolist(), strict=True)),
            class_groups={name: len(set(groups[there[:, k]].tolist())) for k, name in enumerate(names)},
        )
        if own.sum():
            away = np.abs(own / own.sum() - whole)
            worst = max([worst, *((float(far), name, split) for far, name in zip(away, names, strict=True))])
    largest = Deviation.model_validate({"share": round(worst[0], 4), "class": worst[1], "split": worst[2]})
    return Balance(largest_deviation=largest, **table)
