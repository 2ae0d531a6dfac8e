"""Prompted segmentation: one mask for what a person points at, with points and a box."""

import math
from dataclasses import dataclass

import numpy as np

from pupila.core.errors import PupilaError
from pupila.core.messages import say, say_count
from pupila.imaging.images.prepare import covered, prepare, resampled, side_to_decode
from pupila.tasks.segment import digest, refined
from pupila.tasks.task import Array, Prepared, Runs, Task, Told

ENCODER, DECODER = "encoder", "decoder"  # the two parts of a bundle
HERE, NOT_HERE, FIRST_CORNER, LAST_CORNER, NO_POINT = (
    1,
    0,
    2,
    3,
    -1,
)  # labels of points, as Segment Anything has them
_STABILITY_STEP, _STABLE = 0.05, 0.98  # of logits around 0; IoU of the two masks from which one is stable
_ASKEW = 0.2  # of a box's sides, by which something may reach beyond it
_SURE = 60.0  # a logit beyond which nothing changes
Point = tuple[float, float]
Box = tuple[float, float, float, float]  # x0, y0, x1, y1


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is meant, in pixels of the upright image, x to the right and y down from the upper left corner."""

    points: tuple[Point, ...] = ()  # (x, y) that belong to it
    negatives: tuple[Point, ...] = ()  # (x, y) that do not
    box: Box | None = None  # x0, y0, x1, y1: all of it lies in here

    @property
    def ambiguous(self) -> bool:
        """Whether it may mean a thing, a part of it or more than it: a single point."""
        return self.box is None and len(self.points) + len(self.negatives) == 1


@dataclass(frozen=True, slots=True)
class Raw:
    """What the decoder says to one prompt."""

    masks: Array  # (4, h, w) float32 logits: of the one mask, then of three for an ambiguous prompt
    quality: Array  # (4,) float32 IoU that it expects of each
    prompt: Prompt


@dataclass(frozen=True, slots=True)
class PromptAnswer:
    """The mask of what is meant."""

    mask: Array  # (H, W) uint8 at the size of the upright image: 1 where it is, else 0
    quality: float  # IoU with the truth that the model expects, 0..1
    share: float  # of the pixels that have data
    confidence: (
        float  # mean over the decoder's cells of the calibrated probability of what they were answered
    )
    abstained: bool  # whether the expected IoU is too low for the answer to count


def check_given(prompt: Prompt) -> None:
    """Refuse a prompt that means nothing in any image.

    Raises:
        PupilaError: nothing to go by, or a box without an area.
    """
    if not prompt.points and prompt.box is None:
        told = say_count("one point that does not belong to it", "{n} points that do not belong to it",
                         len(prompt.negatives))  # fmt: skip
        raise PupilaError(
            say("No prompt"), found=told if prompt.negatives else say("nothing"),
            wanted=say("a point that belongs to what is meant, or a box around it"),
            remedy="--point X,Y, --box X0,Y0,X1,Y1",
        )  # fmt: skip
    if prompt.box is not None and not (prompt.box[0] < prompt.box[2] and prompt.box[1] < prompt.box[3]):
        raise PupilaError(
            say("The box holds nothing"), found=_shown(prompt.box),
            wanted=say("x0,y0,x1,y1 with x0 < x1 and y0 < y1"),
        )  # fmt: skip


def check_prompt(prompt: Prompt, height: int, width: int) -> None:
    """Refuse a prompt that means nothing in an image of this size.

    Raises:
        PupilaError: nothing to go by, a point outside, or a box without an area or outside.
    """
    check_given(prompt)
    places = [*prompt.points, *prompt.negatives]
    odd = [f"{x:g},{y:g}" for x, y in places if not (0 <= x < width and 0 <= y < height)]
    if odd:
        raise PupilaError(
            say("A point lies outside the image"), found=", ".join(odd),
            wanted=say("x from 0 to below {width}, y from 0 to below {height}", width=width, height=height),
        )  # fmt: skip
    if prompt.box is not None:
        x0, y0, x1, y1 = prompt.box
        if not (x0 < width and y0 < height and x1 > 0 and y1 > 0):
            raise PupilaError(
                say("The box holds nothing of the image"), found=_shown(prompt.box),
                wanted=say("a box in an image of {width} x {height} pixels", width=width, height=height),
            )  # fmt: skip


def _shown(box: tuple[float, ...]) -> str:
    return ",".join(f"{value:g}" for value in box)


def tokens(prompt: Prompt, kind: str) -> tuple[Array, Array]:
    """The prompt as a decoder counts it: (P, 2) float32 x and y, still in the prompt's pixels, and (P,) int64 labels.

    Args:
        prompt: points, then the corners of a box.
        kind: "sam" ends with `NO_POINT` where there is no box, "sam2" always, as they were trained.
    """
    labels = [HERE] * len(prompt.points) + [NOT_HERE] * len(prompt.negatives)
    places = [*prompt.points, *prompt.negatives]
    if prompt.box is not None:
        labels, places = [*labels, FIRST_CORNER, LAST_CORNER], [*places, prompt.box[:2], prompt.box[2:]]
    if prompt.box is None or kind == "sam2":
        labels, places = [*labels, NO_POINT], [*places, (0.0, 0.0)]
    return np.asarray(places, dtype=np.float32), np.asarray(labels, dtype=np.int64)


def placed_prompt(prompt: Prompt, height: int, width: int, told: Told) -> tuple[Array, Array]:
    """The prompt as the decoder takes it: (P, 2) float32 x and y in pixels of the input, and (P,) int64 labels.

    Args:
        prompt: in pixels of the upright image.
        height: of that image.
        width: of that image.
        told: how it was prepared, and which kind of decoder it is for.
    """
    places, labels = tokens(prompt, told.prompts)
    inner_height, inner_width = covered(height, width, told.preparation)
    return places * np.array([inner_width / width, inner_height / height], np.float32), labels


def number_of(raw: Raw, kind: str) -> int:
    """Which of the four masks counts: of an ambiguous prompt the one of three that is expected best, else the first.

    SAM 2 takes the best of three also where its first mask is not stable.

    Source: Kirillov et al. 2023, arXiv:2304.02643, section 3; Ravi et al. 2024, arXiv:2408.00714, appendix D.
    """
    first = not raw.prompt.ambiguous
    if first and kind == "sam2":
        inner, outer = (int((raw.masks[0] > level).sum()) for level in (_STABILITY_STEP, -_STABILITY_STEP))
        first = outer == 0 or inner / outer >= _STABLE
    return 0 if first else 1 + int(raw.quality[1:].argmax())


def probability_of(raw: Raw, image: Prepared, told: Told) -> tuple[Array, float]:
    """(H, W) float32 calibrated probability of belonging to it, and the IoU that the model expects."""
    logits, quality = _counted(raw, told)
    return _probability(_boxed(_enlarged(logits, image, told), raw.prompt)), quality


def prompt_answer(raw: Raw, image: Prepared, told: Told) -> PromptAnswer:
    """The mask, after the post-processing that was decided."""
    logits, quality = _counted(raw, told)
    level = 0.5 if told.decision.threshold is None else told.decision.threshold
    # Logits are compared, and confidence is that of the decoder's cells: a large image has millions of probabilities.
    enlarged = _boxed(_enlarged(logits, image, told), raw.prompt)
    mask = (enlarged >= np.log(level / (1 - level))).astype(np.uint8)
    mask = refined(mask, told.decision, told.preparation)
    pixels = mask.size
    if image.valid is not None:
        mask, pixels = mask * image.valid, max(1, int(image.valid.sum()))
    height, width = _part(logits, image, told)
    cells = _probability(logits[: max(1, round(height)), : max(1, round(width))])
    sure = float(np.where(cells >= level, cells, 1 - cells).mean())
    return PromptAnswer(mask, quality, int(mask.sum()) / pixels, sure, quality < told.decision.abstain_below)


def _counted(raw: Raw, told: Told) -> tuple[Array, float]:
    """(h, w) calibrated logits of the mask that counts, and its expected IoU."""
    number = number_of(raw, told.prompts)
    return raw.masks[number] / np.float32(told.temperature), float(np.clip(raw.quality[number], 0, 1))


def _part(logits: Array, image: Prepared, told: Told) -> tuple[float, float]:
    """Height and width, in cells, that the image covers from the upper left corner."""
    spec = told.preparation
    height, width = covered(image.height, image.width, spec)
    return logits.shape[0] * height / spec.height, logits.shape[1] * width / spec.width


def _enlarged(logits: Array, image: Prepared, told: Told) -> Array:
    """(H, W) float32 logits at the size of the upright image."""
    bottom, right = _part(logits, image, told)
    return resampled(logits, image.height, image.width, (0.0, 0.0, right, bottom))


def _boxed(logits: Array, prompt: Prompt) -> Array:
    """(H, W) logits that say no far beyond the prompt's box, which holds all of it and may be drawn askew."""
    if prompt.box is None:
        return logits
    x0, y0, x1, y1 = prompt.box
    across, down = _ASKEW * (x1 - x0), _ASKEW * (y1 - y0)
    inside = np.full_like(logits, -_SURE)
    place = (
        slice(max(0, math.floor(y0 - down)), max(0, math.ceil(y1 + down))),
        slice(max(0, math.floor(x0 - across)), max(0, math.ceil(x1 + across))),
    )
    inside[place] = logits[place]
    return inside


