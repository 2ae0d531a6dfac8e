"""Build a network again from its bundle alone: the description and the weights, without downloading anything."""

from collections.abc import Callable
from dataclasses import replace

from pupila.artifacts.bundle.folder import WEIGHTS_FILE, Bundle
from pupila.artifacts.bundle.schema import BundleInfo
from pupila.learning.models.classify import rebuild_classifier
from pupila.learning.models.ensemble import average_networks
from pupila.learning.models.multilabel import rebuild_multilabel_classifier
from pupila.learning.models.network import Network
from pupila.learning.models.prompt import rebuild_promptable
from pupila.learning.models.segment import rebuild_segmenter
from pupila.learning.models.weights import load_bundle_weights

REBUILDERS: dict[str, Callable[[BundleInfo], Network]] = {
    "classify": rebuild_classifier,
    "multilabel": rebuild_multilabel_classifier,
    "segment": rebuild_segmenter,
    "prompt": rebuild_promptable,
}  # task -> what builds the network of a bundle, with random weights


def rebuild_network(bundle: Bundle) -> Network:
    """The network that the bundle was exported from, in evaluation mode: its logits are those of the ONNX file.

    Raises:
        PupilaError: the libraries of this machine build another network from the description.
    """
    files = list(dict.fromkeys(member.weights_file for member in bundle.info.members))
    if len(files) < 2:
        return _rebuild(bundle, bundle.info, WEIGHTS_FILE)
    members = []
    for member in bundle.info.members:
        own = {"architecture": member.architecture, "head": member.head, "weights": member.weights}
        members.append(_rebuild(bundle, bundle.info.model_copy(update=own), member.weights_file))
    return average_networks(members)


def _rebuild(bundle: Bundle, info: BundleInfo, weights_file: str) -> Network:
    network = load_bundle_weights(REBUILDERS[info.task](info), bundle, weights_file)
    network.encoder.eval()
    network.head.eval()
    return replace(network, test_time_flips=info.test_time_flips)
