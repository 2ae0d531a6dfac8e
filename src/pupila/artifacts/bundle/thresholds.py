"""The decision thresholds of a bundle in sentences, for its card and for the page of its run."""

from pupila.artifacts.bundle.schema import BundleInfo
from pupila.core.messages import listing, number, say
from pupila.statistics.metrics.titles import objective_title
from pupila.tasks.tuning.multilabel import MIN_POSITIVES

_MOST = 20  # classes that a sentence names


def describe_thresholds(info: BundleInfo) -> list[str]:
    """Which thresholds were tuned on validation and for what; nothing where none was."""
    post_processing = info.post_processing
    if not post_processing.objective:
        return []
    objective = objective_title(post_processing.objective)
    if post_processing.thresholds:
        return _describe_labels(info, objective)
    if post_processing.threshold is None:
        return [say(
            "No threshold reaches {objective} on validation, so the class with the higher probability is predicted.",
            objective=objective,
        )]  # fmt: skip
    return [say(
        "Decision threshold {threshold} for class '{name}', tuned on validation for {objective}.",
        name=post_processing.positive, threshold=number(post_processing.threshold, 2), objective=objective,
    )]  # fmt: skip


def _describe_labels(info: BundleInfo, objective: str) -> list[str]:
    """The classes with a threshold of their own, then those that share one, and why."""
    of_class = dict(zip(info.classes, info.post_processing.thresholds, strict=True))
    shared = info.post_processing.shared_threshold
    own = [f"{name} {number(value, 2)}" for name, value in of_class.items() if name not in shared]
    sentences = []
    if own:
        sentences.append(say(
            "Decision thresholds, tuned on validation for {objective} of each class: {thresholds}.",
            objective=objective, thresholds=listing(own, _MOST),
        ))  # fmt: skip
    if shared:
        sentences.append(say(
            "Shared decision threshold {threshold} for {names}: fewer than {least} positive validation images are too "
            "few for a threshold of their own.",
            threshold=number(of_class[shared[0]], 2), names=listing(list(shared), _MOST), least=MIN_POSITIVES,
        ))  # fmt: skip
    return sentences
