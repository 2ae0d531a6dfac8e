"""The tasks that can be trained."""

from pupila.models.settings import is_promptable
from pupila.tasks.prompt import PROMPT
from pupila.train.classes import CLASSES
from pupila.train.kind import Kind
from pupila.train.masks import MASKS
from pupila.train.prompts import PROMPTS

KINDS: dict[str, Kind] = {kind.task.name: kind for kind in (CLASSES, MASKS, PROMPTS)}


def kind_of(task: str, model: str) -> Kind:
    """How a model learns from data of a task: masks are also what prompts are drawn from."""
    return KINDS[PROMPT.name if is_promptable(model) else task]
