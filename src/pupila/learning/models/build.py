"""From a task to what builds its networks."""

from collections.abc import Callable

from pupila.learning.models.classify import build_classifier
from pupila.learning.models.network import Network
from pupila.learning.models.prompt import build_promptable
from pupila.learning.models.segment import build_segmenter
from pupila.learning.models.settings import ModelSettings

BUILDERS: dict[str, Callable[[ModelSettings, int | None, int | None], Network]] = {
    "classify": build_classifier,
    "segment": build_segmenter,
    "prompt": build_promptable,
}
