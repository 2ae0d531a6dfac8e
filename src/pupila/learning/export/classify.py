"""Export classifiers: a cached export of a frozen encoder only gets the new head."""

from pupila.artifacts.bundle.folder import MODEL_FILE
from pupila.learning.export.encoder import export_encoder
from pupila.learning.export.exporter import Exporter, Trained
from pupila.learning.export.heads import attach_head
from pupila.learning.export.whole import compare_whole, export_whole, sample_whole
from pupila.learning.models.network import Network


def _export(network: Network, trained: Trained) -> dict[str, bytes]:
    if trained.frozen and trained.exported and network.head_layers is not None:
        return {MODEL_FILE: attach_head(export_encoder(network), network.head)}
    return export_whole(network, trained)


CLASSIFY_EXPORTER = Exporter(
    export=_export,
    sample=sample_whole,
    compare=compare_whole,
    parity_images=256,
    most_images=lambda network: None,
    classes=lambda names: names,
    checked_first=False,
)
