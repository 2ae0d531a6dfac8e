"""The catalogue of tasks: one frozen record each, and the only place where tasks differ."""

from pupila.tasks.classify import CLASSIFY
from pupila.tasks.multilabel import MULTILABEL
from pupila.tasks.prompt import PROMPT
from pupila.tasks.segment import SEGMENT
from pupila.tasks.task import Task

TASKS: dict[str, Task] = {task.name: task for task in (CLASSIFY, MULTILABEL, SEGMENT, PROMPT)}


def is_same_task(first: str, other: str) -> bool:
    """Whether two names are of one task, so that its predictions have the same form."""
    return first == other
