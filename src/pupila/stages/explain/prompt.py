"""Explain the mask of a prompt: RISE with the prompt fixed, and how the mask changes as the click moves."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import numpy as np

from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.bundle.prompter import EncodedImage, Prompter
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.imaging.images.decode import Array, ImageFault
from pupila.imaging.images.heat import find_edges
from pupila.imaging.images.preprocess import covered_size
from pupila.imaging.masks.drawing import draw_prompt
from pupila.stages.explain.clicks import measure_clicks
from pupila.stages.explain.explanation import (
    Explanation,
    HeatMap,
    ImagesToExplain,
    make_view,
    preprocess_images,
)
from pupila.stages.explain.faithfulness import check_faithfulness
from pupila.stages.explain.perturb import rise
from pupila.stages.explain.settings import ExplainSettings
from pupila.tasks.prompt import Prompt, mask_probability, predict_prompt, select_mask
from pupila.tasks.task import PreprocessedImage

_OUTLINE = (255, 215, 0)


class PromptedImage:
    """An image and its prompt, both in pixels of what the model sees of the image: without the padding.

    Args:
        prompter: the model.
        image: preprocessed.
        prompt: in pixels of the upright image.

    Raises:
        PupilaError: the prompt lies outside the image.
    """

    def __init__(self, prompter: Prompter, image: PreprocessedImage, prompt: Prompt) -> None:
        self._prompter, self._inputs, encoded = prompter, image.inputs[0], prompter.encode(image)
        self.prediction = prompter.predict(encoded, prompt)
        height, width = map(int, covered_size(image.height, image.width, prompter.info.preprocessing))
        self.prompt = _scale(prompt, width / image.width, height / image.height)
        self._sizes = PreprocessedImage(image.inputs[:0], height, width, _shrink(image.valid, height, width))
        self._encoded = EncodedImage(encoded.maps, self._sizes)
        raw = prompter.decode(self._encoded, self.prompt)
        self._number = select_mask(raw, prompter.info.prompt_format)
        self.mask = predict_prompt(raw, self._sizes, prompter.info).mask > 0  # (H, W)

    @property
    def pixels(self) -> Array:
        """(3, H, W) float32, normalised."""
        return np.asarray(self._inputs[:, : self._sizes.height, : self._sizes.width])

    def overlaps(self, changed: Array) -> Array:
        """(N,) soft IoU of the mask with those for the same prompt in changed pixels, (N, 3, H, W).

        Of an ambiguous prompt's masks it is the one that was selected for the unchanged image.
        """
        return np.array([self._overlap(pixels) for pixels in changed])

    def _overlap(self, pixels: Array) -> float:
        inputs = self._inputs.copy()
        inputs[:, : self._sizes.height, : self._sizes.width] = pixels
        encoded = self._prompter.encode(replace(self._sizes, inputs=inputs[None]))
        logits = self._prompter.decode(encoded, self.prompt).masks[self._number]
        probability = mask_probability(logits, self.prompt, self._sizes, self._prompter.info)
        shared = float(probability[self.mask].sum())
        return shared / (float(probability.sum()) + float(self.mask.sum()) - shared)

    def move_click(self, x: float, y: float) -> Array:
        """(H, W) bool: the mask with the foreground point at another place."""
        return self._prompter.predict(self._encoded, replace(self.prompt, points=((x, y),))).mask > 0


class PromptExplainer:
    """A promptable bundle, loaded for explanations.

    Args:
        bundle: from `read_bundle`.
        settings: of RISE.

    Raises:
        PupilaError: another method, or a class.
    """

    unit: Literal["overlap"] = "overlap"

    def __init__(self, bundle: Bundle, settings: ExplainSettings) -> None:
        self.method, self._settings, self._prompter = "rise", settings, Prompter(bundle)
        if settings.method not in ("auto", self.method):
            raise PupilaError(
                say("{method} does not explain promptable models", method=settings.method), actual=bundle.folder,
                expected=say("rise, which needs predictions alone"), remedy="--method rise",
            )  # fmt: skip
        if settings.label is not None:
            raise PupilaError(
                say("The mask of a prompt has no class"), actual=f"--label {settings.label}",
                expected=say("a prompt for the region to explain"), remedy=say("omit {names}", names="--label"),
            )  # fmt: skip

    def explain(self, images: ImagesToExplain) -> Iterator[Explanation]:
        """The explanation of each image, in order; an image that can't be read has its fault instead.

        Raises:
            PupilaError: the prompt lies outside an image.
        """
        for name, image in preprocess_images(images.sources, self._prompter.preprocess):
            if isinstance(image, ImageFault):
                yield Explanation(name, fault=image)
            else:
                yield self._explain(name, image, images.prompt)

    def _explain(self, name: str, image: PreprocessedImage, prompt: Prompt) -> Explanation:
        prompted = PromptedImage(self._prompter, image, prompt)
        height, width = prompted.mask.shape
        shown = Explanation(
            name, prompted.prediction, view=make_view(image, self._prompter.info.preprocessing)[:height, :width],
            draw_over=partial(_draw_over, mask=prompted.mask, prompt=prompted.prompt),
        )  # fmt: skip
        if not prompted.mask.any():
            return shown
        heat = rise(prompted.pixels, prompted.overlaps, self._settings.random_masks, self._settings.seed)
        points = prompted.prompt.points
        clicks = measure_clicks(prompted.move_click, prompted.mask, points[0]) if len(points) == 1 else None
        return replace(
            shown, label=self._prompter.info.classes[1], maps=[HeatMap("", heat[None], heat)], prepared=image,
            clicks=clicks,
        )  # fmt: skip

    def check(self, explanations: Sequence[Explanation], images: ImagesToExplain) -> dict[str, Any]:
        """Whether the places of the maps matter to the mask."""
        rows = [row for row, each in enumerate(explanations) if each.prepared is not None]
        if not rows:
            return {}
        prompted = [
            PromptedImage(self._prompter, image, images.prompt)
            for each in explanations
            if (image := each.prepared) is not None
        ]
        checked = check_faithfulness(
            [each.pixels for each in prompted], [explanations[row].maps[0].placed for row in rows],
            [each.overlaps for each in prompted], images.groups[rows],
        )  # fmt: skip
        return {"faithfulness": checked.model_copy(update={"measure": self.unit})}


def _scale(prompt: Prompt, across: float, down: float) -> Prompt:
    points, negatives = (
        tuple((across * x, down * y) for x, y in places) for places in (prompt.points, prompt.negatives)
    )
    if prompt.box is None:
        return Prompt(points, negatives)
    x0, y0, x1, y1 = prompt.box
    return Prompt(points, negatives, (across * x0, down * y0, across * x1, down * y1))


def _shrink(valid: Array | None, height: int, width: int) -> Array | None:
    """(H, W) bool at another size, from the nearest pixels."""
    if valid is None:
        return None
    rows, columns = (
        ((np.arange(side) + 0.5) * whole / side).astype(int)
        for side, whole in zip((height, width), valid.shape, strict=True)
    )
    return np.asarray(valid[np.ix_(rows, columns)])


def _draw_over(rgb: Array, mask: Array, prompt: Prompt) -> Array:
    """The image with the outline of the mask, and the prompt."""
    drawn = rgb.copy()
    drawn[find_edges(mask)] = _OUTLINE
    return draw_prompt(drawn, prompt.points, prompt.negatives, prompt.box)
