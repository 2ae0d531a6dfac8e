"""The catalogue of recipes."""

import pytest

from pupila.learning.trainers.catalogue import TRAINERS
from pupila.stages.train.catalogue import RECIPES, find_recipe
from pupila.tasks import TASKS


def test_every_task_has_a_recipe_and_a_trainer() -> None:
    assert RECIPES.keys() == TRAINERS.keys() == TASKS.keys()
    assert all(recipe.task is TASKS[name] for name, recipe in RECIPES.items())


@pytest.mark.parametrize(
    ("task", "model", "expected"),
    [
        ("classify", "auto", "classify"),
        ("segment", "unet", "segment"),
        ("segment", "pupila-sam", "prompt"),
        ("segment", "owner/checkpoint", "prompt"),
    ],
)
def test_masks_teach_prompts_too(task: str, model: str, expected: str) -> None:
    assert find_recipe(task, model).task.name == expected
