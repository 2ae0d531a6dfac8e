"""Export a network that one file holds: pixels to logits, embedding and feature map."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain

import numpy as np
import torch
from torch import nn

from pupila.artifacts.bundle.folder import MODEL_FILE
from pupila.artifacts.bundle.outputs import EMBEDDING, FEATURE_MAP, LOGITS
from pupila.artifacts.bundle.session import Session
from pupila.artifacts.bundle.validation import Parity
from pupila.imaging.images.decode import Array
from pupila.learning.export.average import average_flips, average_graphs
from pupila.learning.export.exporter import ArchitectureSample, ParityImages, Trained
from pupila.learning.export.graph import to_onnx
from pupila.learning.export.parity import check_logits, in_batches, share_of_equal_classes, split_like
from pupila.learning.models.network import ExportedNetwork, Network, WholeNetwork
from pupila.learning.models.served import ServedNetwork

OUTPUTS = [LOGITS, EMBEDDING, FEATURE_MAP]


def export_whole(network: Network, trained: Trained) -> dict[str, bytes]:
    """The whole network, whatever of it was trained."""
    graphs = [to_onnx(ExportedNetwork(tower), tower.preprocessing, OUTPUTS) for tower in network.towers]
    return {MODEL_FILE: average_flips(average_graphs(graphs), network.test_time_flips)}


def sample_whole(network: Network) -> ArchitectureSample:
    """The whole network: encoder and head both depend on the architecture."""
    content = to_onnx(ExportedNetwork(network), network.preprocessing, OUTPUTS)
    return ArchitectureSample(WholeNetwork(network), content)


def compare_whole(
    parts: dict[str, bytes],
    network: Network,
    trained: Trained,
    images: ParityImages,
    agreement: Callable[[Array, Array], float] = share_of_equal_classes,
) -> Parity:
    """Compare the logits of torch and of ONNX Runtime, several images at once; see `check_logits`.

    Raises:
        PupilaError: they differ by more than the tolerance.
    """
    session = Session(parts[MODEL_FILE])
    pairs = run_both(ServedNetwork(network), session, LOGITS, images.inputs(images.all()))
    return check_logits(pairs, agreement)


def run_both(
    module: nn.Module, session: Session, output: str, inputs: Iterable[Array]
) -> Iterator[tuple[Array, Array]]:
    """For each image the output of torch and that of ONNX Runtime, which are computed for several at once.

    Args:
        module: pixels to the compared output, or to a tuple with it first.
        session: the exported module.
        output: its name there.
        inputs: (K, 3, H, W) of each image.
    """
    module = module.eval().to("cpu").to(memory_format=torch.channels_last)

    def both(images: list[Array]) -> Iterator[tuple[Array, Array]]:
        pixels = np.concatenate(images)
        tensor = torch.from_numpy(pixels).contiguous(memory_format=torch.channels_last)
        with torch.inference_mode():
            outputs = module(tensor)
        first = outputs[0] if isinstance(outputs, tuple) else outputs
        theirs = session.run(pixels, outputs=[output])[0]
        return zip(split_like(np.asarray(first.numpy()), images), split_like(theirs, images), strict=True)

    return chain.from_iterable(map(both, in_batches(inputs)))
