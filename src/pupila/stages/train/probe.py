"""The linear probe on the same features: the second baseline of a network for classes."""

from dataclasses import replace

import numpy as np

from pupila.artifacts.bundle.validation import ProbeComparison
from pupila.artifacts.dataset.manifest import Dataset
from pupila.imaging.images.decode import Array
from pupila.stages.train.recipe import TrainingRecipe, ValidationResult
from pupila.stages.train.schedule import TrainedNetwork
from pupila.statistics.metrics.paired import compare_scores


def add_probe(
    result: ValidationResult, recipe: TrainingRecipe, data: Dataset, trained: TrainedNetwork, groups: Array
) -> ValidationResult:
    """The result with the comparison of network and probe, where there is a probe.

    Args:
        result: of the network.
        recipe: of its task.
        data: the data set.
        trained: with the predictions of both for the same rows.
        groups: of these rows.
    """
    if trained.probe is None or recipe.paired_metric is None or result.summary is None:
        return result
    both = np.concatenate([trained.predictions, trained.probe])
    differ = (trained.predictions != trained.probe).any(axis=1)
    comparison = compare_scores(recipe.paired_metric(data, trained.rows, both), groups, differ)
    if comparison is None:
        return result
    probe = ProbeComparison(metric=recipe.metric(len(data.classes)), **dict(comparison))
    return replace(result, summary=result.summary.model_copy(update={"probe": probe}))
