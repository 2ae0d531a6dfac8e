"""The targets of prompts: one mask per class and image, and the prompts that are drawn from it."""

import json
from dataclasses import asdict, dataclass

import numpy as np

from pupila.artifacts.dataset.prompt_targets import PromptTarget, find_prompt_targets
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count
from pupila.core.progress import progress
from pupila.core.threads import prefetch
from pupila.imaging.images.decode import Array
from pupila.stages.evaluate.evaluator import EvaluationSet
from pupila.tasks.prompt_strategies import BOX, POINTS, PROMPT_STRATEGIES, PromptStrategy
from pupila.tasks.segment import foreground_classes

POINT_COUNTS = (1, 2, 3, 5, 8)  # points of a prompt whose number is varied
BOX_JITTERS = (0.0, 0.05, 0.1, 0.2)  # by how much a box is off, over its sides
POINT_STRATEGIES = tuple(PromptStrategy(f"{count} points", points=count) for count in POINT_COUNTS)
BOX_STRATEGIES = tuple(
    BOX if jitter == BOX.jitter else PromptStrategy(f"box off by {jitter:.0%}", jitter=jitter)
    for jitter in BOX_JITTERS
)
BORDER_STRATEGY = PromptStrategy("points at the border", POINTS.points, POINTS.negatives, border=True)
SENSITIVITY_STRATEGIES = (
    *POINT_STRATEGIES,
    *BOX_STRATEGIES,
    BORDER_STRATEGY,
)  # to measure sensitivity to the prompt


@dataclass(frozen=True, slots=True)
class PromptedTargets:
    """The U targets of an evaluation, in the order of images and classes."""

    rows: list[int]  # of each target's image in the data set
    class_indices: list[int]  # of its class
    groups: Array  # (U,) of its image
    prompts: bytes  # `prompts.jsonl`: a line for each target and prompt strategy


def draw_prompts(evaluation_set: EvaluationSet) -> PromptedTargets:
    """The targets of the images, and their prompts.

    Raises:
        PupilaError: the data set has no masks, or no target.
    """
    data = evaluation_set.data
    if data.target != "mask":
        raise PupilaError(
            say("Prompts are drawn from masks, and this data set has none"), actual=data.layout,
            expected=say("images with masks"),
        )  # fmt: skip

    def draw(row: int) -> list[tuple[int, list[str]]]:
        image = data.images["image"][row]
        return [
            (target.class_index, [_line(image, target, strategy) for strategy in PROMPT_STRATEGIES])
            for target in find_prompt_targets(data, row)
        ]

    rows, class_indices, groups, lines = [], [], [], []
    with progress(say("drawing prompts"), len(evaluation_set.rows)) as advance:
        drawings = prefetch(evaluation_set.rows, draw)
        for row, group, image_targets in zip(
            evaluation_set.rows, evaluation_set.groups.tolist(), drawings, strict=True
        ):
            for number, target_lines in image_targets:
                rows.append(row)
                class_indices.append(number)
                groups.append(group)
                lines += target_lines
            advance(1)
    if not rows:
        raise PupilaError(
            say("No image has a foreground region to prompt for"),
            actual=say_count(
                "{n} mask with background only", "{n} masks with background only", len(evaluation_set.rows)
            ),
            expected=listing(list(foreground_classes(data.classes).values())),
        )  # fmt: skip
    return PromptedTargets(
        rows, class_indices, np.array(groups), "".join(f"{line}\n" for line in lines).encode()
    )


def _line(image: str, target: PromptTarget, strategy: PromptStrategy) -> str:
    prompt = {
        "image": image,
        "class": target.name,
        "strategy": strategy.name,
        **asdict(target.make_prompt(strategy)),
    }
    return json.dumps(prompt, ensure_ascii=False)
