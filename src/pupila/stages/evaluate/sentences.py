"""The summary of an evaluation in sentences: results first, then warnings."""

from pupila.core.messages import say
from pupila.stages.evaluate.evaluator import Evaluation
from pupila.stages.evaluate.evaluators import REPORT_WRITERS


def sentences(e: Evaluation) -> list[str]:
    """The summary, most important first."""
    writer = REPORT_WRITERS[e["task"]]
    return writer.verdict(e) + _warnings(e) + writer.warnings(e)


def _warnings(e: Evaluation) -> list[str]:
    texts = []
    if e["leaking"]:
        texts.append(say(
            "Data leakage: related images are in different splits, so these figures are optimistically biased."
        ))  # fmt: skip
    if e["test_accesses"] > 1:
        texts.append(say(
            "The test split was evaluated {n} times: selecting on it biases these figures upwards.",
            n=e["test_accesses"],
        ))  # fmt: skip
    if e["validation_based"]:
        texts.append(say(
            "Epochs and thresholds were selected on these images, so the figures are optimistically biased; only the "
            "test split gives an unbiased estimate."
        ))  # fmt: skip
    texts += [
        say(
            "{name} was trained or selected on {seen_in_training} of these {n} images: its figures are "
            "optimistically biased.",
            name=model["name"], seen_in_training=model["seen_in_training"], n=model["n"],
        )
        for model in e["models"] if model["seen_in_training"]
    ]  # fmt: skip
    return texts
