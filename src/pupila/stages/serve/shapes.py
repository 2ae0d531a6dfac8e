"""The HTTP responses of each task."""

from pupila.stages.serve.classify import CLASSIFY, CLASSIFY_READER
from pupila.stages.serve.multilabel import MULTILABEL, MULTILABEL_READER
from pupila.stages.serve.prompt import PROMPT_READER
from pupila.stages.serve.responses import ResponseFormat, ResponseReader
from pupila.stages.serve.segment import SEGMENT, SEGMENT_READER

RESPONSE_FORMATS: dict[str, ResponseFormat] = {
    "classify": CLASSIFY,
    "multilabel": MULTILABEL,
    "segment": SEGMENT,
}
RESPONSE_READERS: dict[str, ResponseReader] = {
    "classify": CLASSIFY_READER,
    "multilabel": MULTILABEL_READER,
    "segment": SEGMENT_READER,
    "prompt": PROMPT_READER,
}
