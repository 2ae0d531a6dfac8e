"""Answering: from bytes to an answer, one image or any number of them in flat memory."""

from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import chain, islice
from typing import Any

import numpy as np

from pupila.artifacts.bundle.folder import MODEL_FILE, Bundle, check_golden, prepared
from pupila.artifacts.bundle.session import Session
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.threads import ahead, readers
from pupila.imaging.images.decode import Array, ImageFault, ImageLimits
from pupila.tasks import TASKS
from pupila.tasks.task import Prepared

BATCH = 4  # images of a stream that one core answers at once
Answered = Any  # what the task's `answer` gives: classify.Answer, segment.MaskAnswer


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
        self.task = TASKS[self.info.task]
        if MODEL_FILE not in self.info.files:
            raise PupilaError(
                say("This bundle answers to prompts"), found=bundle.folder,
                wanted=say("a bundle that answers an image alone"), remedy="pupila predict BUNDLE IMAGE --point X,Y",
            )  # fmt: skip
        self.session = Session(bundle.read(MODEL_FILE), threads=1)  # each caller's thread runs it on a core
        check_golden(bundle, {"model": self.session.run})

    def prepare(self, data: bytes) -> Prepared:
        """The bytes of an image as the model's inputs.

        Raises:
            ImageFault: no usable image.
        """
        return prepared(data, self.task, self.info.preparation, self.limits)

    @cached_property
    def on_all_cores(self) -> Session:
        """The same model, of which one run has all cores."""
        return Session(self.bundle.read(MODEL_FILE))

    def logits(self, pixels: Array, alone: bool = False) -> Array:
        """(N, 3, H, W) float32 to (N, C), of masks (N, C, H, W), float32.

        The tiles of a picture run one by one: measured, a batch of them only takes more memory.

        Args:
            pixels: as `prepare` gives them, stacked.
            alone: nothing else is to be answered, so that the run may have all cores.
        """
        session = self.on_all_cores if alone else self.session
        step = 1 if self.info.preparation.view == "tile" else len(pixels)
        return np.concatenate([session.run(pixels[at : at + step])[0] for at in range(0, len(pixels), step)])

    def embedding(self, image: Prepared) -> Array:
        """(E,) float32: what the model makes of a picture before it answers; the mean over its inputs and places.

        Raises:
            PupilaError: the bundle's model tells no embedding.
        """
        if "embedding" not in self.session.outputs:
            raise PupilaError(
                say("This bundle tells no embedding"), found=", ".join(self.session.outputs), wanted="embedding",
                remedy="pupila train DATA",
            )  # fmt: skip
        told = self.session.run(image.inputs)[self.session.outputs.index("embedding")]
        return np.asarray(told.mean(axis=(0, *range(2, told.ndim))))

    def answer(self, logits: Array, image: Prepared) -> Answered:
        """What the logits of the image's K inputs say."""
        return self.task.answer(logits, image, self.info)

    def answers(self, images: list[Prepared], alone: bool = False) -> list[Answered]:
        """The answers to prepared images, whose inputs make one batch.

        Args:
            images: as `prepare` gives them.
            alone: nothing else is to be answered, so that the run may have all cores.
        """
        inputs = [image.inputs for image in images]
        logits = self.logits(np.concatenate(inputs) if len(inputs) > 1 else inputs[0], alone)
        ends = np.cumsum([len(image.inputs) for image in images])[:-1]
        return [self.answer(own, image) for own, image in zip(np.split(logits, ends), images, strict=True)]

    def stream(self, uris: Iterable[str]) -> Iterator[tuple[str, Answered | ImageFault]]:
        """Answers in the order of the addresses, each with its answer or with why there is none.

        Every core reads, decodes and answers batches of its own; a few are in memory, however many images there
        are.
        """
        left, size = iter(uris), 1 if self.info.preparation.view == "tile" else BATCH
        first = list(islice(left, size))
        batches = chain([first], iter(lambda: list(islice(left, size)), []))
        for answered in ahead(batches, self._answered, readers(first[0]) if first else 0):
            yield from answered

    def _answered(self, uris: list[str]) -> list[tuple[str, Answered | ImageFault]]:
        images, faults = [], {}
        for place, uri in enumerate(uris):
            try:
                images.append(self.prepare(files.read_bytes(uri)))
            except ImageFault as fault:
                faults[place] = fault
            except OSError as fault:
                faults[place] = ImageFault("unreadable", fault.strerror or str(fault))
        answers = iter(self.answers(images) if images else [])
        return [(uri, faults[place] if place in faults else next(answers)) for place, uri in enumerate(uris)]
