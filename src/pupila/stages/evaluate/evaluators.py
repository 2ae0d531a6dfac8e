"""The evaluator of each task."""

from collections.abc import Sequence
from typing import Any

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.run.source import ModelSource
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.stages.evaluate.classify.evaluator import CLASSIFY
from pupila.stages.evaluate.evaluator import TaskEvaluator
from pupila.stages.evaluate.multilabel.evaluator import MULTILABEL
from pupila.stages.evaluate.prompt.evaluator import PROMPT
from pupila.stages.evaluate.segment.evaluator import SEGMENT

EVALUATORS: dict[str, TaskEvaluator[Any]] = {
    "classify": CLASSIFY,
    "multilabel": MULTILABEL,
    "segment": SEGMENT,
    "prompt": PROMPT,
}


def find_task(sources: Sequence[ModelSource], data: Dataset) -> str:
    """The task that is evaluated: that of a model that takes prompts, else that of the data.

    Raises:
        PupilaError: the data have no labels.
    """
    if data.task is None:
        raise PupilaError(
            say("The data set has no labels"), actual=data.layout, expected=say("labelled images to evaluate on"),
        )  # fmt: skip
    promptable = [source.task.name for source in sources if source.task and source.task.takes_prompts]
    return next(iter(promptable), data.task.name)
