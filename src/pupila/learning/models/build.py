"""From a task to what builds its networks."""

from collections.abc import Callable
from typing import Any

from pupila.learning.models.classify import build_classifier
from pupila.learning.models.multilabel import build_multilabel_classifier
from pupila.learning.models.network import Network
from pupila.learning.models.prompt import build_promptable
from pupila.learning.models.segment import build_segmenter

# The settings are the task's own: `ClassifierSettings` or `EncoderSettings`.
BUILDERS: dict[str, Callable[[Any, int | None, int | None], Network]] = {
    "classify": build_classifier,
    "multilabel": build_multilabel_classifier,
    "segment": build_segmenter,
    "prompt": build_promptable,
}
