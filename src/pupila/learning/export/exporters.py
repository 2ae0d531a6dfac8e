"""The exporter of each task, and what all of them do."""

import json

import numpy as np
import torch

from pupila.artifacts.bundle.golden import golden_images, preprocess_bytes
from pupila.artifacts.bundle.session import Session
from pupila.artifacts.bundle.validation import Parity
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.progress import progress
from pupila.core.version import __version__
from pupila.imaging.images.decode import Array
from pupila.learning.export.classify import CLASSIFY_EXPORTER
from pupila.learning.export.exporter import Exporter, ParityImage, ParityImages, Trained
from pupila.learning.export.graph import FORM, OPSET
from pupila.learning.export.multilabel import MULTILABEL_EXPORTER
from pupila.learning.export.parity import check_logits
from pupila.learning.export.prompt import PROMPT_EXPORTER
from pupila.learning.export.segment import SEGMENT_EXPORTER
from pupila.learning.models.network import Network
from pupila.learning.models.settings import DEFAULT_MODELS

EXPORTERS: dict[str, Exporter] = {
    "classify": CLASSIFY_EXPORTER,
    "multilabel": MULTILABEL_EXPORTER,
    "segment": SEGMENT_EXPORTER,
    "prompt": PROMPT_EXPORTER,
}
_MAX_PARITY_TILES = 8  # per image


def check_exportable(network: Network) -> None:
    """Refuse an architecture whose export fails or predicts differently, before it is trained for hours.

    A successful check is cached; a task whose architectures can all be exported is not checked.

    Raises:
        PupilaError: the architecture can't be exported.
    """
    exporter = EXPORTERS[network.task.name]
    if not exporter.checked_first:
        return
    key = json.dumps([network.architecture.model_dump(), network.preprocessing.height, network.size,
                      OPSET, FORM, torch.__version__, __version__], default=str)  # fmt: skip
    known = files.cache_folder() / "exportable" / files.sha256(key.encode())[:24]
    if known.exists():
        return
    drawn = golden_images()["turned.jpg"]
    pixels = preprocess_bytes(drawn, network.task, network.preprocessing).inputs[:1]
    try:
        sample = exporter.sample(network)
        with torch.inference_mode():
            ours = sample.module.to("cpu").eval()(torch.from_numpy(pixels))
        ours = ours[0] if isinstance(ours, tuple) else ours
        check_logits([(np.asarray(ours.numpy()), Session(sample.onnx).run(pixels)[0])])
    except (torch.onnx.OnnxExporterError, RuntimeError, PupilaError) as fault:
        raise PupilaError(
            say("{model} with encoder {encoder} can't be exported", model=network.name, encoder=network.encoder_name),
            actual=str(fault).splitlines()[0],
            expected=say("an architecture with the same predictions in ONNX Runtime"),
            remedy=f"--model {DEFAULT_MODELS[network.task.name]}",
        ) from fault  # fmt: skip
    files.write_to_cache(known, key.encode())


def export_checked(
    network: Network, trained: Trained, images: list[ParityImage]
) -> tuple[dict[str, bytes], Parity]:
    """The network's ONNX files, and how well they agree with it from bytes to logits; progress is shown.

    Args:
        network: trained, on the CPU and in evaluation mode.
        trained: what need not be exported and proven again.
        images: of validation; some of them are compared beside the golden images.

    Raises:
        PupilaError: torch and ONNX Runtime differ by more than the tolerance.
    """
    exporter = EXPORTERS[network.task.name]
    most = exporter.most_images(network)
    drawn = [_drawn_image(content) for content in golden_images().values()][:most]
    some = images[:: max(1, len(images) // exporter.parity_images)][: exporter.parity_images]
    some = some[: None if most is None else most - len(drawn)]
    with progress(say("exporting"), 1) as advance:  # takes longer than many comparisons
        parts = exporter.export(network, trained)
        advance(1)

    def prepare(content: bytes) -> Array:
        return preprocess_bytes(content, network.task, network.preprocessing).inputs[:_MAX_PARITY_TILES]

    with progress(say("comparing the exported model"), len(drawn) + len(some)) as advance:
        to_compare = ParityImages(drawn, some, prepare, advance)
        return parts, exporter.compare(parts, network, trained, to_compare)


def _drawn_image(content: bytes) -> ParityImage:
    return ParityImage(files.sha256(content), lambda: content)
