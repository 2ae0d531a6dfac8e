"""Promptable segmentation: one mask for the region that points or a box prompt for."""

import math
from dataclasses import dataclass

import numpy as np

from pupila.core.errors import PupilaError
from pupila.core.messages import mark, number, percent, say, say_count
from pupila.imaging.images.preprocess import covered_size, min_decode_side, preprocess, resize_plane
from pupila.imaging.masks.drawing import overlay
from pupila.tasks.segment import digest, post_process
from pupila.tasks.task import Array, PredictionSpec, PreprocessedImage, Runs, Task

ENCODER, DECODER = "encoder", "decoder"  # the two parts of a bundle
FOREGROUND, BACKGROUND, TOP_LEFT, BOTTOM_RIGHT, NO_POINT = (
    1,
    0,
    2,
    3,
    -1,
)  # labels of points, as Segment Anything has them
_STABILITY_STEP, _STABLE = 0.05, 0.98  # of logits around 0; IoU of the two masks from which one is stable
_BOX_SLACK = 0.2  # share of a box's sides by which the region may extend beyond it
_MAX_LOGIT = 60.0  # beyond it a probability no longer changes
Point = tuple[float, float]
Box = tuple[float, float, float, float]  # x0, y0, x1, y1


@dataclass(frozen=True, slots=True)
class Prompt:
    """Points and a box, in pixels of the upright image: x to the right and y down from the upper left corner."""

    points: tuple[Point, ...] = ()  # (x, y) of foreground points
    negatives: tuple[Point, ...] = ()  # (x, y) of background points
    box: Box | None = None  # x0, y0, x1, y1 around the whole region

    @property
    def options(self) -> str:
        """As on the command line: "--point 120,80"; empty where it has no points and no box."""
        given = [("--point", each) for each in self.points] + [
            ("--negative", each) for each in self.negatives
        ]
        boxes = [] if self.box is None else [("--box", self.box)]
        return " ".join(f"{name} {_shown(values)}" for name, values in [*given, *boxes])

    @property
    def ambiguous(self) -> bool:
        """Whether it fits an object, its part and a larger object alike: a single point."""
        return self.box is None and len(self.points) + len(self.negatives) == 1


@dataclass(frozen=True, slots=True)
class DecoderOutput:
    """The decoder's output for one prompt."""

    masks: Array  # (4, h, w) float32 logits: the single mask, then three masks for an ambiguous prompt
    predicted_iou: Array  # (4,) float32 predicted IoU of each mask
    prompt: Prompt


@dataclass(frozen=True, slots=True)
class PromptPrediction:
    """The mask for one prompt."""

    mask: Array  # (H, W) uint8 at the size of the upright image: 1 foreground, 0 background
    predicted_iou: float  # the model's own estimate of its IoU, 0..1
    share: float  # foreground share of the pixels with data
    confidence: float  # mean calibrated probability of the predicted class over the decoder's cells
    abstained: bool  # whether the predicted IoU is below the abstention threshold

    def __str__(self) -> str:
        extent = say("{share} of the image", share=percent(self.share))
        return describe_prompted(extent, self.predicted_iou, self.abstained)

    def class_names(self) -> tuple[str, ...]:
        """None: a mask for a prompt has no class."""
        return ()

    def facts(self) -> dict[str, str]:
        """None beyond the extent of the mask."""
        return {}

    def draw(self, rgb: Array) -> Array:
        """The (H, W, 3) uint8 image of the mask's size with the mask drawn over it."""
        return overlay(rgb, self.mask, 2)


def describe_prompted(extent: str, predicted_iou: float, abstained: bool) -> str:
    """The mask for a prompt in words.

    Args:
        extent: how much of the image it covers, in words.
        predicted_iou: 0..1.
        abstained: whether the model abstains.
    """
    values = {"extent": extent, "iou": number(predicted_iou, 2)}
    if abstained:
        return say("{extent}, predicted IoU {iou}, abstained", **values)
    return say("{extent}, predicted IoU {iou}", **values)


