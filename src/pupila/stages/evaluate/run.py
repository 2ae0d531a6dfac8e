"""An evaluation from end to end: whose answers, on which images, judged, compared and written down."""

from dataclasses import dataclass

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.report.page import render
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.vocabulary import TEST, VALIDATION
from pupila.stages.evaluate.evaluation_set import bench_of, head, heading, look, named_apart, rows_of
from pupila.stages.evaluate.evaluator import OUT_OF_FOLD, Evaluation, Found, Known, Story, Tuned
from pupila.stages.evaluate.evaluators import STORIES
from pupila.stages.evaluate.page import evaluation_page
from pupila.stages.evaluate.predictions import Answers, Reader, answers_of, is_run, is_table


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Where the results lie."""

    evaluation: Evaluation  # what report.json holds
    report: str  # path of report.html
    report_json: str


def evaluate_models(
    paths: list[str],
    data: Dataset,
    splits: SplitFile,
    split: str | None = None,
    threshold: str | None = None,
) -> Found:
    """Judge the first model, and compare it with the others on the images that all answered.

    Args:
        paths: bundles, runs or tables of answers.
        data: the data set.
        splits: made from these very data.
        split: that is judged, by bundles; None: test, or for runs alone what they answered while they trained.
        threshold: objective for a binary task, tuned on validation.

    Raises:
        PupilaError: nothing to judge, other classes, answers that are missing, or a threshold that can't be tuned.
    """
    runs = split is None and any(map(is_run, paths)) and all(is_run(path) or is_table(path) for path in paths)
    split = split or (None if runs else TEST)
    if threshold and split in (None, VALIDATION):
        raise PupilaError(
            say("The threshold is tuned on validation"), found=say("the same images to judge it by"),
            wanted=say("other images"), remedy="--split test",
        )  # fmt: skip
    rows = rows_of(data, splits, split)
    story = STORIES[data.task.name if data.task else ""]
    if threshold:
        story.check_tunable(bench_of(data, splits, rows), None)
    found = named_apart(_answers(paths, data, rows, story.reader, runs), paths)
    bench = bench_of(data, splits, found[0].rows)
    moved = _tuned(threshold, paths[0], splits, story, (found[0], bench)) if threshold else None
    looks = look(data, [one.version for one in found], paths) if split == TEST else 0
    evaluation = {
        **head(data.task.name if data.task else "", data, splits),
        "while_training": runs,
        "split": split or (OUT_OF_FOLD if _has_folds(splits) else VALIDATION),
        "looks": looks,
        "models": [{**heading(one, bench), **story.judge(one, bench)} for one in found],
        "comparisons": story.compare(found[0], found[1:], bench),
        "threshold": moved,
    }
    return Found(evaluation, found)


def write(found: Found, data: Dataset, folder: str) -> Evaluated:
    """Write `report.json`, `report.html` and what belongs beside them into the folder."""
    report, report_json = files.join(folder, "report.html"), files.join(folder, "report.json")
    files.write_json(report_json, found.evaluation)
    files.write_bytes(report, render(evaluation_page(found.evaluation, data, found.answers)).encode())
    for name, content in found.beside.items():
        files.write_bytes(files.join(folder, name), content)
    return Evaluated(found.evaluation, report, report_json)


def _answers(
    paths: list[str], data: Dataset, rows: list[int], reader: Reader, while_training: bool
) -> list[Answers]:
    """The answers of all models to the rows that all answered; tables are asked for no more than the runs answered."""
    found = {
        path: answers_of(path, data, rows, reader, while_training) for path in paths if not is_table(path)
    }
    common = sorted(set.intersection(set(rows), *(set(one.rows) for one in found.values())))
    if not common:
        raise PupilaError(
            say("No image that all models answered"), found=", ".join(paths),
            wanted=say("models that answered the same images"),
        )  # fmt: skip
    return [
        found[path].on(common) if path in found else answers_of(path, data, common, reader) for path in paths
    ]


def _has_folds(splits: SplitFile) -> bool:
    return any(a.fold is not None for a in splits.images)


def _tuned(
    objective: str,
    path: str,
    splits: SplitFile,
    story: Story,
    judged: Known,
) -> Tuned:
    data = judged[1].data
    story.check_tunable(judged[1], judged[0])
    if not _has_folds(splits):
        known = answers_of(path, data, rows_of(data, splits, VALIDATION), story.reader)
    elif is_run(path):
        known = answers_of(path, data, rows_of(data, splits, None), story.reader, while_training=True)
    else:
        raise PupilaError(
            say("Folds have no validation split to tune a threshold on"), found=path,
            wanted=say("a run, which answered all folds while it trained"),
            remedy="pupila evaluate RUN DATA --split test",
        )  # fmt: skip
    return story.tuned(objective, (known, bench_of(data, splits, known.rows)), judged)
