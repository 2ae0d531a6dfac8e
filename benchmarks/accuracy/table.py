"""The comparison as Markdown for readers and as CSV for programs."""

import csv
import io
from collections.abc import Iterable
from statistics import fmean

from benchmarks.accuracy.catalogue import METHODS, PUPILA
from benchmarks.accuracy.comparison import (
    ACCURACY,
    DICE,
    MACRO_F1,
    MeanDifference,
    MethodScores,
    TaskDifference,
    compare_tasks,
    mean_over_sources,
    regrets,
    score_methods,
)
from benchmarks.accuracy.rows import RESULTS, ROWS_FILE, TASKS_FILE, Row, read_rows, read_task_rows
from benchmarks.accuracy.tasks import TASKS
from benchmarks.accuracy.written import CLASSIFY, SEGMENT

_METRICS = {CLASSIFY: (ACCURACY, MACRO_F1), SEGMENT: (DICE,)}
_TITLES = {CLASSIFY: "Classes", SEGMENT: "Masks"}


def write_table(half: str, limits: dict[str, float]) -> None:
    """Write `accuracy-HALF.md` and `accuracy-HALF.csv` of the rows of a half that have these limits."""
    rows = [
        row
        for row in read_rows(RESULTS / ROWS_FILE)
        if row.task in TASKS
        and TASKS[row.task].half == half
        and row.cpu_limit == limits[TASKS[row.task].target]
    ]
    tasks = read_task_rows(RESULTS / TASKS_FILE)
    scores = score_methods(rows, tasks, {name: task.source for name, task in TASKS.items()})
    lines, cells = [f"# Accuracy on the {half.replace('_', '-')} half", ""], []
    for target, title in _TITLES.items():
        of_target = [score for score in scores if score.target == target]
        if not of_target:
            continue
        lines += [f"## {title}: {limits[target]:.0f} CPU seconds for each method", ""]
        lines += [line for metric in _METRICS[target] for line in _tabulate_scores(of_target, metric)]
        others = [name for name in METHODS[target] if name != PUPILA]
        comparisons = {other: compare_tasks(of_target, other, tasks) for other in others}
        lines += _tabulate_comparisons({name: rows for name, rows in comparisons.items() if rows})
        lines += _tabulate_regrets(of_target, limits[target])
        cells += [[other, d.task, d.source, d.difference, d.p_value, d.corrected, d.verdict]
                  for other, differences in comparisons.items() for d in differences]  # fmt: skip
    lines += _tabulate_rows(rows)
    (RESULTS / f"accuracy-{half}.md").write_text("\n".join(lines))
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(
        [["against", "task", "source", "difference", "p_value", "p_holm", "verdict"], *cells]
    )
    (RESULTS / f"accuracy-{half}.csv").write_text(stream.getvalue())
    print("\n".join(lines))


def _table(header: list[str], rows: Iterable[list[str]]) -> list[str]:
    rule = ["---"] * len(header)
    return ["| " + " | ".join(row) + " |" for row in (header, rule, *rows)] + [""]


def _methods(scores: list[MethodScores]) -> list[str]:
    order = list(METHODS[scores[0].target])
    return [name for name in order if any(score.method == name for score in scores)]


def _tabulate_scores(scores: list[MethodScores], metric: str) -> list[str]:
    """A row per task, the best of it in bold; a star where a run left no model and the baseline counts."""
    methods, names = _methods(scores), list(dict.fromkeys(score.task for score in scores))
    rows = []
    for name in names:
        by_method = {score.method: score for score in scores if score.task == name}
        best = max(score.metric(metric) for score in by_method.values())
        cells = []
        for method in methods:
            score = by_method.get(method)
            if score is None:
                cells.append("")
                continue
            text = f"{score.metric(metric):.3f}" + ("*" if score.failed else "")
            cells.append(f"**{text}**" if score.metric(metric) == best else text)
        bayes = TASKS[name].bayes
        limit = f"{bayes:.3f}" if bayes is not None and metric == ACCURACY else ""
        rows.append([name, TASKS[name].source, *cells, limit])
    return [f"### {metric[0].upper()}{metric[1:]}", "", *_table(["task", "source", *methods, "Bayes"], rows)]


def _interval(mean: MeanDifference) -> str:
    if mean.low is None or mean.high is None:
        return "too few sources"
    return f"{100 * mean.low:+.1f} to {100 * mean.high:+.1f}"


def _tabulate_comparisons(comparisons: dict[str, list[TaskDifference]]) -> list[str]:
    """Pupila minus each other method, in points, with sources as units."""
    rows = []
    for other, differences in comparisons.items():
        mean = mean_over_sources((d.source, d.difference) for d in differences)
        verdicts = [d.verdict for d in differences]
        worse = [d.task for d in differences if d.verdict == "worse"]
        rows.append([
            other, f"{100 * mean.mean:+.1f}", _interval(mean), f"{mean.sources}", f"{len(differences)}",
            f"{verdicts.count('better')}", f"{len(worse)}" + (f" ({', '.join(worse)})" if worse else ""),
        ])  # fmt: skip
    header = ["against", "points", "95 % interval", "sources", "tasks", "better on", "worse on"]
    return ["### Pupila's defaults against each method", "", *_table(header, rows)]


def _tabulate_regrets(scores: list[MethodScores], limit: float) -> list[str]:
    """How far each method is from the best, and what it took of the limit."""
    metrics, rows = _METRICS[scores[0].target], []
    for method in _methods(scores):
        cells = [f"{100 * mean_over_sources(regrets(scores, method, m)).mean:.1f}" for m in metrics]
        of_method = [score for score in scores if score.method == method]
        seconds = [score.cpu_seconds for score in of_method]
        over = sum(s > limit for s in seconds)
        rows.append([method, *cells, f"{len(of_method)}", f"{fmean(seconds):.0f}", f"{over}"])
    header = [
        "method",
        *(f"points of {metric}" for metric in metrics),
        "tasks",
        "CPU seconds",
        "tasks over the limit",
    ]
    return ["### Regret: the best method of each task minus this one", "", *_table(header, rows)]


def _tabulate_rows(rows: list[Row]) -> list[str]:
    """Every task, method and seed."""
    cells = [
        [row.task, row.method, str(row.seed), f"{row.score:.3f}", f"{row.macro_f1:.3f}" if row.macro_f1 else "",
         f"{row.cpu_seconds:.0f}", row.version, "" if row.status == "finished" else row.status.replace("|", "/")]
        for row in sorted(rows, key=lambda row: (list(TASKS).index(row.task), row.method, row.seed))
    ]  # fmt: skip
    header = ["task", "method", "seed", "score", "macro F1", "CPU seconds", "Pupila", "remark"]
    return ["## Every run", "", *_table(header, cells)]
