"""The tables of predictions of each task."""

from pupila.artifacts.predictions.classify import CLASSIFY
from pupila.artifacts.predictions.columns import PredictionColumns
from pupila.artifacts.predictions.multilabel import MULTILABEL
from pupila.artifacts.predictions.prompt import PROMPT
from pupila.artifacts.predictions.segment import SEGMENT

PREDICTION_COLUMNS: dict[str, PredictionColumns] = {
    "classify": CLASSIFY,
    "multilabel": MULTILABEL,
    "segment": SEGMENT,
    "prompt": PROMPT,
}
