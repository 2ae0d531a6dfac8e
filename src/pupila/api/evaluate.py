"""Evaluate a model, and compare it with others."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Unpack

from pupila.api.data import open_with, parse_split, require_split
from pupila.api.inputs import Data, ModelInput, Path, path_text
from pupila.api.options import EvaluateOptions
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.extras import public
from pupila.core.messages import say

if TYPE_CHECKING:
    from pupila.artifacts.dataset.manifest import Dataset
    from pupila.artifacts.report.page import Section
    from pupila.artifacts.run.source import ModelSource
    from pupila.stages.evaluate.evaluator import EvaluationResult
    from pupila.stages.evaluate.run import EvaluationOutput
    from pupila.stages.evaluate.slices.columns import Cells


@public
def evaluate(
    model: ModelInput,
    data: Data,
    *,
    split: str | None = None,
    against: ModelInput | Sequence[ModelInput] = (),
    threshold: str | None = None,
    out: Path | None = None,
    **settings: Unpack[EvaluateOptions],
) -> "EvaluationOutput":
    """Evaluate a model with intervals, compare it with others, and write `report.json` and `report.html`.

    A promptable model is evaluated on prompts that are sampled from the masks and written to `prompts.jsonl`.

    Args:
        model: folder of a bundle, of a run (its predictions during training; for a promptable one its bundle), a file
            of a table of predictions, or a `Run` or `Bundle`.
        data: whatever `pupila.open` takes; it must be split.
        split: train, validation, or test, which is sealed: each access is recorded, and a repeated one is reported.
            None: test, or for runs alone, none of them promptable, the validation split, or all folds.
        against: another model or several, compared on the same images.
        threshold: objective for a binary task, tuned on validation; prefix `CLASS:` for the positive class.
        out: folder of the report; by default `evaluation-<split>` beside the bundle, or
            `evaluation-<table>-<split>` beside the table.
        settings: `by` also gives the metrics by slice of a column; `explain` shows heat maps of the worst errors;
            `stress` measures the sensitivity to light, image quality and backgrounds.

    Raises:
        PupilaError: see `pupila.stages.evaluate.run.evaluate_models`; the data are not split; a stress test of a table,
            or of a run's folds; or heat maps of a table or a promptable model.
    """
    from pupila.artifacts.dataset.home import find_home
    from pupila.artifacts.run.source import parse_source
    from pupila.stages.evaluate.evaluator import EvaluationSet
    from pupila.stages.evaluate.run import evaluate_models, write_report
    from pupila.stages.evaluate.settings import EvaluateSettings
    from pupila.stages.evaluate.stress.run import check_stressable, stress_test

    parsed = EvaluateSettings.parse(dict(settings), "evaluate")
    opened = open_with(data, {})
    splits = require_split(opened)
    others = against if isinstance(against, Sequence) and not isinstance(against, str) else [against]
    sources = [parse_source(given) for given in (model, *others)]
    split = split and parse_split(split)
    if parsed.explain:
        _check_explainable(sources[0])
    if parsed.stress:
        check_stressable(sources[0], splits, split)
    result = evaluate_models(sources, opened, splits, split, threshold, _read_columns(opened, parsed.by))
    if parsed.stress:
        evaluated = EvaluationSet(opened, splits, result.predictions[0].rows)
        result = stress_test(result, sources[0], evaluated, parsed)
    if parsed.explain:
        result = replace(result, explanations=_explain_errors(sources[0], opened, result))
    home = find_home(sources[0].results_folder) if out is None else ""
    name = "-".join(["evaluation", *_own_name(sources[0]), result.evaluation.split])
    place = path_text(out) if out is not None else files.join(home, name)
    return write_report(result, opened, place)


def _check_explainable(source: "ModelSource") -> None:
    """Refuse a table, and a promptable model."""
    if source.task is None or source.task.takes_prompts:
        raise PupilaError(
            say("Heat maps need a model that predicts images without prompts"), actual=source.path,
            expected=say("a bundle or a run"), remedy=say("leave --explain out"),
        )  # fmt: skip


def _explain_errors(source: "ModelSource", data: "Dataset", result: "EvaluationResult") -> "list[Section]":
    """The heat maps of the worst errors of the first model, for the classes that it predicted."""
    import numpy as np

    from pupila.artifacts.run.source import TableSource
    from pupila.stages.evaluate.evaluators import EVALUATORS
    from pupila.stages.explain.explanation import ImagesToExplain
    from pupila.stages.explain.page import map_section
    from pupila.stages.explain.run import explain_images
    from pupila.stages.explain.settings import ExplainSettings

    rows = EVALUATORS[result.evaluation.task].worst_rows(result.evaluation)
    if isinstance(source, TableSource) or not rows:
        return []
    images = ImagesToExplain([data.path(row) for row in rows], np.arange(len(rows)))
    explained = explain_images(source.bundle, source.name, images, ExplainSettings())
    section = map_section(explained.report, explained.explanations)
    return [replace(section, title=say("Evidence in the worst errors"))]


def _read_columns(data: "Dataset", names: Sequence[str]) -> "dict[str, Cells | None]":
    """The cells of the columns that slices are made by; a pattern is searched in the file names, as a split does."""
    from pupila.stages.evaluate.slices.columns import SIZE
    from pupila.stages.split.by import find_column, read_by

    columns: dict[str, Cells | None] = {}
    for name in names:
        cells: Cells | None = find_column(data, name)
        if cells is None and name != SIZE:
            groups, splits = read_by(data, name)
            cells = groups if groups is not None else splits
        columns[name] = cells
    return columns


def _own_name(source: "ModelSource") -> list[str]:
    """What tells a report from others in the same folder: the name of a table; a bundle has a folder of its own."""
    from pupila.artifacts.run.source import TableSource

    return [PurePath(source.path).stem] if isinstance(source, TableSource) else []
