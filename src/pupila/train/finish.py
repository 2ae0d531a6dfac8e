"""The end of a run: calibrate, export, prove that the export answers the same, and write the bundle and the page."""

from datetime import UTC, datetime
from itertools import chain
from typing import Any

import numpy as np
import torch

import pupila
from pupila import files
from pupila.bundle.card import card
from pupila.bundle.folder import LEARNED_FILE, MODEL_FILE, Bundle, golden_pictures, write_bundle
from pupila.bundle.schema import BundleInfo, Parity
from pupila.bundle.session import Session
from pupila.dataset.manifest import Dataset
from pupila.errors import PupilaError
from pupila.export import compare, to_onnx, weights_of, with_head
from pupila.images.decode import Array
from pupila.images.prepare import load
from pupila.metrics.calibration import fit_temperature
from pupila.metrics.classify import majority
from pupila.metrics.intervals import overall
from pupila.metrics.threshold import positive_of, rarer, tune
from pupila.models.network import Network, Whole
from pupila.tasks.classify import chosen, softmax
from pupila.tasks.task import Decision
from pupila.train.engine import encoder_onnx
from pupila.train.settings import TrainPlan

WEIGHTS_FILE, CARD_FILE = "weights.safetensors", "card.md"
PROVEN_ON = 256  # validation images, at most, on which the export is proven, besides the drawn ones
_AT_ONCE = 16  # of them


def exported(plan: TrainPlan, network: Network) -> bytes:
    """The trained network as ONNX; a frozen encoder that was exported before only gets its new head."""
    if not plan.thaw and plan.engine == "onnxruntime":
        return with_head(encoder_onnx(network), network.head)
    return to_onnx(Whole(network), network.preparation, ["logits", "embedding"])


def validated(classes: list[str], numbers: Array, answers: Array, groups: Array) -> dict[str, Any]:
    """What `bundle.json` says of its answers to validation; empty where nothing was validated."""
    if not len(numbers):
        return {}
    return {
        "n": len(numbers),
        "groups": len(set(groups.tolist())),
        "metrics": overall(numbers, answers, groups, len(classes)),
        "baseline": baseline(classes, numbers),
    }


def baseline(classes: list[str], numbers: Array) -> dict[str, Any]:
    """What always answering the most frequent class would reach."""
    most, metrics = majority(numbers, len(classes))
    return {"class": classes[most], **metrics}


def decided(plan: TrainPlan, logits: Array, numbers: Array, temperature: float) -> Decision:
    """How the bundle's probabilities become answers; a threshold is tuned on validation."""
    decision = Decision(abstain_below=plan.abstain_below)
    if plan.threshold is None or not len(logits):
        return decision
    named, objective = positive_of(plan.threshold, plan.classes)
    positive = rarer(numbers) if named is None else named
    scores = softmax(logits / temperature)[:, positive]
    try:
        tuned = tune(objective, scores, numbers == positive)
    except PupilaError:  # none reaches it: said on the page, for a trained model is not thrown away
        tuned = None
    return decision.model_copy(
        update={"positive": plan.classes[positive], "threshold": tuned, "objective": plan.threshold}
    )


def proven(model: bytes, network: Network, data: Dataset, rows: list[int]) -> Parity:
    """Torch against ONNX Runtime, from bytes to logits, on awkward drawn files and on real images.

    Raises:
        PupilaError: they differ by more than the tolerance.
    """
    chosen = rows[:: max(1, len(rows) // PROVEN_ON)][:PROVEN_ON]
    batches = (chosen[start : start + _AT_ONCE] for start in range(0, len(chosen), _AT_ONCE))
    contents = ([files.read_bytes(data.path(row)) for row in some] for some in batches)
    seen = (np.stack([load(content, network.preparation) for content in some]) for some in contents)
    drawn = np.stack([load(content, network.preparation) for content in golden_pictures().values()])
    whole, session = Whole(network).eval().to("cpu").to(memory_format=torch.channels_last), Session(model)
    ours, theirs = [], []
    for pixels in chain([drawn], seen):
        tensor = torch.from_numpy(pixels).contiguous(memory_format=torch.channels_last)
        with torch.inference_mode():
            ours.append(whole(tensor)[0].numpy())
        theirs.append(session.run(pixels)[0])
    return compare(np.concatenate(ours), np.concatenate(theirs))


def bundled(
    folder: str, plan: TrainPlan, network: Network, data: Dataset, answers: "Answers", learned: list[int]
) -> Bundle:
    """Write the bundle of a trained network.

    Args:
        folder: of the bundle.
        plan: of the run.
        network: trained.
        data: the data set.
        answers: to validation images.
        learned: rows that it learned from or was chosen by.
    """
    logits, truth, groups, rows = answers
    network.encoder.to("cpu").eval()
    network.head.to("cpu").eval()
    model = exported(plan, network)
    numbers = np.array([plan.classes.index(str(name)) for name in truth], dtype=np.int64)
    temperature = fit_temperature(logits, numbers)
    decision = decided(plan, logits, numbers, temperature)
    answered = chosen(softmax(logits / temperature), plan.classes, decision)
    info = BundleInfo(
        made_by=f"pupila {pupila.__version__}",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        task="classify",
        classes=plan.classes,
        preparation=network.preparation,
        temperature=temperature,
        decision=decision,
        model={
            "name": network.name, "source": network.source,
            "parameters": sum(p.numel() for part in (network.encoder, network.head) for p in part.parameters()),
        },
        validation=validated(plan.classes, numbers, answered, groups),
        parity=proven(model, network, data, rows),
        data_hash=plan.data_hash,
        splits_hash=plan.splits_hash,
        leaking=plan.leaking,
    )  # fmt: skip
    digests = data.images["sha256"].to_list()
    seen = "".join(f"{digest}\n" for digest in sorted({digests[row] for row in learned}))
    parts = {
        MODEL_FILE: model, WEIGHTS_FILE: weights_of(network), CARD_FILE: card(info).encode(),
        LEARNED_FILE: seen.encode(),
    }  # fmt: skip
    return write_bundle(folder, info, parts)


Answers = tuple[Array, list[str | None], Array, list[int]]  # logits, classes, groups, rows of the data set
