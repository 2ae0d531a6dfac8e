"""Comparisons as cells of a table."""

from typing import Any

from pupila.artifacts.report.page import Section, Table
from pupila.core.messages import say
from pupila.stages.evaluate.evaluator import Evaluation
from pupila.stages.evaluate.verdicts import verdicts


def compared_section(e: Evaluation) -> list[Section]:
    """All figures of the first model beside those of the others, where there are others."""
    cells = [
        [row["name"], metric, *compared_cells(m), verdicts()[row["verdict"]] if metric == row["by"] else ""]
        for row in e["comparisons"] for metric, m in row["metrics"].items()
    ]  # fmt: skip
    table = Table([say("against"), say("metric"), *compared_header(e), say("verdict")], cells)
    return [Section(say("Compared on the same images"), tables=[table])] if cells else []


def compared_header(e: Evaluation) -> list[str]:
    """Of `compared_cells`."""
    return [e["models"][0]["name"], say("other"), say("change"), say("difference, 95 %")]


def compared_cells(m: dict[str, Any]) -> list[str]:
    """One figure of both, its change, and the interval of the difference."""
    change = "" if m["change"] is None else f"{m['change']:+.1%}"
    interval = say("too few groups") if m["low"] is None else f"{m['low']:+.3f} .. {m['high']:+.3f}"
    return [f"{m['first']:.3f}", f"{m['other']:.3f}", change, interval]
