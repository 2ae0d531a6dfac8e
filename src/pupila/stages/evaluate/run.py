"""An evaluation from end to end: read the predictions, evaluate, compare, and write the report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import LEAKING, SplitFile
from pupila.artifacts.report.evaluation.report import EvaluationHead, EvaluationReport
from pupila.artifacts.report.page import render
from pupila.artifacts.run.source import ModelSource, RunSource, TableSource
from pupila.core import files
from pupila.core.display import Displayed, Summary
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.records import Record
from pupila.core.vocabulary import TEST, VALIDATION
from pupila.stages.evaluate.evaluation_set import (
    disambiguate_names,
    log_test_access,
    select_rows,
)
from pupila.stages.evaluate.evaluator import (
    OUT_OF_FOLD,
    Evaluated,
    EvaluationResult,
    EvaluationSet,
    LabelledPredictions,
    TaskEvaluator,
)
from pupila.stages.evaluate.evaluators import EVALUATORS, find_task
from pupila.stages.evaluate.page import evaluation_page
from pupila.stages.evaluate.predictions import (
    PredictionReader,
    Predictions,
    has_out_of_fold,
    read_predictions,
)
from pupila.stages.evaluate.sentences import sentences
from pupila.stages.evaluate.slices.columns import Cells
from pupila.stages.evaluate.slices.report import report_slices


@dataclass(frozen=True, slots=True, repr=False)
class EvaluationOutput(Displayed):
    """An evaluation and the files that hold it."""

    evaluation: EvaluationReport  # what report.json holds
    report: str  # path of report.html
    report_json: str

    def summary(self) -> Summary:
        """The verdict; on a card with all sentences."""
        verdict, *others = sentences(self.evaluation)
        facts = {f"{number}.": sentence for number, sentence in enumerate(others, start=2)}
        return Summary("EvaluationOutput", verdict, {**facts, say("Report"): self.report})


def evaluate_models(
    sources: Sequence[ModelSource],
    data: Dataset,
    splits: SplitFile,
    split: str | None = None,
    threshold: str | None = None,
    by: Mapping[str, Cells | None] | None = None,
) -> EvaluationResult:
    """Evaluate the first model, and compare it with the others on the images that all have predictions for.

    Args:
        sources: bundles, runs or tables of predictions; with a promptable one among them, all are evaluated on prompts.
        data: the data set.
        splits: made from these very data.
        split: to evaluate on, with bundles; None: test, or for runs alone their out-of-fold or validation predictions.
        threshold: objective for a binary task, tuned on validation.
        by: columns whose slices are evaluated, by name: a cell for each row of the data; None: the size of the object.

    Raises:
        PupilaError: no labels, other classes, missing predictions, a threshold that can't be tuned, or an
            empty column.
    """
    task = find_task(sources, data)
    evaluator = EVALUATORS[task]
    out_of_fold = split is None and _are_runs(sources, evaluator)
    split = split or (None if out_of_fold else TEST)
    evaluation_set = EvaluationSet(data, splits, select_rows(data, splits, split))
    if threshold:
        evaluator.check_tunable(evaluation_set, None)
        _check_other_images(split)
    evaluation_set = evaluator.prepare(evaluation_set)
    read = _read_all(sources, evaluation_set, evaluator.reader, out_of_fold)
    models = disambiguate_names(read, sources)
    evaluation_set = evaluation_set.select(models[0].rows)
    threshold_report = (
        _tune_threshold(threshold, sources[0], evaluator, (models[0], evaluation_set)) if threshold else None
    )
    test_accesses = (
        log_test_access(data, splits, [model.version for model in models], sources) if split == TEST else 0
    )
    head = EvaluationHead(
        task=task, classes=data.classes, data_hash=data.hash, splits_hash=splits.hash,
        leaking=splits.verdict == LEAKING, validation_based=out_of_fold,
        split=split or (OUT_OF_FOLD if _has_folds(splits) else VALIDATION), test_accesses=test_accesses,
    )  # fmt: skip
    report = evaluator.report(Evaluated(head, sources, models, evaluation_set, threshold_report))
    if by:
        slices = report_slices(evaluator.image_scores(evaluation_set, models[0]), by)
        report = report.model_copy(update={"slices": slices})
    if not isinstance(sources[0], TableSource) and (validation := sources[0].bundle.info.validation):
        report = report.model_copy(update={"probe": validation.probe})
    return EvaluationResult(report, models, evaluator.extra_files(evaluation_set))


def write_report(result: EvaluationResult, data: Dataset, folder: str) -> EvaluationOutput:
    """Write `report.json`, `report.html` and their extra files into the folder."""
    report, report_json = files.join(folder, "report.html"), files.join(folder, "report.json")
    files.write_json(report_json, result.evaluation.model_dump(mode="json", by_alias=True))
    files.write_bytes(report, render(evaluation_page(result, data)).encode())
    for name, content in result.extra_files.items():
        files.write_bytes(files.join(folder, name), content)
    return EvaluationOutput(result.evaluation, report, report_json)


def _are_runs(sources: Sequence[ModelSource], evaluator: TaskEvaluator[Any]) -> bool:
    """Whether the models are runs, alone or beside tables, whose stored predictions can be evaluated."""
    runs = [source for source in sources if not isinstance(source, TableSource)]
    return evaluator.reads_out_of_fold and bool(runs) and all(map(has_out_of_fold, runs))


def _check_other_images(split: str | None) -> None:
    if split in (None, VALIDATION):
        raise PupilaError(
            say("A threshold can't be tuned and evaluated on the same images"), actual=say("the validation split"),
            expected=say("another split to evaluate on"), remedy="--split test",
        )  # fmt: skip


def _read_all(
    sources: Sequence[ModelSource], on: EvaluationSet, reader: PredictionReader, out_of_fold: bool
) -> list[Predictions]:
    """The predictions of all models for their common rows; of a table, only those for rows that the runs have."""
    predictions = {
        source.path: read_predictions(source, on.data, on.rows, reader, out_of_fold)
        for source in sources
        if not isinstance(source, TableSource)
    }
    common = sorted(set.intersection(set(on.rows), *(set(model.rows) for model in predictions.values())))
    if not common:
        raise PupilaError(
            say("The models have no image in common"), actual=", ".join(source.path for source in sources),
            expected=say("predictions for the same images"),
        )  # fmt: skip
    return [
        predictions[source.path].select(common)
        if source.path in predictions
        else read_predictions(source, on.data, common, reader)
        for source in sources
    ]


def _has_folds(splits: SplitFile) -> bool:
    return any(a.fold is not None for a in splits.images)


def _tune_threshold(
    objective: str, source: ModelSource, evaluator: TaskEvaluator[Any], evaluated: LabelledPredictions
) -> Record:
    predictions, on = evaluated
    evaluator.check_tunable(on, predictions)
    assert evaluator.report_threshold is not None  # the check refuses other tasks
    if not _has_folds(on.splits):
        rows = select_rows(on.data, on.splits, VALIDATION)
        validation_predictions = read_predictions(source, on.data, rows, evaluator.reader)
    elif isinstance(source, RunSource) and has_out_of_fold(source):
        rows = select_rows(on.data, on.splits, None)
        validation_predictions = read_predictions(source, on.data, rows, evaluator.reader, out_of_fold=True)
    else:
        raise PupilaError(
            say("A split into folds has no validation split to tune a threshold on"), actual=source.path,
            expected=say("a run with out-of-fold predictions"),
            remedy="pupila evaluate RUN DATA --split test",
        )  # fmt: skip
    return evaluator.report_threshold(
        objective, (validation_predictions, on.select(validation_predictions.rows)), evaluated
    )
