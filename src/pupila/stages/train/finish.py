"""The end of a run: export the model, check that the export predicts the same, and write the bundle."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Any

import numpy as np
import torch

from pupila.artifacts.bundle.architecture import Precision
from pupila.artifacts.bundle.card import render_card
from pupila.artifacts.bundle.folder import (
    MODEL_FILE,
    TRAINING_IMAGES_FILE,
    WEIGHTS_FILE,
    Bundle,
    golden_images,
    onnx_file,
    preprocess_bytes,
    write_bundle,
)
from pupila.artifacts.bundle.schema import BundleInfo
from pupila.artifacts.bundle.session import Session
from pupila.artifacts.bundle.validation import Parity
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.version import __version__
from pupila.imaging.images.decode import Array
from pupila.learning.engine import LARGE_ENCODER, export_encoder
from pupila.learning.export import (
    MAPS,
    OPSET,
    attach_head,
    check_logits,
    decoder_to_onnx,
    encode_weights,
    split_maps,
    to_onnx,
)
from pupila.learning.models.network import Network, WholeNetwork
from pupila.learning.models.prompt_head import DecoderPart, EncoderPart
from pupila.stages.train.recipe import ValidationResult
from pupila.stages.train.settings import TrainPlan
from pupila.tasks.prompt import DECODER, ENCODER, centre_prompt
from pupila.tasks.task import Runs, Task

CARD_FILE = "card.md"
# Maximum number of validation images for the parity check of the export, besides the golden images.
PARITY_IMAGES, PARITY_MASKS = 256, 16
BACKGROUND_NAME, OBJECT_NAME = "background", "object"  # classes of a promptable bundle for other data
PARITY_LARGE = 1  # images in the parity check of a large encoder
MAX_PARITY_TILES = 8  # per image


@dataclass(frozen=True, slots=True)
class BundleImages:
    """The images that a bundle was validated on and trained on, as rows of the data set."""

    task: Task
    validation: list[int]
    learned: list[int]


def export_network(plan: TrainPlan, network: Network) -> dict[str, bytes]:
    """The trained network as ONNX, file by file; a cached export of a frozen encoder only gets the new head."""
    if network.task.takes_prompts:
        return export_prompt_parts(plan, network)
    if network.task.caches_features and not plan.unfreeze and plan.engine == "onnxruntime":
        return {MODEL_FILE: attach_head(export_encoder(network), network.head)}
    return {MODEL_FILE: to_onnx(WholeNetwork(network), network.preprocessing, ["logits", "embedding"])}


def export_prompt_parts(plan: TrainPlan, network: Network) -> dict[str, bytes]:
    """Encoder and decoder of a promptable network."""
    head: Any = network.head
    with torch.no_grad():
        maps = head.embed(torch.zeros(2, network.size))
    if head.neck is None and not plan.unfreeze:  # the encoder is unchanged since its cached export
        encoder = split_maps(export_encoder(network), head.shapes)
    else:
        part = EncoderPart(network.encoder, head)
        encoder = to_onnx(part, network.preprocessing, MAPS[: len(maps)])
    return {onnx_file(ENCODER): encoder, onnx_file(DECODER): decoder_to_onnx(head, maps)}


def check_exportable(network: Network, task: Task) -> None:
    """Refuse an architecture whose export fails or predicts differently, before it is trained for hours.

    A successful check is cached.

    Raises:
        PupilaError: the architecture can't be exported.
    """
    key = json.dumps([network.name, network.encoder_name, network.options, network.preprocessing.height, network.size,
                       OPSET, torch.__version__, __version__], default=str)  # fmt: skip
    known = files.cache_folder() / "exportable" / files.sha256(key.encode())[:24]
    if known.exists():
        return
    drawn = golden_images()["turned.jpg"]
    pixels = preprocess_bytes(drawn, task, network.preprocessing).inputs[:1]
    try:
        # Only the encoder of a promptable network varies; the decoder is always the same.
        part = (network.encoder if network.task.takes_prompts else WholeNetwork(network)).to("cpu").eval()
        whole = ["logits", "embedding"]
        model = (
            export_encoder(network)
            if network.task.takes_prompts
            else to_onnx(part, network.preprocessing, whole)
        )
        with torch.inference_mode():
            ours = part(torch.from_numpy(pixels))
        ours = ours[0] if isinstance(ours, tuple) else ours
        check_logits([(np.asarray(ours.numpy()), Session(model).run(pixels)[0])])
    except (torch.onnx.OnnxExporterError, RuntimeError, PupilaError) as fault:
        raise PupilaError(
            say("{model} with encoder {encoder} can't be exported", model=network.name, encoder=network.encoder_name),
            actual=str(fault).splitlines()[0],
            expected=say("an architecture with the same predictions in ONNX Runtime"),
            remedy="--model unet",
        ) from fault  # fmt: skip
    files.write_to_cache(known, key.encode())


def check_parity(
    parts: dict[str, bytes], network: Network, data: Dataset, rows: list[int], task: Task
) -> Parity:
    """Compare torch and ONNX Runtime, from bytes to logits, on golden images and on validation images.

    Raises:
        PupilaError: they differ by more than the tolerance.
    """
    most = PARITY_IMAGES if network.task.caches_features and not network.task.takes_prompts else PARITY_MASKS
    some = rows[:: max(1, len(rows) // most)][:most]
    contents: Iterable[bytes] = chain(
        golden_images().values(), (files.read_bytes(data.path(row)) for row in some)
    )
    if network.task.takes_prompts and sum(p.numel() for p in network.encoder.parameters()) > LARGE_ENCODER:
        contents = islice(contents, PARITY_LARGE)
    inputs = (
        preprocess_bytes(content, task, network.preprocessing).inputs[:MAX_PARITY_TILES]
        for content in contents
    )
    if network.task.takes_prompts:
        return _check_prompt_parity(
            {role: Session(parts[onnx_file(role)]).run for role in task.roles}, network, inputs
        )
    model = parts[MODEL_FILE]
    whole, session = (
        WholeNetwork(network).eval().to("cpu").to(memory_format=torch.channels_last),
        Session(model),
    )

    def both(pixels: Array) -> tuple[Array, Array]:
        tensor = torch.from_numpy(pixels).contiguous(memory_format=torch.channels_last)
        with torch.inference_mode():
            return np.asarray(whole(tensor)[0].numpy()), session.run(pixels)[0]

    return check_logits(map(both, inputs))


def _check_prompt_parity(sessions: Runs, network: Network, inputs: Iterable[Array]) -> Parity:
    """Compare feature maps, masks and predicted IoUs of torch and ONNX Runtime, each relative to its own scale."""
    head: Any = network.head
    encoder, decoder = EncoderPart(network.encoder, head).eval(), DecoderPart(head).eval()
    maps: list[list[tuple[Array, Array]]] = []
    masks, predicted_ious = [], []
    for pixels in inputs:
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


def _bundle_classes(plan: TrainPlan, network: Network) -> list[str]:
    """Class names of the bundle: background and object for promptable models, unless the data has two classes."""
    two = network.task.takes_prompts and len(plan.classes) != 2
    return [BACKGROUND_NAME, OBJECT_NAME] if two else plan.classes


def write_run_bundle(
    folder: str,
    plan: TrainPlan,
    network: Network,
    data: Dataset,
    result: ValidationResult,
    images: BundleImages,
) -> Bundle:
    """Write the bundle of a trained network.

    Args:
        folder: of the bundle.
        plan: of the run.
        network: trained.
        data: the data set.
        result: of validation.
        images: rows of validation, and rows that training or model selection used.
    """
    network.encoder.to("cpu").eval()
    network.head.to("cpu").eval()
    onnx = export_network(plan, network)
    task = images.task
    info = BundleInfo(
        made_by=f"pupila {__version__}",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        task=task.name,
        classes=_bundle_classes(plan, network),
        preprocessing=network.preprocessing,
        temperature=result.temperature,
        post_processing=result.post_processing,
        prompt_format=network.prompt_format,
        architecture=network.architecture,
        head=network.head_layers,
        weights=network.weights,
        parent=network.parent,
        parameters=network.parameters,
        precision=Precision(training=plan.precision),
        validation=result.summary,
        parity=check_parity(onnx, network, data, images.validation, task),
        data_hash=plan.data_hash,
        splits_hash=plan.splits_hash,
        leaking=plan.leaking,
    )  # fmt: skip
    digests = data.images["sha256"].to_list()
    learned = {digests[row] for row in images.learned} | network.training_images
    learned_from = "".join(f"{digest}\n" for digest in sorted(learned))
    parts = {
        **onnx, WEIGHTS_FILE: encode_weights(network), CARD_FILE: render_card(info).encode(),
        TRAINING_IMAGES_FILE: learned_from.encode(),
    }  # fmt: skip
    return write_bundle(folder, info, parts)
