"""Images that belong together and lie in different parts of a split."""

from collections import defaultdict
from collections.abc import Sequence

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import Leak


def find_leaks(data: Dataset, groups: Sequence[str | None], parts: Sequence[str | None]) -> list[Leak]:
    """Alike images and groups in more than one part; for a group, one pair for each further part.

    Args:
        data: the data set.
        groups: N names; None: an image of its own.
        parts: N splits or folds; None: an image in none of them, which leaks nothing.
    """
    images = data.images["image"].to_list()
    leaks = [
        Leak(images[pair.first], images[pair.second], (first, second), pair.kind, pair.similarity)
        for pair in data.pairs
        if (first := parts[pair.first]) and (second := parts[pair.second]) and first != second
    ]
    rows: dict[str, dict[str, int]] = defaultdict(dict)
    for row, (group, part) in enumerate(zip(groups, parts, strict=True)):
        if group is not None and part is not None:
            rows[group].setdefault(part, row)
    for of_parts in rows.values():
        (part, row), *others = of_parts.items()
        leaks += [Leak(images[row], images[other], (part, there), "group", None) for there, other in others]
    return leaks