def check_prompt_content(prompt: Prompt) -> None:
    """Refuse a prompt that no image can satisfy.

    Raises:
        PupilaError: neither a foreground point nor a box, or a box without an area.
    """
    if not prompt.points and prompt.box is None:
        negatives = say_count(
            "{n} background point only", "{n} background points only", len(prompt.negatives)
        )
        raise PupilaError(
            say("The prompt is incomplete"), actual=negatives if prompt.negatives else say("no point and no box"),
            expected=say("a foreground point, or a box around the region"),
            remedy=say("add {point} or {box}", point="--point X,Y", box="--box X0,Y0,X1,Y1"),
        )  # fmt: skip
    if prompt.box is not None and not (prompt.box[0] < prompt.box[2] and prompt.box[1] < prompt.box[3]):
        raise PupilaError(
            say("The box has no area"), actual=_shown(prompt.box),
            expected=say("x0,y0,x1,y1 with x0 < x1 and y0 < y1"),
        )  # fmt: skip


def check_prompt(prompt: Prompt, height: int, width: int) -> None:
    """Refuse a prompt that does not fit an image of this size.

    Raises:
        PupilaError: neither a foreground point nor a box, a point outside, or a box outside or without an area.
    """
    check_prompt_content(prompt)
    places = [*prompt.points, *prompt.negatives]
    outside = [f"{x:g},{y:g}" for x, y in places if not (0 <= x < width and 0 <= y < height)]
    if outside:
        raise PupilaError(
            say("Points outside the image"), actual=", ".join(outside),
            expected=say("x from 0 to below {width}, y from 0 to below {height}", width=width, height=height),
        )  # fmt: skip
    if prompt.box is not None:
        x0, y0, x1, y1 = prompt.box
        if not (x0 < width and y0 < height and x1 > 0 and y1 > 0):
            raise PupilaError(
                say("The box lies outside the image"), actual=_shown(prompt.box),
                expected=say("a box that overlaps the {width} x {height} image", width=width, height=height),
            )  # fmt: skip


def _shown(box: tuple[float, ...]) -> str:
    return ",".join(f"{value:g}" for value in box)


def prompt_points(prompt: Prompt, kind: str) -> tuple[Array, Array]:
    """The prompt as points: (P, 2) float32 x and y, still in pixels of the image, and (P,) int64 point labels.

    Args:
        prompt: points, then the corners of the box.
        kind: "sam" ends with `NO_POINT` where there is no box, "sam2" always: they were trained so.
    """
    labels = [FOREGROUND] * len(prompt.points) + [BACKGROUND] * len(prompt.negatives)
    places = [*prompt.points, *prompt.negatives]
    if prompt.box is not None:
        labels, places = [*labels, TOP_LEFT, BOTTOM_RIGHT], [*places, prompt.box[:2], prompt.box[2:]]
    if prompt.box is None or kind == "sam2":
        labels, places = [*labels, NO_POINT], [*places, (0.0, 0.0)]
    return np.asarray(places, dtype=np.float32), np.asarray(labels, dtype=np.int64)


def scale_prompt(prompt: Prompt, height: int, width: int, spec: PredictionSpec) -> tuple[Array, Array]:
    """The prompt as the decoder takes it: (P, 2) float32 x and y in pixels of the input, and (P,) int64 labels.

    Args:
        prompt: in pixels of the upright image.
        height: of that image.
        width: of that image.
        spec: of the bundle: its preprocessing and its decoder.
    """
    places, labels = prompt_points(prompt, spec.prompt_format)
    inner_height, inner_width = covered_size(height, width, spec.preprocessing)
    return places * np.array([inner_width / width, inner_height / height], np.float32), labels


def select_mask(raw: DecoderOutput, kind: str) -> int:
    """The index of the mask to use: for an ambiguous prompt the best of three by predicted IoU, else the first.

    SAM 2 uses the best of three also where its first mask is not stable.

    Source: Kirillov et al. 2023, arXiv:2304.02643, section 3; Ravi et al. 2024, arXiv:2408.00714, appendix D.
    """
    first = not raw.prompt.ambiguous
    if first and kind == "sam2":
        inner, outer = (int((raw.masks[0] > level).sum()) for level in (_STABILITY_STEP, -_STABILITY_STEP))
        first = outer == 0 or inner / outer >= _STABLE
    return 0 if first else 1 + int(raw.predicted_iou[1:].argmax())


def mask_probability(logits: Array, prompt: Prompt, image: PreprocessedImage, spec: PredictionSpec) -> Array:
    """(H, W) float32 calibrated foreground probability at the size of the upright image.

    Args:
        logits: (h, w) float32 of the selected mask, as the decoder gave them.
        prompt: background beyond its box.
        image: as it was preprocessed.
        spec: how to read them.
    """
    calibrated = logits / np.float32(spec.temperature)
    return _probability(_suppress_outside_box(_resize_logits(calibrated, image, spec), prompt))


