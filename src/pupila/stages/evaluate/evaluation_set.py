"""The images that models are evaluated on, and what every report says of the data and the models."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.dataset.test_access import (
    read_test_accesses,
    record_test_access,
    restore_test_accesses,
)
from pupila.artifacts.report.evaluation.report import ModelReport
from pupila.artifacts.run.source import ModelSource
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.vocabulary import TRAIN, VALIDATION
from pupila.stages.evaluate.evaluator import EvaluationSet
from pupila.stages.evaluate.predictions import Predictions


def select_rows(data: Dataset, splits: SplitFile, split: str | None, remedy: str = "") -> list[int]:
    """Labelled rows of a split; of all but the test split for None.

    Args:
        data: the data set.
        splits: made from it.
        split: its name.
        remedy: where there is none; empty: that of an evaluation.

    Raises:
        PupilaError: no row has a label.
    """
    targets = data.images["target"].to_list()
    splits_used = (TRAIN, VALIDATION) if split is None else (split,)
    rows = [row for row, a in enumerate(splits.images) if a.split in splits_used and targets[row] is not None]
    if not rows:
        raise PupilaError(
            say("No labelled image in the {split} split", split=split or VALIDATION), actual="splits.json",
            expected=say("labelled images to evaluate on"),
            remedy=remedy or say("--split validation, or draw another split: {command}", command=splits.redraw_command),
        )  # fmt: skip
    return rows


def describe_model(predictions: Predictions, on: EvaluationSet) -> ModelReport:
    """A model's name and version, its number of images and groups, and how many of them it was trained on."""
    return ModelReport(
        name=predictions.name, version=predictions.version, n=len(predictions.rows),
        groups=len(set(on.groups.tolist())), seen_in_training=int(predictions.seen_in_training.sum()),
    )  # fmt: skip


def disambiguate_names(models: list[Predictions], sources: Sequence[ModelSource]) -> list[Predictions]:
    """Models that share a name are called by their paths."""
    shared = Counter(model.name for model in models)
    return [
        replace(model, name=source.path) if shared[model.name] > 1 else model
        for model, source in zip(models, sources, strict=True)
    ]


def log_test_access(
    data: Dataset, splits: SplitFile, versions: list[str], sources: Sequence[ModelSource]
) -> int:
    """Record an access to the sealed test split, and count all accesses so far."""
    command = "pupila evaluate " + " ".join(source.path for source in sources)
    restore_test_accesses(data.home, splits.hash)
    record_test_access(data.home, versions, command)
    return len({(access.time, access.command) for access in read_test_accesses(data.home)})