def _probability(logits: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -_SURE, _SURE))))


def middle_prompt(height: int, width: int) -> tuple[Array, Array]:
    """(1, 1, 3, 2) points and (1, 1, 3) labels: one in the middle of an input of this size, and a box around it."""
    places = np.array([[0.5, 0.5], [0.25, 0.25], [0.75, 0.75]]) * [width, height]
    return places.astype(np.float32)[None, None], np.array([[[HERE, FIRST_CORNER, LAST_CORNER]]], np.int64)


def _trial(runs: Runs, inputs: Array) -> Array:
    """(8, h, w): the masks to a prompt in the middle of a golden picture, and their expected IoUs as planes."""
    masks, quality = runs[DECODER](*runs[ENCODER](inputs), *middle_prompt(inputs.shape[2], inputs.shape[3]))
    planes = np.broadcast_to(quality[0, 0][:, None, None], masks.shape[2:])
    return np.concatenate([masks[0, 0], planes])


PROMPT = Task(
    name="prompt",
    target="mask",
    at_least=side_to_decode,
    inputs=lambda rgb, spec: prepare(rgb, spec)[None],
    answer=prompt_answer,
    digest=digest,
    roles=(ENCODER, DECODER),
    golden=1,  # a large encoder takes seconds for each, whenever a bundle is loaded
    trial=_trial,
)