def predict_prompt(raw: DecoderOutput, image: PreprocessedImage, spec: PredictionSpec) -> PromptPrediction:
    """The mask after post-processing."""
    logits, predicted_iou = _selected_logits(raw, spec)
    level = 0.5 if spec.post_processing.threshold is None else spec.post_processing.threshold
    # Logits are compared, and confidence is that of the decoder's cells: a large image has millions of probabilities.
    enlarged = _suppress_outside_box(_resize_logits(logits, image, spec), raw.prompt)
    mask = (enlarged >= np.log(level / (1 - level))).astype(np.uint8)
    mask = post_process(mask, spec.post_processing, spec.preprocessing)
    pixels = mask.size
    if image.valid is not None:
        mask, pixels = mask * image.valid, max(1, int(image.valid.sum()))
    height, width = _covered_cells(logits, image, spec)
    cells = _probability(logits[: max(1, round(height)), : max(1, round(width))])
    confidence = float(np.where(cells >= level, cells, 1 - cells).mean())
    return PromptPrediction(
        mask,
        predicted_iou,
        int(mask.sum()) / pixels,
        confidence,
        predicted_iou < spec.post_processing.abstain_below,
    )


def _selected_logits(raw: DecoderOutput, spec: PredictionSpec) -> tuple[Array, float]:
    """(h, w) calibrated logits of the selected mask, and its predicted IoU."""
    number = select_mask(raw, spec.prompt_format)
    return raw.masks[number] / np.float32(spec.temperature), float(np.clip(raw.predicted_iou[number], 0, 1))


def _covered_cells(logits: Array, image: PreprocessedImage, spec: PredictionSpec) -> tuple[float, float]:
    """Height and width, in cells, that the image covers from the upper left corner."""
    preprocessing = spec.preprocessing
    height, width = covered_size(image.height, image.width, preprocessing)
    return logits.shape[0] * height / preprocessing.height, logits.shape[1] * width / preprocessing.width


def _resize_logits(logits: Array, image: PreprocessedImage, spec: PredictionSpec) -> Array:
    """(H, W) float32 logits at the size of the upright image."""
    bottom, right = _covered_cells(logits, image, spec)
    return resize_plane(logits, image.height, image.width, (0.0, 0.0, right, bottom))


def _suppress_outside_box(logits: Array, prompt: Prompt) -> Array:
    """(H, W) logits, background beyond the prompt's box; a margin allows for a loosely drawn box."""
    if prompt.box is None:
        return logits
    x0, y0, x1, y1 = prompt.box
    across, down = _BOX_SLACK * (x1 - x0), _BOX_SLACK * (y1 - y0)
    inside = np.full_like(logits, -_MAX_LOGIT)
    place = (
        slice(max(0, math.floor(y0 - down)), max(0, math.ceil(y1 + down))),
        slice(max(0, math.floor(x0 - across)), max(0, math.ceil(x1 + across))),
    )
    inside[place] = logits[place]
    return inside


def _probability(logits: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -_MAX_LOGIT, _MAX_LOGIT))))


def centre_prompt(height: int, width: int) -> tuple[Array, Array]:
    """(1, 1, 3, 2) points and (1, 1, 3) labels: the centre of an input of this size, and a box around it."""
    places = np.array([[0.5, 0.5], [0.25, 0.25], [0.75, 0.75]]) * [width, height]
    return places.astype(np.float32)[None, None], np.array([[[FOREGROUND, TOP_LEFT, BOTTOM_RIGHT]]], np.int64)


def _trial(runs: Runs, inputs: Array) -> Array:
    """(8, h, w): the masks for a prompt at the centre of a test image, and their predicted IoUs as planes."""
    masks, predicted_ious = runs[DECODER](
        *runs[ENCODER](inputs), *centre_prompt(inputs.shape[2], inputs.shape[3])
    )
    planes = np.broadcast_to(predicted_ious[0, 0][:, None, None], masks.shape[2:])
    return np.concatenate([masks[0, 0], planes])


PROMPT = Task(
    name="prompt",
    title=mark("promptable segmentation"),
    target="mask",
    min_decode_side=min_decode_side,
    inputs=lambda rgb, spec: preprocess(rgb, spec)[None],
    predict=predict_prompt,
    digest=digest,
    roles=(ENCODER, DECODER),
    golden=1,  # a large encoder takes seconds for each, whenever a bundle is loaded
    trial=_trial,
    predicts_masks=True,
    takes_prompts=True,
    activation="sigmoid",
)
