"""The drift figures as `results/drift.md`."""

from pathlib import Path
from typing import Any

from benchmarks.drift_weekly import METHODS, WEEK

_FILE = Path(__file__).parent / "results/drift.md"
_ALL = ("pupila", *METHODS)


def write_tables(figures: dict[str, Any]) -> None:
    """Write and print the file."""
    lines = ["# Drift: false alarms and delays", "", *_explain(figures)]
    lines += _tabulate_quiet(figures)
    for name, changes in figures["changes"].items():
        lines += _tabulate_changes(name, changes)
    lines += _tabulate_references(figures["reference sizes"])
    lines += _tabulate_long(figures["long"])
    lines += ["## Time of an update", ""]
    lines += [
        f"- {name}: {1000 * seconds:.3f} ms" for name, seconds in figures["seconds of an update"].items()
    ]
    text = "\n".join(lines) + "\n"
    _FILE.write_text(text)
    print(text)


def _explain(figures: dict[str, Any]) -> list[str]:
    return [
        "What each method does, on the same values (confidence, brightness, sharpness, 8 projections of the "
        "embedding, the output of",
        "each class), one photo for each group:",
        "",
        f"- pupila: `DriftDetector` with N = {figures['every']} groups between false alarms, checked after each group.",
        f"- Evidently 0.7.23, default tests (KS, p < 0.05, for each column), each week of {WEEK} groups against the "
        "reference: an alarm",
        "  where half of the columns drift (its data set test), or where any column drifts.",
        f"- weekly KS: two-sample Kolmogorov-Smirnov test of each value, each week of {WEEK} groups; alarm where any "
        "p < 0.05, or",
        "  p < 0.05 / number of values (Bonferroni).",
        "",
    ]


def _tabulate_quiet(figures: dict[str, Any]) -> list[str]:
    rows = [
        [name, row["reference"], *(row.get(method, "") for method in _ALL)]
        for name, row in figures["quiet"].items()
    ]
    return [
        f"## Streams with a false alarm, of {figures['streams']} quiet streams of {figures['length']} groups",
        "",
        f"N = {figures['every']} promises at most {figures['length']} / {figures['every']} of the streams: the 95 % "
        f"band ends at {figures['limit']} of {figures['streams']}. Real streams are random partitions of real groups.",
        "",
        *_table(["groups", "reference", *_ALL], rows),
    ]


def _tabulate_changes(name: str, changes: dict[str, Any]) -> list[str]:
    rows = [
        [change, row["groups"], *(_cell(row[method]) for method in _ALL)] for change, row in changes.items()
    ]
    return [
        f"## {name}: median groups until the alarm, after 50 quiet groups",
        "",
        "In brackets the share of the streams that detect the change before they end, and the streams with an alarm",
        "before it, which count in neither. A weekly method has an alarm at the end of a week at best.",
        "",
        *_table(["change", "groups", *_ALL], rows),
    ]


def _cell(row: dict[str, Any]) -> str:
    early = f"{row['early']} of {row['streams']} early"
    if row["early"] == row["streams"]:
        return early
    median = "not detected" if row["median"] is None else f"{row['median']:.0f}"
    return f"{median} ({100 * row['detected']:.0f} %, {early})"


def _tabulate_references(rows: list[dict[str, Any]]) -> list[str]:
    columns = [name for name in rows[0] if name.startswith("N = ")]
    cells = [
        [row["reference"], row["quiet"], row["stream"], row["sd"],
         *("not in 300" if row[c] is None else f"{row[c]:.0f}" for c in columns)]
        for row in rows
    ]  # fmt: skip
    return [
        "## pupila: median groups until the alarm, by the size of the reference",
        "",
        "Simulated; one value is shifted by so many standard deviations. Groups after the shift join the pool that "
        "later ones are ranked in,",
        "so that n groups before it carry at most n / 2 x shift^2 nats of evidence, however long the stream.",
        "",
        *_table(["reference", "quiet groups before", "shifted", "sd", *columns], cells),
    ]


def _tabulate_long(long: dict[str, Any]) -> list[str]:
    rows = [
        [name, row["streams"], row["groups"], row["alarms"], f"{row['groups for each alarm']:.0f}"]
        for name, row in long.items()
    ]
    return [
        "## pupila: long quiet streams, simulated",
        "",
        *_table(
            ["promise", "streams", "groups each", "streams with an alarm", "groups watched for each alarm"],
            rows,
        ),
    ]


def _table(head: list[Any], rows: list[list[Any]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [*("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines), ""]
