"""The summary of an evaluation in sentences: results first, then warnings."""

from pupila.artifacts.bundle.probe import describe_probe
from pupila.artifacts.report.evaluation.report import EvaluationReport
from pupila.core.messages import say, say_count
from pupila.core.vocabulary import REDRAW
from pupila.stages.evaluate.evaluator import OUT_OF_FOLD
from pupila.stages.evaluate.evaluators import EVALUATORS
from pupila.stages.evaluate.slices.page import sentences as slice_sentences
from pupila.stages.evaluate.stress.sentences import stress_sentences


def sentences(e: EvaluationReport) -> list[str]:
    """The summary, most important first."""
    writer = EVALUATORS[e.task]
    verdict = writer.verdict(e) + describe_probe(e.probe) + slice_sentences(e.slices) + stress_sentences(e)
    return verdict + _warnings(e) + writer.warnings(e)


def describe_split(e: EvaluationReport, requested: bool) -> str:
    """Which images the models were evaluated on, and why.

    Args:
        e: the evaluation.
        requested: whether the user named the split.
    """
    if requested:
        return say("Evaluated on {split}, the split that was requested.", split=e.split)
    if e.split == OUT_OF_FOLD:
        return say(
            "Evaluated on all folds: a run with folds is compared on its out-of-fold predictions. Use --split test for "
            "the sealed test split, if there is one."
        )  # fmt: skip
    if e.validation_based:
        return say(
            "Evaluated on {split}: a run is compared on its validation predictions. Use --split test for the sealed "
            "test split.", split=e.split,
        )  # fmt: skip
    return say(
        "Evaluated on the sealed test split: the default for bundles, tables of predictions and promptable models."
    )


def _warnings(e: EvaluationReport) -> list[str]:
    texts = []
    if e.leaking:
        texts.append(say(
            "Data leakage: related images are in different splits, so these figures are optimistically biased. "
            "Draw another split (with the same --by and --folds, if any), train again and evaluate: {command}",
            command=REDRAW,
        ))  # fmt: skip
    if e.test_accesses > 1:
        texts.append(say(
            "The test split has been evaluated {n} times. If a model or setting was chosen by its results, these "
            "figures are biased upwards.", n=e.test_accesses,
        ))  # fmt: skip
    if e.validation_based:
        texts.append(say(
            "Epochs, thresholds, settings and temperatures can depend on these images, which biases the figures "
            "optimistically; only the test split gives an unbiased estimate."
        ))  # fmt: skip
    texts += [
        say_count(
            "{name} was trained or selected on this image: its figures are optimistically biased.",
            "{name} was trained or selected on {seen_in_training} of these {n} images: its figures are "
            "optimistically biased.",
            model.n, name=model.name, seen_in_training=model.seen_in_training,
        )
        for model in e.models if model.seen_in_training
    ]  # fmt: skip
    return texts
