"""The drift figures in words: what was promised, what was measured, and what is not detected."""

from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.drift_alarms import EVERY, PUPILA
from benchmarks.drift_quiet import AS_PREDICTED, BY_GROUP, BY_PHOTO, FIRST_PHOTOS, LEFT_OUT, MONITORED
from benchmarks.drift_streams import LENGTH
from benchmarks.drift_weekly import METHODS


def explain_verdict(figures: dict[str, Any]) -> list[str]:
    """A paragraph for each, unwrapped."""
    quiet, changes, sizes = figures["quiet"], figures["changes"], figures["reference sizes"]
    share = 100 * LENGTH / EVERY
    return [
        f"**Promised.** Alarms at least N groups apart in the mean while nothing changes. With N = {EVERY} at most "
        f"{share:.0f} % of quiet streams of {LENGTH} groups raise one. This takes a reference that the served model "
        "itself predicted, for images that it did not learn from, and one observation for each group of images.",
        *_explain_quiet(quiet, figures["long"]),
        f"**Detected** (median groups after the change). {_explain_delays(changes)}",
        f"**Not detected.** {_explain_missed(changes, sizes)}",
    ]


def _explain_quiet(quiet: list[dict[str, Any]], long: dict[str, Any]) -> Iterable[str]:
    def pick(case: str) -> list[dict[str, Any]]:
        return [row for row in quiet if row["case"] == case]

    left_out, shipped = pick(LEFT_OUT), pick(MONITORED)
    apart = " and ".join(f"{row['groups for each alarm']:.0f} ({name})" for name, row in long.items())
    yield (
        f"**Measured.** With a left-out reference {_range(left_out)} of the streams raise an alarm, "
        f"{_range(pick(BY_GROUP))} of the simulated ones: {_rate(left_out + pick(BY_GROUP))}. Simulated streams of "
        f"5,000 groups have an alarm for each {apart} groups. Of the streams with a left-out reference a "
        f"weekly Kolmogorov-Smirnov test alarms in "
        f"{_range(left_out, METHODS[2])}, with Bonferroni's correction in {_range(left_out, METHODS[3])}; "
        f"Evidently in {_range(left_out, METHODS[1])} where any column counts, in {_range(left_out, METHODS[0])} where "
        "half of them have to drift."
    )
    yield (
        "**Out of fold.** Heads of folds learned from fewer images than the served head. If confidence and outputs are "
        f"compared with theirs, {_range(pick(AS_PREDICTED))} of the streams raise an alarm: "
        f"{_rate(pick(AS_PREDICTED))}. Bundles are therefore monitored with these compared with the stream's own "
        f"beginning: {_range(shipped)}, {_rate(shipped)}."
    )
    yield (
        "**A client that names no groups.** Each photo then counts as a group, although the photos of a group are "
        f"alike. Of the simulated streams {_range(pick(FIRST_PHOTOS))} raise an alarm within {LENGTH} photos: "
        f"{_rate(pick(FIRST_PHOTOS))}; {_range(pick(BY_PHOTO))} within {pick(BY_PHOTO)[0]['length']:.0f}."
    )


def _range(rows: list[dict[str, Any]], method: str = PUPILA) -> str:
    """Least and greatest share with an alarm."""
    shares = sorted({f"{100 * some / streams:.0f}" for some, streams in _alarms(rows, method)}, key=int)
    return f"{' to '.join(dict.fromkeys((shares[0], shares[-1])))} %"


def _alarms(rows: list[dict[str, Any]], method: str) -> list[list[int]]:
    return [row["alarms"][method] for row in rows if method in row["alarms"]]


def _rate(rows: list[dict[str, Any]]) -> str:
    """By the least fortunate rows."""
    for degree, over in (
        ("limit", "more than promised"),
        ("promised", "above the promise, but within its band"),
    ):
        names = [row["groups"] for row in rows if row["alarms"][PUPILA][0] > row[degree]]
        if names:
            return over if len(names) == len(rows) else f"{over} for {' and '.join(names)}"
    return "as promised"


def _explain_delays(changes: dict[str, Any]) -> str:
    kinds: dict[str, Callable[[str], bool]] = {
        "another camera": lambda change: change == "camera",
        "darker or brighter by a quarter": lambda change: change in ("darker", "brighter"),
        "a shift of 0.5 standard deviations of one value": lambda change: " sd of " in change,
    }
    parts = []
    for kind, belongs in kinds.items():
        medians = [
            row[PUPILA]["median"]
            for rows in changes.values()
            for change, row in rows.items()
            if belongs(change) and row[PUPILA]["median"] is not None
        ]
        parts.append(f"{kind} after {min(medians):.0f} to {max(medians):.0f}")
    return f"{'; '.join(parts)}.".capitalize()


def _explain_missed(changes: dict[str, Any], sizes: list[dict[str, Any]]) -> str:
    missed = [
        f"{change} in {name} ({100 * row[PUPILA]['detected']:.0f} % of the streams, in {row['groups']} groups)"
        for name, rows in changes.items()
        for change, row in rows.items()
        if row[PUPILA]["median"] is None
    ]
    small = [
        f"{row['sd']} standard deviations of {row['stream']} from the first group on, with a reference of "
        f"{row['reference']} groups, in 300 groups"
        for row in sizes
        if row[f"N = {EVERY}"] is None
    ]
    return (
        f"Fewer than half of the streams show {'; '.join(missed + small)}. Not measured, as nothing that is "
        "monitored can show it: labels that change while images do not, and, in values that are compared with the "
        "stream's own beginning, what was other than the reference from the first group on."
    )
