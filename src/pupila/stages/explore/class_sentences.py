"""Conclusions about the sizes of classes that hold for several kinds of targets."""

from pupila.artifacts.report.fingerprint import ClassFacts, Fingerprint
from pupila.core.messages import integer, listing, number, say, say_count
from pupila.core.vocabulary import TEST
from pupila.statistics.intervals import trials_for_width, wilson_width

ASSUMED_RECALL = 7 / 8  # of a decent model, to predict the width of an interval
TARGET_WIDTH = 0.10  # of an interval, 10 points
FEW_GROUPS = 10  # of a class in the test split, below which there is no interval
FEW_IMAGES = 10  # of a class, below which it cannot be evaluated


def small_classes(f: Fingerprint) -> str | None:
    """Classes with too few images to evaluate."""
    small = [name for name, row in f.classes.items() if row.images < FEW_IMAGES]
    if not small:
        return None
    return say_count("{n} class has fewer than 10 images ({names}), too few to evaluate it.",
                     "{n} classes have fewer than 10 images ({names}), too few to evaluate them.",
                     len(small), names=listing([f"'{name}'" for name in small]))  # fmt: skip


def interval(f: Fingerprint) -> str | None:
    """The expected width of the interval of the rarest class's recall on the test split, and the size for 10 points."""
    rarest = _rarest_in_test(f)
    if rarest is None or f.splits is None:
        return None
    name, count = rarest
    groups = _test_groups(f, name)
    if groups < FEW_GROUPS:
        return None
    width = wilson_width(ASSUMED_RECALL, groups)
    needed = trials_for_width(ASSUMED_RECALL, TARGET_WIDTH)
    test_share = f.splits.table[TEST].images / max(f.images, 1)
    values = {
        "n": integer(groups), "name": name, "width": number(100 * width, 0), "needed": _round_count(needed),
        "all": _round_count(needed / max(test_share, 0.01)),
    }  # fmt: skip
    if width <= TARGET_WIDTH and groups == count:
        return say(
            "The test split has {n} images of class '{name}', so the 95 % CI of its recall will be about {width} "
            "percentage points wide.", **values,
        )  # fmt: skip
    if width <= TARGET_WIDTH:
        return say(
            "The test split has {n} groups of class '{name}', so the 95 % CI of its recall will be about {width} "
            "percentage points wide.", **values,
        )  # fmt: skip
    if groups == count:
        return say(
            "The test split has only {n} images of class '{name}', so the 95 % CI of its recall will be about {width} "
            "percentage points wide. For 10 points you need about {needed} images in the test split (about {all} in "
            "total).", **values,
        )  # fmt: skip
    return say(
        "The test split has only {n} groups of class '{name}', so the 95 % CI of its recall will be about {width} "
        "percentage points wide. For 10 points you need about {needed} groups in the test split (about {all} in "
        "total).", **values,
    )  # fmt: skip


def too_few_groups(f: Fingerprint) -> str | None:
    """The rarest class has too few groups in the test split."""
    rarest = _rarest_in_test(f)
    if rarest is None or (groups := _test_groups(f, rarest[0])) >= FEW_GROUPS:
        return None
    by = f"--by '{f.splits.by}' " if f.splits and f.splits.by else ""
    return say_count(
        "The test split has {n} group of class '{name}', too few for a confidence interval. Use folds: {command}",
        "The test split has {n} groups of class '{name}', too few for a confidence interval. Use folds: {command}",
        groups, name=rarest[0], command=f"pupila split {by}--folds 5 --test 0 --replace",
    )  # fmt: skip


def extreme_classes(f: Fingerprint) -> tuple[tuple[str, ClassFacts], tuple[str, ClassFacts]]:
    """The class with the largest share and the one with the smallest."""
    rows = list(f.classes.items())
    return rows[0], rows[-1]


def _rarest_in_test(f: Fingerprint) -> tuple[str, int] | None:
    """The class with the fewest images in the test split, and how many."""
    if not f.splits or not f.splits.table[TEST].images or len(f.classes) < 2:
        return None
    counts = f.splits.table[TEST].classes
    name = min(counts, key=lambda key: (counts[key], key))
    return name, counts[name]


def _test_groups(f: Fingerprint, name: str) -> int:
    return f.splits.table[TEST].class_groups[name] if f.splits else 0


def _round_count(count: float) -> str:
    """The count to two significant digits, for estimates."""
    return integer(int(float(f"{count:.2g}")))
