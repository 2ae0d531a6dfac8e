"""The HTTP responses of each task."""

from pupila.stages.serve.classify import CLASSIFY
from pupila.stages.serve.multilabel import MULTILABEL
from pupila.stages.serve.responses import ResponseFormat
from pupila.stages.serve.segment import SEGMENT

RESPONSE_FORMATS: dict[str, ResponseFormat] = {
    "classify": CLASSIFY,
    "multilabel": MULTILABEL,
    "segment": SEGMENT,
}
