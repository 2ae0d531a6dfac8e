"""The end of a run: export, prove that the export answers the same, and write the bundle."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Any

import numpy as np
import torch

from pupila.artifacts.bundle.card import card
from pupila.artifacts.bundle.folder import (
    LEARNED_FILE,
    MODEL_FILE,
    WEIGHTS_FILE,
    Bundle,
    file_of,
    golden_pictures,
    prepared,
    write_bundle,
)
from pupila.artifacts.bundle.schema import BundleInfo, Parity
from pupila.artifacts.bundle.session import Session
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.version import __version__
from pupila.imaging.images.decode import Array
from pupila.learning.export import (
    MAPS,
    OPSET,
    compare,
    decoder_to_onnx,
    to_onnx,
    weights_of,
    with_head,
    with_maps,
)
from pupila.learning.models.network import Network, Whole
from pupila.learning.models.prompt_head import DecoderPart, EncoderPart
from pupila.stages.train.engine import LARGE, encoder_onnx
from pupila.stages.train.recipe import Concluded
from pupila.stages.train.settings import TrainPlan
from pupila.tasks.prompt import DECODER, ENCODER, middle_prompt
from pupila.tasks.task import Runs, Task

CARD_FILE = "card.md"
# Validation images, at most, on which the export is proven, besides the drawn ones.
PROVEN_ON, PROVEN_MASKS = 256, 16
BACKGROUND_NAME, THING = "background", "thing"  # of promptable bundles of data with other classes
PROVEN_LARGE = 1  # images in all that a large encoder is proven on
MOST_INPUTS = 8  # tiles of one of them


@dataclass(frozen=True, slots=True)
class Images:
    """Whose images a bundle was made from, as rows of the data set."""

    task: Task
    validation: list[int]
    learned: list[int]


def exported(plan: TrainPlan, network: Network) -> dict[str, bytes]:
    """The trained network as ONNX, file by file; a frozen encoder that was exported before only gets its new head."""
    if network.prompts:
        return exported_parts(plan, network)
    if network.pooled and not plan.thaw and plan.engine == "onnxruntime":
        return {MODEL_FILE: with_head(encoder_onnx(network), network.head)}
    return {MODEL_FILE: to_onnx(Whole(network), network.preparation, ["logits", "embedding"])}


def exported_parts(plan: TrainPlan, network: Network) -> dict[str, bytes]:
    """Encoder and decoder of a promptable network."""
    head: Any = network.head
    with torch.no_grad():
        maps = head.embedded(torch.zeros(2, network.size))
    if head.neck is None and not plan.thaw:  # as it was exported before
        encoder = with_maps(encoder_onnx(network), head.shapes)
    else:
        part = EncoderPart(network.encoder, head)
        encoder = to_onnx(part, network.preparation, MAPS[: len(maps)])
    return {file_of(ENCODER): encoder, file_of(DECODER): decoder_to_onnx(head, maps)}


def check_exportable(network: Network, task: Task) -> None:
    """Refuse an architecture whose export fails or answers differently, before hours go into its training.

    What was found equal is remembered.

    Raises:
        PupilaError: such an architecture, by name.
    """
    told = json.dumps([network.name, network.encoder_name, network.options, network.preparation.height, network.size,
                       OPSET, torch.__version__, __version__], default=str)  # fmt: skip
    known = files.cache_folder() / "exportable" / files.sha256(told.encode())[:24]
    if known.exists():
        return
    drawn = golden_pictures()["turned.jpg"]
    pixels = prepared(drawn, task, network.preparation).inputs[:1]
    try:
        # Of a promptable network the encoder alone is anyone's: the decoder is always the same.
        part = (network.encoder if network.prompts else Whole(network)).to("cpu").eval()
        whole = ["logits", "embedding"]
        model = encoder_onnx(network) if network.prompts else to_onnx(part, network.preparation, whole)
        with torch.inference_mode():
            ours = part(torch.from_numpy(pixels))
        ours = ours[0] if isinstance(ours, tuple) else ours
        compare([(np.asarray(ours.numpy()), Session(model).run(pixels)[0])])
    except (torch.onnx.OnnxExporterError, RuntimeError, PupilaError) as fault:
        raise PupilaError(
            say("{model} on {encoder} can't be exported", model=network.name, encoder=network.encoder_name),
            found=str(fault).splitlines()[0], wanted=say("an architecture that answers the same in ONNX Runtime"),
            remedy="--set model=unet",
        ) from fault  # fmt: skip
    files.try_write(known, told.encode())


def proven(parts: dict[str, bytes], network: Network, data: Dataset, rows: list[int], task: Task) -> Parity:
    """Torch against ONNX Runtime, from bytes to logits, on awkward drawn files and on real images.

    Raises:
        PupilaError: they differ by more than the tolerance.
    """
    most = PROVEN_ON if network.pooled and not network.prompts else PROVEN_MASKS
    some = rows[:: max(1, len(rows) // most)][:most]
    contents: Iterable[bytes] = chain(
        golden_pictures().values(), (files.read_bytes(data.path(row)) for row in some)
    )
    if network.prompts and sum(p.numel() for p in network.encoder.parameters()) > LARGE:
        contents = islice(contents, PROVEN_LARGE)
    seen = (prepared(content, task, network.preparation).inputs[:MOST_INPUTS] for content in contents)
    if network.prompts:
        return _parts_proven({role: Session(parts[file_of(role)]).run for role in task.roles}, network, seen)
    model = parts[MODEL_FILE]
    whole, session = Whole(network).eval().to("cpu").to(memory_format=torch.channels_last), Session(model)

    def both(pixels: Array) -> tuple[Array, Array]:
        tensor = torch.from_numpy(pixels).contiguous(memory_format=torch.channels_last)
        with torch.inference_mode():
            return np.asarray(whole(tensor)[0].numpy()), session.run(pixels)[0]

    return compare(map(both, seen))


def _parts_proven(theirs: Runs, network: Network, seen: Iterable[Array]) -> Parity:
    """Maps, masks and expected IoUs, each by its own scale; the masks from each one's own maps."""
    head: Any = network.head
    encoder, decoder = EncoderPart(network.encoder, head).eval(), DecoderPart(head).eval()
    maps: list[list[tuple[Array, Array]]] = []
    masks, quality = [], []
    for pixels in seen:
        prompt = middle_prompt(*pixels.shape[2:])
        with torch.inference_mode():
            ours = encoder(torch.from_numpy(pixels))
            said = decoder(*ours, *map(torch.from_numpy, prompt))
        ours, said = ([np.asarray(one.numpy()) for one in part] for part in (ours, said))
        exported = theirs[ENCODER](pixels)
        answered = theirs[DECODER](*exported, *prompt)
        maps.append(list(zip(ours, exported, strict=True)))
        # As two classes, so that the agreement is that of the masks.
        masks.append(
            tuple(np.stack([np.zeros_like(one[0]), one[0]], axis=2)[0] for one in (said[0], answered[0]))
        )
        quality.append((said[1], answered[1]))
    told = [*map(compare, zip(*maps, strict=True)), compare(quality), compare(masks)]
    return told[-1].model_copy(update={"largest_difference": max(one.largest_difference for one in told)})


