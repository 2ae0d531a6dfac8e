"""Panels of examples: the image with its prompt, the ground truth, and the masks of up to two models."""

from collections.abc import Sequence

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.prompt_targets import PromptTarget, find_prompt_targets
from pupila.artifacts.report.evaluation.prompt import PromptExample, PromptReport
from pupila.artifacts.report.gallery import WIDE, embed_wide, make_thumbnail
from pupila.artifacts.report.page import PageImage
from pupila.core.messages import say
from pupila.imaging.images.decode import Array
from pupila.imaging.masks.codec import resize_mask
from pupila.imaging.masks.drawing import draw_prompt, overlay
from pupila.stages.evaluate.prompt.predictions import PromptPredictions
from pupila.tasks.prompt import Prompt
from pupila.tasks.prompt_strategies import PROMPT_STRATEGIES

Key = tuple[str, int, str]  # prompt strategy, row of the image, class
Panels = dict[Key, list[PageImage]]


def draw_panels(e: PromptReport, data: Dataset, models: Sequence[PromptPredictions]) -> Panels:
    """The panels of all examples; each image is encoded once more."""
    examples: dict[int, set[tuple[str, str]]] = {}
    for name, parts in e.examples.items():
        for example in parts.all():
            examples.setdefault(example.row, set()).add((example.class_name, name))
    drawings: Panels = {}
    for row, requested in examples.items():
        rgb = make_thumbnail(data.pixels(row, WIDE), WIDE)
        predictors = [(model.name, model.open_image(row)) for model in models]
        for target in find_prompt_targets(data, row):
            for strategy in (
                strategy for strategy in PROMPT_STRATEGIES if (target.name, strategy.name) in requested
            ):
                prompt = target.make_prompt(strategy)
                masks = {name: predict(target, prompt)[0] for name, predict in predictors}
                drawings[strategy.name, row, target.name] = _panel(rgb, target, prompt, masks)
    return drawings


def panel_key(strategy: str, example: PromptExample) -> Key:
    """The key of an example's panel."""
    return strategy, example.row, example.class_name


def _panel(rgb: Array, target: PromptTarget, prompt: Prompt, masks: dict[str, Array]) -> list[PageImage]:
    height, width = rgb.shape[:2]
    across, down = width / target.target.shape[1], height / target.target.shape[0]
    points, negatives = (
        [(x * across, y * down) for x, y in places] for places in (prompt.points, prompt.negatives)
    )
    box = prompt.box and (
        prompt.box[0] * across, prompt.box[1] * down, prompt.box[2] * across, prompt.box[3] * down
    )  # fmt: skip
    pictures = [
        embed_wide(draw_prompt(rgb, points, negatives, box), say("image and prompt")),
        embed_wide(overlay(rgb, resize_mask(target.target, height, width), 2), say("ground truth")),
    ]
    return pictures + [
        embed_wide(overlay(rgb, resize_mask(mask, height, width), 2), name) for name, mask in masks.items()
    ]
