"""The evaluator for promptable models: prompts are drawn from the masks, the same ones for every model."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import cast

from pupila.artifacts.run.source import ModelSource, TableSource
from pupila.stages.evaluate.evaluator import Comparison, Evaluation, EvaluationSet, ModelReport, TaskEvaluator
from pupila.stages.evaluate.predictions import Predictions
from pupila.stages.evaluate.prompt import model_report, page, sentences
from pupila.stages.evaluate.prompt.evaluation_set import PromptEvaluationSet, prepare
from pupila.stages.evaluate.prompt.predictions import PromptPredictions, PromptReader
from pupila.stages.evaluate.segment.annotation_agreement import annotation_agreement
from pupila.tasks.prompt_strategies import PROMPT_STRATEGIES, SEED

PROMPTS_FILE = "prompts.jsonl"


def _report_model(predictions: Predictions, on: EvaluationSet) -> ModelReport:
    prepared = cast(PromptEvaluationSet, on)
    return model_report.report_model(cast(PromptPredictions, predictions), prepared.targets, on.data)


def _compare(first: Predictions, others: list[Predictions], on: EvaluationSet) -> list[Comparison]:
    prepared = cast(PromptEvaluationSet, on)
    ours, theirs = cast(PromptPredictions, first), cast(list[PromptPredictions], others)
    return model_report.compare(ours, theirs, prepared.baselines, prepared.targets)


def _report_extras(
    sources: Sequence[ModelSource], models: Sequence[Predictions], on: EvaluationSet
) -> Evaluation:
    prepared, shown = cast(PromptEvaluationSet, on), cast(Sequence[PromptPredictions], models)
    targets, scale = prepared.targets, prepared.fitted.box_scale
    return {
        "seed": SEED,
        "strategies": {strategy.name: asdict(strategy) for strategy in PROMPT_STRATEGIES},
        "masks": len(targets.rows),
        "images": len(set(targets.rows)),
        "images_without_targets": len(on.rows) - len(set(targets.rows)),
        "groups": len(set(targets.groups.tolist())),
        "baselines": [{"name": model.name, **_report_model(model, on)} for model in prepared.baselines],
        "box_scale": scale if scale < float("inf") else None,
        "examples": model_report.choose_examples(
            shown[0], shown[1] if len(shown) > 1 else None, targets, on.data
        ),
        "annotation_agreement": annotation_agreement(on.data),
        "training_log": []
        if isinstance(sources[0], TableSource)
        else [
            line.model_dump(exclude={"metrics"}, exclude_none=True) | line.metrics
            for line in sources[0].run.log
        ],
    }


def _extra_files(on: EvaluationSet) -> dict[str, bytes]:
    return {PROMPTS_FILE: cast(PromptEvaluationSet, on).targets.prompts}


PROMPT = TaskEvaluator(
    reader=PromptReader(), reads_out_of_fold=False, prepare=prepare, report_model=_report_model, compare=_compare,
    report_extras=_report_extras, extra_files=_extra_files,
    verdict=sentences.verdict, warnings=sentences.warnings, sections=page.sections, footnote=page.footnote,
)  # fmt: skip
