"""Export promptable models: the encoder, which runs once for each image, and the decoder, once for each prompt."""

from typing import Any

import numpy as np
import torch

from pupila.artifacts.bundle.parts import onnx_file
from pupila.artifacts.bundle.session import Session
from pupila.artifacts.bundle.validation import Parity
from pupila.imaging.images.decode import Array
from pupila.learning.export.encoder import export_encoder, is_large
from pupila.learning.export.exporter import ArchitectureSample, Exporter, ParityImages, Trained
from pupila.learning.export.graph import to_onnx
from pupila.learning.export.parity import check_logits
from pupila.learning.export.prompt_graph import MAPS, decoder_to_onnx, split_maps
from pupila.learning.models.network import Network
from pupila.learning.models.prompt_head import DecoderPart, EncoderPart
from pupila.tasks.prompt import DECODER, ENCODER, PROMPT, centre_prompt

_PARITY_LARGE = 1  # images in the parity check of a large encoder, each of which takes seconds
_BACKGROUND, _OBJECT = "background", "object"  # of a bundle whose data has other than two classes


def _export(network: Network, trained: Trained) -> dict[str, bytes]:
    head: Any = network.head
    with torch.no_grad():
        maps = head.embed(torch.zeros(2, network.size))
    if head.neck is None and trained.frozen:  # the encoder is unchanged since its cached export
        encoder = split_maps(export_encoder(network), head.shapes)
    else:
        part = EncoderPart(network.encoder, head)
        encoder = to_onnx(part, network.preprocessing, MAPS[: len(maps)])
    return {onnx_file(ENCODER): encoder, onnx_file(DECODER): decoder_to_onnx(head, maps)}


def _sample(network: Network) -> ArchitectureSample:
    """The encoder: the decoder is always the same."""
    return ArchitectureSample(network.encoder, export_encoder(network))


def _compare(parts: dict[str, bytes], network: Network, trained: Trained, images: ParityImages) -> Parity:
    """Compare feature maps, masks and predicted IoUs of torch and ONNX Runtime, each relative to its own scale."""
    sessions = {role: Session(parts[onnx_file(role)]).run for role in PROMPT.roles}
    head: Any = network.head
    encoder, decoder = EncoderPart(network.encoder, head).eval(), DecoderPart(head).eval()
    maps: list[list[tuple[Array, Array]]] = []
    masks, predicted_ious = [], []
    for pixels in images.inputs(images.all()):
        prompt = centre_prompt(*pixels.shape[2:])
        with torch.inference_mode():
            ours = encoder(torch.from_numpy(pixels))
            decoded = decoder(*ours, *map(torch.from_numpy, prompt))
        ours, decoded = ([np.asarray(tensor.numpy()) for tensor in part] for part in (ours, decoded))
        exported = sessions[ENCODER](pixels)
        outputs = sessions[DECODER](*exported, *prompt)
        maps.append(list(zip(ours, exported, strict=True)))
        # As logits of two classes, so that the label agreement is that of the masks.
        masks.append(
            tuple(np.stack([np.zeros_like(mask[0]), mask[0]], axis=2)[0] for mask in (decoded[0], outputs[0]))
        )
        predicted_ious.append((decoded[1], outputs[1]))
    parities = [
        *map(check_logits, zip(*maps, strict=True)),
        check_logits(predicted_ious),
        check_logits(masks),
    ]
    return parities[-1].model_copy(
        update={"largest_difference": max(parity.largest_difference for parity in parities)}
    )


PROMPT_EXPORTER = Exporter(
    export=_export,
    sample=_sample,
    compare=_compare,
    parity_images=16,
    most_images=lambda network: _PARITY_LARGE if is_large(network) else None,
    classes=lambda names: names if len(names) == 2 else [_BACKGROUND, _OBJECT],
)
