"""Export classifiers: a frozen encoder, exported and proven before, only gets the new head."""

from collections.abc import Callable

from pupila.artifacts.bundle.folder import MODEL_FILE
from pupila.artifacts.bundle.validation import Parity
from pupila.imaging.images.decode import Array
from pupila.learning.export.average import average_flips
from pupila.learning.export.encoder import export_encoder
from pupila.learning.export.exporter import Exporter, ParityImages, Trained
from pupila.learning.export.heads import attach_head
from pupila.learning.export.parity import share_of_equal_classes
from pupila.learning.export.proof import compare_head
from pupila.learning.export.whole import compare_whole, export_whole, sample_whole
from pupila.learning.models.network import Network


def _has_frozen_encoder(network: Network, trained: Trained) -> bool:
    return trained.frozen and network.head_layers is not None


def _export(network: Network, trained: Trained) -> dict[str, bytes]:
    if _has_frozen_encoder(network, trained):
        graph = attach_head(export_encoder(network), network.head)
        return {MODEL_FILE: average_flips(graph, network.test_time_flips)}
    return export_whole(network, trained)


def compare_classifier(
    parts: dict[str, bytes],
    network: Network,
    trained: Trained,
    images: ParityImages,
    agreement: Callable[[Array, Array], float] = share_of_equal_classes,
) -> Parity:
    """Compare torch and ONNX Runtime: of a frozen encoder on its stored embeddings, else on images."""
    if _has_frozen_encoder(network, trained):
        return compare_head(parts[MODEL_FILE], network, images, agreement)
    return compare_whole(parts, network, trained, images, agreement)


CLASSIFY_EXPORTER = Exporter(
    export=_export,
    sample=sample_whole,
    compare=compare_classifier,
    parity_images=32,
    most_images=lambda network: None,
    classes=lambda names: names,
    checked_first=False,
)