def _classes(plan: TrainPlan, network: Network) -> list[str]:
    """What is answered: of prompts a thing and what it is not, whatever the data call it."""
    two = network.prompts and len(plan.classes) != 2
    return [BACKGROUND_NAME, THING] if two else plan.classes


def bundled(
    folder: str, plan: TrainPlan, network: Network, data: Dataset, concluded: Concluded, images: Images
) -> Bundle:
    """Write the bundle of a trained network.

    Args:
        folder: of the bundle.
        plan: of the run.
        network: trained.
        data: the data set.
        concluded: from the answers to validation images.
        images: rows of validation, and those that it learned from or was chosen by.
    """
    network.encoder.to("cpu").eval()
    network.head.to("cpu").eval()
    onnx = exported(plan, network)
    task = images.task
    info = BundleInfo(
        made_by=f"pupila {__version__}",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        task=task.name,
        classes=_classes(plan, network),
        preparation=network.preparation,
        temperature=concluded.temperature,
        decision=concluded.decision,
        model={
            "name": network.name, **({"encoder": network.encoder_name} if network.encoder_name else {}),
            **({"options": network.options} if network.prompts else {}),
            "source": network.source,
            "parameters": sum(p.numel() for part in (network.encoder, network.head) for p in part.parameters()),
        },
        validation=concluded.validation,
        prompts=network.prompts,
        parity=proven(onnx, network, data, images.validation, task),
        data_hash=plan.data_hash,
        splits_hash=plan.splits_hash,
        leaking=plan.leaking,
    )  # fmt: skip
    digests = data.images["sha256"].to_list()
    learned = {digests[row] for row in images.learned} | network.learned
    seen = "".join(f"{digest}\n" for digest in sorted(learned))
    parts = {
        **onnx, WEIGHTS_FILE: weights_of(network), CARD_FILE: card(info).encode(),
        LEARNED_FILE: seen.encode(),
    }  # fmt: skip
    return write_bundle(folder, info, parts)
