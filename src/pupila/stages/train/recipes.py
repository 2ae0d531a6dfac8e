"""The tasks that can be trained."""

from pupila.learning.models.settings import is_promptable
from pupila.stages.train.classify import CLASSES
from pupila.stages.train.prompt import PROMPTS
from pupila.stages.train.recipe import Kind
from pupila.stages.train.segment import MASKS
from pupila.tasks.prompt import PROMPT

KINDS: dict[str, Kind] = {kind.task.name: kind for kind in (CLASSES, MASKS, PROMPTS)}


def kind_of(task: str, model: str) -> Kind:
    """How a model learns from data of a task: masks are also what prompts are drawn from."""
    return KINDS[PROMPT.name if is_promptable(model) else task]
