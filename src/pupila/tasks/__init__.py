"""What tasks are: the only place that knows how they differ, one frozen record each."""

from pupila.tasks.classify import CLASSIFY
from pupila.tasks.prompt import PROMPT
from pupila.tasks.segment import SEGMENT
from pupila.tasks.task import Task

TASKS: dict[str, Task] = {task.name: task for task in (CLASSIFY, SEGMENT, PROMPT)}
