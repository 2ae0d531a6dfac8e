"""Comparisons of models as tables."""

from typing import Any

from pupila.artifacts.report.page import Section, Table
from pupila.core.messages import number, say
from pupila.stages.evaluate.cells import signed_number, signed_percent
from pupila.stages.evaluate.evaluator import Evaluation
from pupila.stages.evaluate.verdicts import verdict_words
from pupila.statistics.metrics.titles import metric_title


def comparison_section(e: Evaluation) -> list[Section]:
    """Every metric of the first model beside those of the others; nothing where there is no other."""
    cells = [
        [row["name"], metric_title(metric), *comparison_cells(m),
         verdict_words()[row["verdict"]] if metric == row["primary_metric"] else ""]
        for row in e["comparisons"] for metric, m in row["metrics"].items()
    ]  # fmt: skip
    table = Table([say("compared with"), say("metric"), *comparison_header(e), say("verdict")], cells)
    return [Section(say("Comparison on the same images"), tables=[table])] if cells else []


def comparison_header(e: Evaluation) -> list[str]:
    """The header of `comparison_cells`."""
    return [e["models"][0]["name"], say("other model"), say("relative change"), say("difference (95 % CI)")]


def comparison_cells(m: dict[str, Any]) -> list[str]:
    """A metric of both models, its relative change, and the confidence interval of the difference."""
    change = "" if m["change"] is None else signed_percent(m["change"])
    interval = (
        say("too few groups")
        if m["low"] is None
        else say("{low} to {high}", low=signed_number(m["low"]), high=signed_number(m["high"]))
    )
    return [number(m["first"]), number(m["other"]), change, interval]
