"""The proof of a frozen encoder: embeddings of the same images by torch and by ONNX Runtime, computed once.

The parity in a bundle is the difference between torch and ONNX Runtime from bytes to logits. With a frozen
encoder it follows in three steps, and no image passes through torch a second time:

1. the encoder: both embeddings of an image are stored under everything that they depend on, and compared;
2. the head: torch's head on torch's embeddings, against ONNX Runtime's head on its own embeddings;
3. the joined graph: on the golden images it equals encoder and head one after the other to `JOINED`; with flips at
   test time, their mean over the images and their flips, which are flipped outside.
"""

import json
from collections.abc import Callable

import numpy as np
import torch

from pupila.artifacts.bundle.outputs import EMBEDDING, LOGITS
from pupila.artifacts.bundle.runtime import this_runtime
from pupila.artifacts.bundle.session import Session
from pupila.artifacts.bundle.validation import Parity
from pupila.core import files
from pupila.core.version import __version__
from pupila.imaging.images.decode import DECODER, Array
from pupila.imaging.images.flips import FLIP_AXES
from pupila.learning.export.encoder import export_encoder
from pupila.learning.export.exporter import ParityImage, ParityImages
from pupila.learning.export.heads import head_to_onnx
from pupila.learning.export.parity import TOLERANCE, check_difference, check_logits
from pupila.learning.export.whole import run_both
from pupila.learning.loader.store import ArrayStore
from pupila.learning.models.network import Network

JOINED = 1e-5  # largest difference of the joined graph from its parts, over the largest value
_PART = 64  # images saved at once


def compare_head(
    joined: bytes, network: Network, images: ParityImages, agreement: Callable[[Array, Array], float]
) -> Parity:
    """The parity of a frozen encoder with a new head, from bytes to logits; see the module.

    Args:
        joined: the ONNX file of encoder and head.
        network: the same in torch.
        images: to compare.
        agreement: of both logits, the share of equal predictions.

    Raises:
        PupilaError: encoder, head or joined graph differ by more than their tolerance.
    """
    encoder, head = export_encoder(network), Session(head_to_onnx(network.head, network.size))
    embeddings = embed_both(encoder, network, images)
    check_difference(embeddings[:, 0], embeddings[:, 1], TOLERANCE)
    with torch.inference_mode():
        ours = np.asarray(network.head.eval()(torch.from_numpy(embeddings[:, 0])).numpy())
    theirs = head.run(embeddings[:, 1], outputs=[LOGITS])[0]
    parity = check_logits(zip(ours[:, None], theirs[:, None], strict=True), agreement)
    pixels = np.concatenate([images.prepare(image.read()) for image in images.drawn])
    check_joined(Session(joined), Session(encoder), head, pixels, network.test_time_flips)
    return parity


def embed_both(encoder: bytes, network: Network, images: ParityImages) -> Array:
    """(N, 2, size) float32: the embedding of each image by torch and by ONNX Runtime.

    Those of an image are computed once for the same weights, preprocessing, versions and processor.
    """
    version = [
        network.weights_hash, files.sha256(encoder), json.loads(network.preprocessing.model_dump_json()), DECODER,
        this_runtime().model_dump(), torch.__version__, __version__,
    ]  # fmt: skip
    store = ArrayStore("proofs", json.dumps(version), (2, network.size), "float32")
    digests = [image.sha256 for image in images.all()]
    if missing := set(store.missing(digests)):
        with store.hold():
            once = {image.sha256: image for image in images.all() if image.sha256 in missing}
            _compute(store, encoder, network, images, [once[key] for key in store.missing(list(once))])
    return store.rows(digests)


def _compute(
    store: ArrayStore, encoder: bytes, network: Network, images: ParityImages, some: list[ParityImage]
) -> None:
    """Store both embeddings of some images."""
    pairs = run_both(network.encoder, Session(encoder), EMBEDDING, images.inputs(some))
    rows: list[Array] = []
    for number, (ours, theirs) in enumerate(pairs, start=1):
        rows.append(np.concatenate([ours, theirs]))  # a classifier has one input for each image
        if len(rows) == _PART or number == len(some):
            store.add([image.sha256 for image in some[number - len(rows) : number]], np.stack(rows))
            rows = []


def check_joined(
    joined: Session, encoder: Session, head: Session, pixels: Array, flips: str = "none"
) -> None:
    """Refuse a joined graph whose embedding or logits are not those of its parts one after the other.

    Args:
        joined: encoder and head as one graph.
        encoder: alone.
        head: alone, see `head_to_onnx`.
        pixels: (N, 3, H, W) float32.
        flips: over which the graph averages, a name of `FLIP_AXES`.

    Raises:
        PupilaError: a difference above `JOINED`.
    """
    turned = [np.ascontiguousarray(np.flip(pixels, axes)) for axes in FLIP_AXES[flips]]
    embeddings = [encoder.run(inputs, outputs=[EMBEDDING])[0] for inputs in turned]
    logits = [head.run(embedding, outputs=[LOGITS])[0] for embedding in embeddings]
    joined_logits, joined_embedding = joined.run(pixels, outputs=[LOGITS, EMBEDDING])
    check_difference(np.mean(embeddings, axis=0), joined_embedding, JOINED)
    check_difference(np.mean(logits, axis=0), joined_logits, JOINED)
