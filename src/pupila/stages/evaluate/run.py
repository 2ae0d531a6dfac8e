"""An evaluation from end to end: read the predictions, evaluate, compare, and write the report."""

from dataclasses import dataclass

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.report.page import render
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.vocabulary import TEST, VALIDATION
from pupila.stages.evaluate.evaluation_set import (
    describe_data,
    describe_model,
    disambiguate_names,
    log_test_access,
    make_evaluation_set,
    select_rows,
)
from pupila.stages.evaluate.evaluator import (
    OUT_OF_FOLD,
    Evaluation,
    EvaluationResult,
    LabelledPredictions,
    TaskEvaluator,
    ThresholdReport,
)
from pupila.stages.evaluate.evaluators import EVALUATORS
from pupila.stages.evaluate.page import evaluation_page
from pupila.stages.evaluate.predictions import (
    PredictionReader,
    Predictions,
    is_run,
    is_table,
    read_predictions,
)


@dataclass(frozen=True, slots=True)
class EvaluationOutput:
    """An evaluation and the files that hold it."""

    evaluation: Evaluation  # what report.json holds
    report: str  # path of report.html
    report_json: str


def evaluate_models(
    paths: list[str],
    data: Dataset,
    splits: SplitFile,
    split: str | None = None,
    threshold: str | None = None,
) -> EvaluationResult:
    """Evaluate the first model, and compare it with the others on the images that all have predictions for.

    Args:
        paths: bundles, runs or tables of predictions.
        data: the data set.
        splits: made from these very data.
        split: to evaluate on, with bundles; None: test, or for runs alone their out-of-fold or validation predictions.
        threshold: objective for a binary task, tuned on validation.

    Raises:
        PupilaError: no labelled image, other classes, missing predictions, or a threshold that can't be tuned.
    """
    runs = split is None and any(map(is_run, paths)) and all(is_run(path) or is_table(path) for path in paths)
    split = split or (None if runs else TEST)
    if threshold and split in (None, VALIDATION):
        raise PupilaError(
            say("A threshold can't be tuned and evaluated on the same images"), actual=say("the validation split"),
            expected=say("another split to evaluate on"), remedy="--split test",
        )  # fmt: skip
    rows = select_rows(data, splits, split)
    evaluator = EVALUATORS[data.task.name if data.task else ""]
    if threshold:
        evaluator.check_tunable(make_evaluation_set(data, splits, rows), None)
    models = disambiguate_names(_read_all(paths, data, rows, evaluator.reader, runs), paths)
    evaluation_set = make_evaluation_set(data, splits, models[0].rows)
    threshold_report = (
        _tune_threshold(threshold, paths[0], splits, evaluator, (models[0], evaluation_set))
        if threshold
        else None
    )
    test_accesses = log_test_access(data, [model.version for model in models], paths) if split == TEST else 0
    evaluation = {
        **describe_data(data.task.name if data.task else "", data, splits),
        "validation_based": runs,
        "split": split or (OUT_OF_FOLD if _has_folds(splits) else VALIDATION),
        "test_accesses": test_accesses,
        "models": [
            {**describe_model(model, evaluation_set), **evaluator.report_model(model, evaluation_set)}
            for model in models
        ],
        "comparisons": evaluator.compare(models[0], models[1:], evaluation_set),
        "threshold": threshold_report,
    }
    return EvaluationResult(evaluation, models)


def write_report(result: EvaluationResult, data: Dataset, folder: str) -> EvaluationOutput:
    """Write `report.json`, `report.html` and their extra files into the folder."""
    report, report_json = files.join(folder, "report.html"), files.join(folder, "report.json")
    files.write_json(report_json, result.evaluation)
    files.write_bytes(report, render(evaluation_page(result.evaluation, data, result.predictions)).encode())
    for name, content in result.extra_files.items():
        files.write_bytes(files.join(folder, name), content)
    return EvaluationOutput(result.evaluation, report, report_json)


def _read_all(
    paths: list[str], data: Dataset, rows: list[int], reader: PredictionReader, out_of_fold: bool
) -> list[Predictions]:
    """The predictions of all models for their common rows; of a table, only those for rows that the runs have."""
    predictions = {
        path: read_predictions(path, data, rows, reader, out_of_fold) for path in paths if not is_table(path)
    }
    common = sorted(set.intersection(set(rows), *(set(model.rows) for model in predictions.values())))
    if not common:
        raise PupilaError(
            say("The models have no image in common"), actual=", ".join(paths),
            expected=say("predictions for the same images"),
        )  # fmt: skip
    return [
        predictions[path].select(common)
        if path in predictions
        else read_predictions(path, data, common, reader)
        for path in paths
    ]


def _has_folds(splits: SplitFile) -> bool:
    return any(a.fold is not None for a in splits.images)


def _tune_threshold(
    objective: str,
    path: str,
    splits: SplitFile,
    evaluator: TaskEvaluator,
    evaluated: LabelledPredictions,
) -> ThresholdReport:
    data = evaluated[1].data
    evaluator.check_tunable(evaluated[1], evaluated[0])
    if not _has_folds(splits):
        validation_predictions = read_predictions(
            path, data, select_rows(data, splits, VALIDATION), evaluator.reader
        )
    elif is_run(path):
        validation_predictions = read_predictions(
            path, data, select_rows(data, splits, None), evaluator.reader, out_of_fold=True
        )
    else:
        raise PupilaError(
            say("A split into folds has no validation split to tune a threshold on"), actual=path,
            expected=say("a run with out-of-fold predictions"),
            remedy="pupila evaluate RUN DATA --split test",
        )  # fmt: skip
    return evaluator.report_threshold(
        objective,
        (validation_predictions, make_evaluation_set(data, splits, validation_predictions.rows)),
        evaluated,
    )
