"""Answering: from bytes to an answer, one image or any number of them in flat memory."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np

from pupila import files
from pupila.bundle.folder import MODEL_FILE, Bundle, check_golden
from pupila.bundle.schema import Decision
from pupila.bundle.session import Session
from pupila.images.decode import Array, ImageFault, ImageLimits
from pupila.images.prepare import load
from pupila.threads import ahead

BATCH = 4  # images of a stream that one core answers at once


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model says of one image."""

    prediction: str
    confidence: float  # calibrated probability of the prediction
    probabilities: dict[str, float]  # calibrated, of every class
    abstained: bool  # whether the model is too unsure for its answer to count
    logits: Array  # (C,) float32, as the model gave them


class Predictor:
    """A bundle, ready to answer.

    Args:
        bundle: as `read_bundle` gives it.
        limits: what images to refuse.

    Raises:
        PupilaError: a golden answer is off.
    """

    def __init__(self, bundle: Bundle, limits: ImageLimits | None = None) -> None:
        self.bundle, self.info, self.limits = bundle, bundle.info, limits or ImageLimits()
        self.session = Session(bundle.read(MODEL_FILE), threads=1)  # each caller's thread runs it on a core
        check_golden(bundle, self.session)

    def prepare(self, data: bytes) -> Array:
        """The bytes of an image as (3, H, W) float32.

        Raises:
            ImageFault: no usable image.
        """
        return load(data, self.info.preparation, self.limits)

    @cached_property
    def on_all_cores(self) -> Session:
        """The same model, of which one run has all cores."""
        return Session(self.bundle.read(MODEL_FILE))

    def logits(self, pixels: Array, alone: bool = False) -> Array:
        """(N, 3, H, W) float32 to (N, C) float32.

        Args:
            pixels: as `prepare` gives them, stacked.
            alone: nothing else is to be answered, so that the run may have all cores.
        """
        return (self.on_all_cores if alone else self.session).run(pixels)[0]

    def answers(self, logits: Array) -> list[Answer]:
        """What (N, C) logits say."""
        names, decision = self.info.classes, self.info.decision
        probabilities = softmax(logits / self.info.temperature)
        best = chosen(probabilities, names, decision)
        return [
            Answer(
                names[top], float(row[top]), dict(zip(names, row.tolist(), strict=True)),
                bool(row.max() < decision.abstain_below), given,
            )
            for top, row, given in zip(best.tolist(), probabilities, logits, strict=True)
        ]  # fmt: skip

    def stream(self, uris: Iterable[str]) -> Iterator[tuple[str, Answer | ImageFault]]:
        """Answers in the order of the addresses, each with its answer or with why there is none.

        Every core reads, decodes and answers batches of its own; a few are in memory, however many images there
        are.
        """
        left = iter(uris)
        batches = iter(lambda: list(islice(left, BATCH)), [])
        for answered in ahead(batches, self._answered):
            yield from answered

    def _answered(self, uris: list[str]) -> list[tuple[str, Answer | ImageFault]]:
        pixels, faults = [], {}
        for place, uri in enumerate(uris):
            try:
                pixels.append(self.prepare(files.read_bytes(uri)))
            except ImageFault as fault:
                faults[place] = fault
            except OSError as fault:
                faults[place] = ImageFault("unreadable", fault.strerror or str(fault))
        answers = iter(self.answers(self.logits(np.stack(pixels))) if pixels else [])
        return [(uri, faults[place] if place in faults else next(answers)) for place, uri in enumerate(uris)]


def chosen(probabilities: Array, classes: list[str], decision: Decision) -> Array:
    """(N,) class numbers that (N, C) calibrated probabilities become."""
    if decision.positive is None or decision.threshold is None:
        return np.asarray(probabilities.argmax(axis=1))
    positive = classes.index(decision.positive)
    return np.where(probabilities[:, positive] >= decision.threshold, positive, 1 - positive)


def softmax(logits: Array) -> Array:
    """(N, C) probabilities."""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
