"""Comparisons of models as tables."""

from pupila.artifacts.report.evaluation.report import EvaluationReport
from pupila.artifacts.report.page import Section, Table
from pupila.core.messages import say
from pupila.stages.evaluate.verdicts import verdict_words
from pupila.statistics.metrics.titles import metric_title


def comparison_section(e: EvaluationReport) -> list[Section]:
    """Every metric of the first model beside those of the others; nothing where there is no other."""
    cells = [
        [row.name, metric_title(metric), *difference.cells(),
         verdict_words()[row.verdict] if metric == row.primary_metric else ""]
        for row in e.comparisons for metric, difference in row.metrics.items()
    ]  # fmt: skip
    table = Table([say("compared with"), say("metric"), *comparison_header(e), say("verdict")], cells)
    return [Section(say("Comparison on the same images"), tables=[table])] if cells else []


def comparison_header(e: EvaluationReport) -> list[str]:
    """The header of `Difference.cells`."""
    return [e.models[0].name, say("other model"), say("relative change"), say("difference (95 % CI)")]
