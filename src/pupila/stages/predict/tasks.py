"""The predictor of each task."""

from typing import Any

from pupila.stages.predict.classify import CLASSIFY
from pupila.stages.predict.multilabel import MULTILABEL
from pupila.stages.predict.prompt import PROMPT
from pupila.stages.predict.rows import TaskPredictor
from pupila.stages.predict.segment import SEGMENT

TASK_PREDICTORS: dict[str, TaskPredictor[Any, Any]] = {
    "classify": CLASSIFY,
    "multilabel": MULTILABEL,
    "segment": SEGMENT,
    "prompt": PROMPT,
}
