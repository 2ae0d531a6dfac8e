"""The drift figures as `results/drift.md`."""

from pathlib import Path
from textwrap import fill
from typing import Any

from benchmarks.drift_alarms import PUPILA
from benchmarks.drift_heads import FOLDS
from benchmarks.drift_quiet import AS_PREDICTED, BY_PHOTO, EVIDENTLY, FIRST_PHOTOS, LEFT_OUT, MONITORED
from benchmarks.drift_verdict import explain_verdict
from benchmarks.drift_weekly import METHODS, WEEK

_FILE = Path(__file__).parent / "results/drift.md"
_ALL = (PUPILA, *METHODS)


def write_tables(figures: dict[str, Any]) -> None:
    """Write and print the file."""
    lines = ["# Drift: false alarms and delays", "", *_paragraphs(explain_verdict(figures))]
    lines += _explain(figures)
    lines += _tabulate_quiet(figures)
    lines += _explain_changes(figures)
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


def _paragraphs(texts: list[str]) -> list[str]:
    return [line for text in texts for line in (*fill(text, 119).splitlines(), "")]


def _items(texts: list[str]) -> list[str]:
    return [
        *(line for text in texts for line in fill(f"- {text}", 119, subsequent_indent="  ").splitlines()),
        "",
    ]


def _explain(figures: dict[str, Any]) -> list[str]:
    earlier = figures["recorded earlier"]
    return [
        "## What is measured", "",
        *_paragraphs([
            "What each method does, on the same values (confidence, brightness, sharpness, 8 projections of the "
            "embedding, the output of each class), one photo for each group. The encoder, mobilenetv2_100, is frozen; "
            "the heads are logistic regressions, not calibrated.",
        ]),
        *_items([
            f"pupila: `DriftDetector` with N = {figures['every']} groups between false alarms, checked after each "
            "group.",
            f"Evidently 0.7.23, default tests (KS, p < 0.05, for each column), each week of {WEEK} groups against the "
            "reference: an alarm where half of the columns drift (its data set test), or where any column drifts. It "
            f"takes most of the time: it is run on the first {EVIDENTLY} quiet streams, and on the first "
            f"{figures['changed streams']['weekly']} of each change.",
            f"weekly KS: two-sample Kolmogorov-Smirnov test of each value that the reference knows, each week of "
            f"{WEEK} groups; alarm where any p < 0.05, or p < 0.05 / number of values (Bonferroni).",
        ]),
        *_paragraphs([
            "Of one run, but for these parts, which are as an earlier run recorded them: "
            f"{', '.join(earlier) or 'none'}.",
        ]),
    ]  # fmt: skip


def _tabulate_quiet(figures: dict[str, Any]) -> list[str]:
    rows = [
        [row["groups"], row["case"], row["reference"], f"{row['length']:.0f}",
         f"{row['promised']:.0f} ({row['limit']}) of {row['streams']}",
         *(" of ".join(map(str, row["alarms"].get(method, ()))) for method in _ALL)]
        for row in figures["quiet"]
    ]  # fmt: skip
    return [
        "## Streams with a false alarm", "",
        *_paragraphs([
            f"N = {figures['every']} promises at most length / N of the streams; in brackets the end of the 95 % band "
            "of that number. Real streams are random partitions of real groups, by heads "
            "that were fitted on one photo of each group. Who predicts them:",
        ]),
        *_items([
            f"{LEFT_OUT}: a head of a random third of the groups predicts all others, of which reference and stream "
            "are a partition. So `pupila train --reference-share` ships it.",
            f"{AS_PREDICTED}: heads of {FOLDS} folds predict the reference, the head of all of its groups predicts the "
            "stream, of groups that no head has seen. Not shipped: it shows the fault.",
            f"{MONITORED}: the same streams as a service compares them: confidence and outputs with their own "
            "beginning. So `pupila train --folds` ships it.",
            f"{FIRST_PHOTOS}, and {BY_PHOTO}: a client that names no groups sends one to nine photos of each, one "
            "after the other, and each counts as a group. Length, N and weeks are photos there.",
        ]),
        *_table(["groups", "case", "reference", "length", "promised", *_ALL], rows),
    ]  # fmt: skip


def _explain_changes(figures: dict[str, Any]) -> list[str]:
    sizes = figures["changed streams"]
    return [
        "## Delays", "",
        *_paragraphs([
            f"Heads of {FOLDS} folds predict reference and stream alike, so that both come from one population; "
            f"{sizes['pupila']} streams of each change for pupila, {sizes['weekly']} of them for the weekly methods, "
            "whose shares are therefore rough.",
            "In brackets the share of the streams that detect the change before they end, and the streams with an "
            "alarm before it, which count in neither. A weekly method has an alarm at the end of a week at best.",
        ]),
    ]  # fmt: skip


def _tabulate_changes(name: str, changes: dict[str, Any]) -> list[str]:
    rows = [
        [change, row["groups"], *(_cell(row[method]) for method in _ALL)] for change, row in changes.items()
    ]
    return [
        f"### {name}: median groups until the alarm, after 50 quiet groups",
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
        *_paragraphs([
            "Simulated; one value is shifted by so many standard deviations. Groups after the shift join the pool "
            "that later ones are ranked in, so that n groups before it carry at most n / 2 x shift^2 nats of "
            "evidence, however long the stream.",
        ]),
        *_table(["reference", "quiet groups before", "shifted", "sd", *columns], cells),
    ]  # fmt: skip


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
