"""An evaluation by prompts from end to end: the same prompts to all models, in each way of prompting."""

import json
from dataclasses import asdict
from typing import Any

from pupila.artifacts.bundle.folder import read_bundle
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.core import files
from pupila.core.vocabulary import TEST, TRAIN
from pupila.stages.evaluate.evaluation_set import bench_of, head, heading, look, named_apart, rows_of
from pupila.stages.evaluate.evaluator import Found
from pupila.stages.evaluate.predictions import is_table
from pupila.stages.evaluate.prompt.baselines import fitted, trivial_answers
from pupila.stages.evaluate.prompt.model_report import compare, judge, shown
from pupila.stages.evaluate.prompt.predictions import prompt_answers
from pupila.stages.evaluate.prompt.units import units_of
from pupila.stages.evaluate.segment.ceiling import ceiling
from pupila.stages.evaluate.segment.evaluator import no_threshold
from pupila.tasks.prompt import PROMPT
from pupila.tasks.prompt_strategies import SEED, WAYS

_LOG = "log.jsonl"
PROMPTS_FILE = "prompts.jsonl"


def evaluate_prompts(
    paths: list[str],
    data: Dataset,
    splits: SplitFile,
    split: str | None = None,
    threshold: str | None = None,
) -> Found:
    """Judge the first model by prompts that are drawn from the masks, and compare it with the others by the same.

    Args:
        paths: promptable bundles, or runs that made one; bundles of masks and tables of them, which need no prompt.
        data: the data set, with masks.
        splits: made from these very data.
        split: that is judged; None: test.
        threshold: is refused.

    Raises:
        PupilaError: nothing to judge, of bundles of masks other classes, answers that are missing, or a threshold.
    """
    split = split or TEST
    bench = bench_of(data, splits, rows_of(data, splits, split))
    if threshold:
        no_threshold(bench, None)
    units = units_of(bench)
    found = named_apart([prompt_answers(path, data, bench.rows) for path in paths], paths)
    targets = data.images["target"].to_list()
    trained = [row for row, a in enumerate(splits.images) if a.split == TRAIN and targets[row] is not None]
    known = fitted(data, trained)
    baselines = trivial_answers(known, data, bench.rows)
    looks = look(data, [one.version for one in found], paths) if split == TEST else 0
    evaluation = {
        **head(PROMPT.name, data, splits),
        "while_training": False,
        "split": split,
        "looks": looks,
        "seed": SEED,
        "asked": {way.name: asdict(way) for way in WAYS},
        "masks": len(units.rows),
        "images": len(set(units.rows)),
        "empty": len(bench.rows) - len(set(units.rows)),
        "groups": len(set(units.groups.tolist())),
        "models": [{**heading(one, bench), **judge(one, units, data)} for one in found],
        "baselines": [{"name": one.name, **judge(one, units, data)} for one in baselines],
        "enlarged": known.enlarged if known.enlarged < float("inf") else None,
        "comparisons": compare(found[0], found[1:], baselines, units),
        "shown": shown(found[0], found[1] if len(found) > 1 else None, units, data),
        "ceiling": ceiling(data),
        "log": _log(paths[0]),
    }
    return Found(evaluation, found, {PROMPTS_FILE: units.prompts})


def _log(path: str) -> list[dict[str, Any]]:
    """What the run wrote of each epoch, if a run made the bundle."""
    if is_table(path):
        return []
    uri = files.join(read_bundle(path).folder.rpartition("/")[0] or ".", _LOG)
    return [json.loads(line) for line in files.read_bytes(uri).splitlines()] if files.exists(uri) else []
