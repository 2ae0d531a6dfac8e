"""The tasks that can be trained."""

from pupila.learning.models.settings import is_promptable
from pupila.stages.train.classify import CLASSIFY_RECIPE
from pupila.stages.train.multilabel import MULTILABEL_RECIPE
from pupila.stages.train.prompt import PROMPT_RECIPE
from pupila.stages.train.recipe import TrainingRecipe
from pupila.stages.train.segment import SEGMENT_RECIPE
from pupila.tasks.prompt import PROMPT

RECIPES: dict[str, TrainingRecipe] = {
    "classify": CLASSIFY_RECIPE,
    "multilabel": MULTILABEL_RECIPE,
    "segment": SEGMENT_RECIPE,
    "prompt": PROMPT_RECIPE,
}


def find_recipe(task: str, model: str) -> TrainingRecipe:
    """How a model learns from data of a task: masks are also what prompts are drawn from."""
    return RECIPES[PROMPT.name if is_promptable(model) else task]
