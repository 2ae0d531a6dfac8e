"""The answers of models to the prompts: counted thing by thing, and never all in memory."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from pupila.artifacts.bundle.folder import read_bundle
from pupila.artifacts.bundle.prompter import Prompter
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.prompt_targets import Thing, things_of
from pupila.core import files
from pupila.core.messages import say
from pupila.core.progress import progress
from pupila.core.threads import ahead
from pupila.imaging.images.decode import Array, ImageFault
from pupila.stages.evaluate.predictions import Answers, answers_by, answers_of, answers_prompts, unreadable
from pupila.stages.evaluate.prompt.units import FURTHER
from pupila.stages.evaluate.segment.predictions import MaskReader, Masks
from pupila.statistics.metrics.boundary import boundary_counts
from pupila.statistics.metrics.overlap import FIGURES, Overlaps
from pupila.statistics.metrics.segment import counts, iou
from pupila.tasks.prompt import Prompt
from pupila.tasks.prompt_strategies import WAYS, Way

Answerer = Callable[
    [Thing, Prompt], tuple[Array, float]
]  # (H, W) uint8, 1 where it is; the IoU that is expected
UNTOLD = float("nan")  # the expected IoU of what expects none


@dataclass(frozen=True)
class PromptAnswers(Answers):
    """What is kept of the answers for U things, asked for in W ways; `on` is not for them."""

    regions: Array  # (U, W, 2, 2), see `metrics.segment.counts`
    boundaries: Array  # (U, W, 2, 3), see `metrics.boundary.boundary_counts`
    quality: Array  # (U, W) IoU that the model expected; NaN of what needs no prompt
    further: Array  # (U, F) IoU of the further ways; F is 0 of what needs no prompt
    opened: Callable[[int], Answerer]  # a row, to answer again what is shown

    def overlaps(self, way: Way) -> Overlaps:
        """The counts of one way."""
        place = WAYS.index(way)
        return Overlaps(self.regions[:, place], self.boundaries[:, place])

    def scores(self, way: Way) -> Array:
        """(U,) IoU of one way."""
        return np.asarray(self.overlaps(way).scores[0][:, FIGURES.index("IoU")])


@dataclass(frozen=True, slots=True)
class _Tried:
    """The answers for one thing."""

    regions: Array  # (W, 2, 2)
    boundaries: Array  # (W, 2, 3)
    quality: list[float]  # W of them
    further: list[float]  # F of them


def prompt_answers(path: str, data: Dataset, rows: list[int]) -> PromptAnswers:
    """The answers of a promptable model, or of one that answers the whole mask without a prompt.

    Raises:
        PupilaError: neither of them; a mask's other classes; images that are not answered.
    """
    if not answers_prompts(path):
        told = answers_of(path, data, rows, MaskReader(_of_masks))
        assert isinstance(told, PromptAnswers)  # `_of_masks` made it
        return told
    prompter = Prompter(read_bundle(path), threads=1)  # each core has an image of its own

    def opened(row: int) -> Answerer:
        uri = data.path(row)
        try:
            image = prompter.encode(prompter.prepare(files.read_bytes(uri)))
        except (ImageFault, OSError) as fault:
            raise unreadable(uri, fault) from fault

        def answer(thing: Thing, prompt: Prompt) -> tuple[Array, float]:
            told = prompter.answer(image, prompt)
            return told.mask, told.quality

        return answer

    return answered(answers_by(path, prompter.bundle, data, rows), data, opened, FURTHER)


def answered(
    whose: Answers, data: Dataset, opened: Callable[[int], Answerer], further: tuple[Way, ...] = ()
) -> PromptAnswers:
    """What is kept of the answers of a model: an image is opened once for all that is asked of it."""

    def tried(row: int) -> list[_Tried]:
        there = list(things_of(data, row))
        answer = opened(row) if there else None
        return [_tried(thing, answer, further) for thing in there] if answer else []

    with progress(say("{name}: answering prompts", name=whose.name), len(whose.rows)) as advance:
        found = []
        for told in ahead(whose.rows, tried):
            found += told
            advance(1)
    return _kept(whose, found, opened)


def _of_masks(whose: Answers, masks: Masks, data: Dataset) -> PromptAnswers:
    """Of masks that were answered without a prompt: a class's pixels are the answer to every prompt for it."""

    def said(mask: Array) -> Answerer:
        return lambda thing, prompt: ((mask == thing.number).astype(np.uint8), UNTOLD)

    def tried(item: tuple[int, Array]) -> list[_Tried]:
        answer = said(item[1])
        return [_tried(thing, answer, ()) for thing in things_of(data, item[0])]

    found = [one for told in ahead(zip(whose.rows, masks(whose.rows), strict=True), tried) for one in told]
    return _kept(whose, found, lambda row: said(next(iter(masks([row])))))


def _tried(thing: Thing, answer: Answerer, further: tuple[Way, ...]) -> _Tried:
    truth = thing.truth
    told = {way: answer(thing, thing.prompt(way)) for way in WAYS}
    answers = list(told.values())
    others = (told[way][0] if way in told else answer(thing, thing.prompt(way))[0] for way in further)
    return _Tried(
        np.stack([counts(truth, mask, 2) for mask, _ in answers]),
        np.stack([boundary_counts(truth, mask, 2) for mask, _ in answers]),
        [quality for _, quality in answers],
        [float(iou(counts(truth, mask, 2))[1]) for mask in others],
    )


def _kept(whose: Answers, found: Iterable[_Tried], opened: Callable[[int], Answerer]) -> PromptAnswers:
    found = list(found)
    return PromptAnswers(
        **vars(whose),
        regions=np.stack([one.regions for one in found]),
        boundaries=np.stack([one.boundaries for one in found]),
        quality=np.array([one.quality for one in found]),
        further=np.array([one.further for one in found]),
        opened=opened,
    )
