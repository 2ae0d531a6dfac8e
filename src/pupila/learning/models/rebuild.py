"""Build a network again from its bundle alone: the description and the weights, without downloading anything."""

from collections.abc import Callable
from dataclasses import replace

from torch import Tensor

from pupila.artifacts.bundle.architecture import Head
from pupila.artifacts.bundle.folder import HEADS_FILE, WEIGHTS_FILE, Bundle
from pupila.artifacts.bundle.schema import BundleInfo
from pupila.learning.models.classify import rebuild_classifier
from pupila.learning.models.ensemble import average_networks
from pupila.learning.models.multilabel import rebuild_multilabel_classifier
from pupila.learning.models.network import Network, build_head
from pupila.learning.models.prompt import rebuild_promptable
from pupila.learning.models.segment import rebuild_segmenter
from pupila.learning.models.weights import load_bundle_weights, load_weights, parse_tensors

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


def rebuild_members(bundle: Bundle) -> list[Network]:
    """The networks whose logits the bundle averages, in evaluation mode; none of a single model.

    Raises:
        PupilaError: as `rebuild_network`.
    """
    network = rebuild_network(bundle)
    if HEADS_FILE not in bundle.info.files:
        return list(network.members)
    tensors = parse_tensors(bundle.read(HEADS_FILE), HEADS_FILE)
    return [
        _replace_head(network, member.head, _select(tensors, f"{number}."))
        for number, member in enumerate(bundle.info.members)
        if member.head is not None  # those of an architecture are never joined
    ]


def _select(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _replace_head(network: Network, described: Head, tensors: dict[str, Tensor]) -> Network:
    head = build_head(network.size, described).eval()
    load_weights(head, tensors, HEADS_FILE)
    return replace(network, head=head, head_layers=described)


def _rebuild(bundle: Bundle, info: BundleInfo, weights_file: str) -> Network:
    network = load_bundle_weights(REBUILDERS[info.task](info), bundle, weights_file)
    network.encoder.eval()
    network.head.eval()
    return replace(network, test_time_flips=info.test_time_flips)
