"""From a task to what builds its networks."""

from collections.abc import Callable

from pupila.models.classify import build_classifier
from pupila.models.network import Network
from pupila.models.sam import build_promptable
from pupila.models.segment import build_segmenter
from pupila.models.settings import ModelSettings

BUILDERS: dict[str, Callable[[ModelSettings, int | None, int | None], Network]] = {
    "classify": build_classifier,
    "segment": build_segmenter,
    "prompt": build_promptable,
}
