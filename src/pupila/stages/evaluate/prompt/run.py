"""An evaluation with prompts from end to end: every model gets the same prompts of each strategy."""

import json
from dataclasses import asdict
from typing import Any

from pupila.artifacts.bundle.folder import read_bundle
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.core import files
from pupila.core.vocabulary import TEST, TRAIN
from pupila.stages.evaluate.evaluation_set import (
    describe_data,
    describe_model,
    disambiguate_names,
    log_test_access,
    make_evaluation_set,
    select_rows,
)
from pupila.stages.evaluate.evaluator import EvaluationResult
from pupila.stages.evaluate.predictions import is_table
from pupila.stages.evaluate.prompt.baselines import fit_baselines, predict_baselines
from pupila.stages.evaluate.prompt.model_report import choose_examples, compare, report_model
from pupila.stages.evaluate.prompt.predictions import predict_prompts
from pupila.stages.evaluate.prompt.targets import draw_prompts
from pupila.stages.evaluate.segment.annotation_agreement import annotation_agreement
from pupila.stages.evaluate.segment.evaluator import refuse_threshold
from pupila.tasks.prompt import PROMPT
from pupila.tasks.prompt_strategies import PROMPT_STRATEGIES, SEED

_LOG = "log.jsonl"
PROMPTS_FILE = "prompts.jsonl"


def evaluate_prompts(
    paths: list[str],
    data: Dataset,
    splits: SplitFile,
    split: str | None = None,
    threshold: str | None = None,
) -> EvaluationResult:
    """Evaluate the first model with prompts that are drawn from the masks, and compare it with the others.

    Args:
        paths: promptable bundles or their runs; segmentation bundles and tables of masks, which take no prompt.
        data: the data set, with masks.
        splits: made from these very data.
        split: to evaluate on; None: test.
        threshold: refused.

    Raises:
        PupilaError: no target, other classes, missing predictions, or a threshold.
    """
    split = split or TEST
    evaluation_set = make_evaluation_set(data, splits, select_rows(data, splits, split))
    if threshold:
        refuse_threshold(evaluation_set, None)
    prompt_targets = draw_prompts(evaluation_set)
    models = disambiguate_names([predict_prompts(path, data, evaluation_set.rows) for path in paths], paths)
    targets = data.images["target"].to_list()
    training_rows = [
        row for row, a in enumerate(splits.images) if a.split == TRAIN and targets[row] is not None
    ]
    fitted = fit_baselines(data, training_rows)
    baselines = predict_baselines(fitted, data, evaluation_set.rows)
    test_accesses = log_test_access(data, [model.version for model in models], paths) if split == TEST else 0
    evaluation = {
        **describe_data(PROMPT.name, data, splits),
        "validation_based": False,
        "split": split,
        "test_accesses": test_accesses,
        "seed": SEED,
        "strategies": {strategy.name: asdict(strategy) for strategy in PROMPT_STRATEGIES},
        "masks": len(prompt_targets.rows),
        "images": len(set(prompt_targets.rows)),
        "images_without_targets": len(evaluation_set.rows) - len(set(prompt_targets.rows)),
        "groups": len(set(prompt_targets.groups.tolist())),
        "models": [
            {**describe_model(model, evaluation_set), **report_model(model, prompt_targets, data)}
            for model in models
        ],
        "baselines": [
            {"name": model.name, **report_model(model, prompt_targets, data)} for model in baselines
        ],
        "box_scale": fitted.box_scale if fitted.box_scale < float("inf") else None,
        "comparisons": compare(models[0], models[1:], baselines, prompt_targets),
        "examples": choose_examples(models[0], models[1] if len(models) > 1 else None, prompt_targets, data),
        "annotation_agreement": annotation_agreement(data),
        "training_log": _training_log(paths[0]),
    }
    return EvaluationResult(evaluation, models, {PROMPTS_FILE: prompt_targets.prompts})


def _training_log(path: str) -> list[dict[str, Any]]:
    """The training log, one entry per epoch, where a run made the bundle."""
    if is_table(path):
        return []
    uri = files.join(read_bundle(path).folder.rpartition("/")[0] or ".", _LOG)
    return [json.loads(line) for line in files.read_bytes(uri).splitlines()] if files.exists(uri) else []
