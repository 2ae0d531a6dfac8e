"""Pictures of prompts and answers: image with its prompt, truth, and what each of two models answered."""

from collections.abc import Sequence
from typing import Any

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.prompt_targets import Thing, things_of
from pupila.artifacts.report.gallery import WIDE, drawn, thumbnail
from pupila.artifacts.report.page import Picture
from pupila.core.messages import say
from pupila.imaging.images.decode import Array
from pupila.imaging.masks.codec import resized
from pupila.imaging.masks.drawing import overlay, pointed_at
from pupila.stages.evaluate.evaluator import Evaluation
from pupila.stages.evaluate.prompt.predictions import PromptAnswers
from pupila.tasks.prompt import Prompt
from pupila.tasks.prompt_strategies import WAYS

Key = tuple[str, int, str]  # way, row of the image, class
Panels = dict[Key, list[Picture]]


def panels(e: Evaluation, data: Dataset, models: Sequence[PromptAnswers]) -> Panels:
    """Pictures of everything that is shown, one for each model; each image is encoded once more."""
    wanted: dict[int, set[tuple[str, str]]] = {}
    for way, parts in e["shown"].items():
        for one in (one for part in parts.values() for one in part):
            wanted.setdefault(one["row"], set()).add((one["class"], way))
    found: Panels = {}
    for row, asked in wanted.items():
        rgb = thumbnail(data.pixels(row, WIDE), WIDE)
        answerers = [(one.name, one.opened(row)) for one in models]
        for thing in things_of(data, row):
            for way in (way for way in WAYS if (thing.name, way.name) in asked):
                prompt = thing.prompt(way)
                answers = {name: answer(thing, prompt)[0] for name, answer in answerers}
                found[way.name, row, thing.name] = _panel(rgb, thing, prompt, answers)
    return found


def key_of(way: str, one: dict[str, Any]) -> Key:
    """Where the pictures of what is shown are."""
    return way, one["row"], one["class"]


def _panel(rgb: Array, thing: Thing, prompt: Prompt, answers: dict[str, Array]) -> list[Picture]:
    height, width = rgb.shape[:2]
    across, down = width / thing.truth.shape[1], height / thing.truth.shape[0]
    points, negatives = (
        [(x * across, y * down) for x, y in places] for places in (prompt.points, prompt.negatives)
    )
    box = prompt.box and (
        prompt.box[0] * across, prompt.box[1] * down, prompt.box[2] * across, prompt.box[3] * down
    )  # fmt: skip
    pictures = [
        drawn(pointed_at(rgb, points, negatives, box), say("image and prompt")),
        drawn(overlay(rgb, resized(thing.truth, height, width), 2), say("truth")),
    ]
    return pictures + [
        drawn(overlay(rgb, resized(mask, height, width), 2), name) for name, mask in answers.items()
    ]
