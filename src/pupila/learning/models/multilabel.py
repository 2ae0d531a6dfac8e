"""Build multi-label classifiers: the networks of classifiers, whose logits are of each class by itself."""

from dataclasses import replace

from pupila.artifacts.bundle.schema import BundleInfo
from pupila.learning.models.built import BuiltEncoders
from pupila.learning.models.classify import build_classifier, rebuild_classifier
from pupila.learning.models.network import Network
from pupila.learning.models.settings import ClassifierSettings
from pupila.tasks.multilabel import MULTILABEL


def build_multilabel_classifier(
    settings: ClassifierSettings,
    classes: int | None,
    image_size: int | None = None,
    built: BuiltEncoders | None = None,
) -> Network:
    """Build a network as `build_classifier` does, with a logit for each class by itself.

    Args:
        settings: name, weights, options and head.
        classes: of the new head; None keeps the pretrained head.
        image_size: of the input, pixels; None: the model's own.
        built: encoders that are built already; None: none.

    Raises:
        PupilaError: an unknown name, weights that do not fit, or no way to the hub.
    """
    return replace(build_classifier(settings, classes, image_size, built), task=MULTILABEL)


def rebuild_multilabel_classifier(info: BundleInfo) -> Network:
    """The network of a bundle before its weights are loaded."""
    return replace(rebuild_classifier(info), task=MULTILABEL)
