"""The evaluator for promptable models: prompts are drawn from the masks, the same ones for every model."""

from collections.abc import Sequence
from typing import cast

import numpy as np

from pupila.artifacts.report.evaluation.prompt import PromptBaseline, PromptModel, PromptReport, PromptResults
from pupila.artifacts.run.source import TableSource
from pupila.stages.evaluate.evaluation_set import describe_model
from pupila.stages.evaluate.evaluator import Evaluated, EvaluationSet, TaskEvaluator
from pupila.stages.evaluate.image_scores import ImageScores
from pupila.stages.evaluate.predictions import Predictions
from pupila.stages.evaluate.prompt import model_report, page, sentences, stress
from pupila.stages.evaluate.prompt.evaluation_set import PromptEvaluationSet, prepare
from pupila.stages.evaluate.prompt.predictions import PromptPredictions, PromptReader
from pupila.stages.evaluate.refused_threshold import refuse_threshold
from pupila.stages.evaluate.segment.annotation_agreement import annotation_agreement
from pupila.statistics.metrics.ranking import share
from pupila.tasks.prompt_strategies import PROMPT_STRATEGIES, SEED

PROMPTS_FILE = "prompts.jsonl"


def _report(evaluated: Evaluated) -> PromptReport:
    on, models = cast(PromptEvaluationSet, evaluated.on), cast(Sequence[PromptPredictions], evaluated.models)
    targets, scale, source = on.targets, on.fitted.box_scale, evaluated.sources[0]

    def results(predictions: PromptPredictions) -> PromptResults:
        return model_report.report_results(predictions, targets, on.data)

    return PromptReport(
        **dict(evaluated.head),
        models=[PromptModel(**dict(describe_model(model, on)), **dict(results(model))) for model in models],
        comparisons=model_report.compare(models[0], models[1:], on.baselines, targets),
        seed=SEED,
        strategies={strategy.name: strategy for strategy in PROMPT_STRATEGIES},
        masks=len(targets.rows),
        images=len(set(targets.rows)),
        images_without_targets=len(on.rows) - len(set(targets.rows)),
        groups=len(set(targets.groups.tolist())),
        baselines=[PromptBaseline(name=model.name, **dict(results(model))) for model in on.baselines],
        box_scale=scale if scale < float("inf") else None,
        examples=model_report.choose_examples(
            models[0], models[1] if len(models) > 1 else None, targets, on.data
        ),
        annotation_agreement=annotation_agreement(on.data),
        training_log=[] if isinstance(source, TableSource) else source.run.log,
    )


def _image_scores(on: EvaluationSet, predictions: Predictions) -> ImageScores:
    targets, masks = cast(PromptEvaluationSet, on).targets, cast(PromptPredictions, predictions)
    pixels = on.data.class_pixels[targets.rows]
    return ImageScores(
        "masks", targets.rows, targets.groups,
        {f"mean_iou_{strategy.name}": masks.scores(strategy) for strategy in PROMPT_STRATEGIES},
        sizes=share(pixels[np.arange(len(pixels)), targets.class_indices], pixels.sum(axis=1)),
    )  # fmt: skip


def _extra_files(on: EvaluationSet) -> dict[str, bytes]:
    return {PROMPTS_FILE: cast(PromptEvaluationSet, on).targets.prompts}


PROMPT = TaskEvaluator(
    reader=PromptReader(), image_scores=_image_scores, reads_out_of_fold=False, prepare=prepare, report=_report,
    check_tunable=refuse_threshold,
    extra_files=_extra_files,
    verdict=sentences.verdict, warnings=sentences.warnings, sections=page.sections, footnote=page.footnote,
    stress=stress.SCORER,
)  # fmt: skip
