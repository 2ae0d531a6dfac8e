"""From a task to what builds its networks."""

from typing import Any, Protocol

from pupila.learning.models.built import BuiltEncoders
from pupila.learning.models.classify import build_classifier
from pupila.learning.models.multilabel import build_multilabel_classifier
from pupila.learning.models.network import Network
from pupila.learning.models.prompt import build_promptable
from pupila.learning.models.segment import build_segmenter


class Builder(Protocol):
    """Builds a network; the settings are the task's own: `ClassifierSettings` or `EncoderSettings`."""

    def __call__(
        self,
        settings: Any,
        classes: int | None,
        image_size: int | None = None,
        built: BuiltEncoders | None = None,
    ) -> Network:
        """See `build_classifier`."""


BUILDERS: dict[str, Builder] = {
    "classify": build_classifier,
    "multilabel": build_multilabel_classifier,
    "segment": build_segmenter,
    "prompt": build_promptable,
}
