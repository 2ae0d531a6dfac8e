"""Answering: from bytes to an answer, one image or any number of them in flat memory."""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from pupila import files
from pupila.bundle.folder import MODEL_FILE, Bundle, check_golden
from pupila.bundle.session import Session
from pupila.images import Array, ImageFault, ImageLimits, load

BATCH = 16  # images that the model answers at once


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
        threads: that one run of the model uses; None: one per core.
        limits: what images to refuse.

    Raises:
        PupilaError: a golden answer is off.
    """

    def __init__(self, bundle: Bundle, threads: int | None = None, limits: ImageLimits | None = None) -> None:
        self.bundle, self.info, self.limits = bundle, bundle.info, limits or ImageLimits()
        self.session = Session(bundle.read(MODEL_FILE), threads)
        check_golden(bundle, self.session)

    def prepare(self, data: bytes) -> Array:
        """The bytes of an image as (3, H, W) float32.

        Raises:
            ImageFault: no usable image.
        """
        return load(data, self.info.preparation, self.limits)

    def logits(self, pixels: Array) -> Array:
        """(N, 3, H, W) float32 to (N, C) float32."""
        return self.session.run(pixels)[0]

    def answers(self, logits: Array) -> list[Answer]:
        """What (N, C) logits say."""
        names, decision = self.info.classes, self.info.decision
        probabilities = softmax(logits / self.info.temperature)
        best = probabilities.argmax(axis=1)
        if decision.positive is not None and decision.threshold is not None:
            positive = names.index(decision.positive)
            best = np.where(probabilities[:, positive] >= decision.threshold, positive, 1 - positive)
        return [
            Answer(
                names[top], float(row[top]), dict(zip(names, row.tolist(), strict=True)),
                bool(row.max() < decision.abstain_below), given,
            )
            for top, row, given in zip(best.tolist(), probabilities, logits, strict=True)
        ]  # fmt: skip

    def stream(self, uris: Iterable[str]) -> Iterator[tuple[str, Answer | ImageFault]]:
        """Answers in the order of the addresses, each with its answer or with why there is none.

        Images are read and decoded in threads while the model runs; a few batches are in memory, however many
        images there are.
        """
        left = iter(uris)
        waiting: deque[list[tuple[str, Future[Array]]]] = deque()
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for _ in range(3):
                waiting.append(self._submit(pool, left))
            while batch := waiting.popleft():
                waiting.append(self._submit(pool, left))
                yield from self._answered(batch)

    def _submit(self, pool: ThreadPoolExecutor, left: Iterator[str]) -> list[tuple[str, Future[Array]]]:
        batch = []
        for uri in left:
            batch.append((uri, pool.submit(self._read, uri)))
            if len(batch) == BATCH:
                break
        return batch

    def _read(self, uri: str) -> Array:
        try:
            return self.prepare(files.read_bytes(uri))
        except OSError as fault:
            raise ImageFault("unreadable", fault.strerror or str(fault)) from fault

    def _answered(self, batch: list[tuple[str, Future[Array]]]) -> Iterator[tuple[str, Answer | ImageFault]]:
        faults = {
            place: fault
            for place, (_, f) in enumerate(batch)
            if isinstance(fault := f.exception(), ImageFault)
        }
        good = [future.result() for place, (_, future) in enumerate(batch) if place not in faults]
        answers = iter(self.answers(self.logits(np.stack(good))) if good else [])
        for place, (uri, _) in enumerate(batch):
            yield uri, faults[place] if place in faults else next(answers)


def softmax(logits: Array) -> Array:
    """(N, C) probabilities."""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
