"""The end of a run: calibrate, export, prove that the export answers the same, and write the bundle and the page."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

import pupila
from pupila.bundle.card import card
from pupila.bundle.folder import MODEL_FILE, Bundle, golden_pictures, write_bundle
from pupila.bundle.schema import BundleInfo, Parity
from pupila.bundle.session import Session
from pupila.dataset.manifest import Dataset
from pupila.export import compare, to_onnx, weights_of, with_head
from pupila.images import Array, load
from pupila.loader.pictures import Pictures
from pupila.loader.views import Views
from pupila.metrics.calibration import fit_temperature
from pupila.metrics.intervals import overall
from pupila.models.network import Network, Whole
from pupila.train.engine import encoder_onnx
from pupila.train.settings import TrainPlan

WEIGHTS_FILE, CARD_FILE = "weights.safetensors", "card.md"
PROVEN_ON = 64  # validation images on which the export is proven, besides the drawn ones

if TYPE_CHECKING:
    from collections.abc import Sequence


def exported(plan: TrainPlan, network: Network) -> bytes:
    """The trained network as ONNX; a frozen encoder that was exported before only gets its new head."""
    if not plan.thaw and plan.engine == "onnxruntime":
        return with_head(encoder_onnx(network), network.head)
    return to_onnx(Whole(network), network.preparation, ["logits", "embedding"])


def validated(plan: TrainPlan, logits: Array, truth: "Sequence[str | None]", groups: Array) -> dict[str, Any]:
    """What `bundle.json` says of validation; empty where nothing was validated."""
    if not len(logits):
        return {}
    numbers = np.array([plan.classes.index(str(name)) for name in truth])
    return {
        "n": len(logits),
        "groups": len(set(groups.tolist())),
        "metrics": overall(numbers, logits.argmax(axis=1), groups, len(plan.classes)),
    }


def proven(model: bytes, network: Network, data: Dataset, rows: list[int]) -> Parity:
    """Torch against ONNX Runtime, from bytes to logits, on awkward drawn files and on real images.

    Raises:
        PupilaError: they differ by more than the tolerance.
    """
    drawn = np.stack([load(content, network.preparation) for content in golden_pictures().values()])
    chosen = rows[:: max(1, len(rows) // PROVEN_ON)][:PROVEN_ON]
    pixels = [drawn]
    if chosen:
        views = Views(Pictures(data, network.preparation, chosen), "none", 0)
        pixels += [
            views.inputs([(row, None) for row in chosen[i : i + 16]]) for i in range(0, len(chosen), 16)
        ]
    whole, session = Whole(network).eval().to("cpu").to(memory_format=torch.channels_last), Session(model)
    with torch.inference_mode():
        ours = np.concatenate([
            whole(torch.from_numpy(some).contiguous(memory_format=torch.channels_last))[0].numpy() for some in pixels
        ])  # fmt: skip
    found = compare(ours, np.concatenate([session.run(some)[0] for some in pixels]))
    return Parity(
        images=found.images, largest_difference=found.largest_difference,
        label_agreement=found.label_agreement, tolerance=found.tolerance,
    )  # fmt: skip


def bundled(folder: str, plan: TrainPlan, network: Network, data: Dataset, answers: "Answers") -> Bundle:
    """Write the bundle of a trained network.

    Args:
        folder: of the bundle.
        plan: of the run.
        network: trained.
        data: the data set.
        answers: to validation images.
    """
    logits, truth, groups, rows = answers
    network.encoder.to("cpu").eval()
    network.head.to("cpu").eval()
    model = exported(plan, network)
    numbers = np.array([plan.classes.index(str(name)) for name in truth], dtype=np.int64)
    info = BundleInfo(
        made_by=f"pupila {pupila.__version__}",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        task="classify",
        classes=plan.classes,
        preparation=network.preparation,
        temperature=fit_temperature(logits, numbers),
        model={
            "name": network.name, "source": network.source,
            "parameters": sum(p.numel() for part in (network.encoder, network.head) for p in part.parameters()),
        },
        validation=validated(plan, logits, truth, groups),
        parity=proven(model, network, data, rows),
        data_hash=plan.data_hash,
        splits_hash=plan.splits_hash,
        leaking=plan.leaking,
    )  # fmt: skip
    parts = {MODEL_FILE: model, WEIGHTS_FILE: weights_of(network), CARD_FILE: card(info).encode()}
    return write_bundle(folder, info, parts)


Answers = tuple[Array, list[str | None], Array, list[int]]  # logits, classes, groups, rows of the data set
