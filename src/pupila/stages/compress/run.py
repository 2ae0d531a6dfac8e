"""Make the candidates of a compression, and write what came of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from pupila.artifacts.bundle.architecture import Compression
from pupila.artifacts.bundle.card import render_card
from pupila.artifacts.bundle.folder import (
    CALIBRATION_IMAGES_FILE,
    CARD_FILE,
    MODEL_FILE,
    TRAINING_IMAGES_FILE,
    Bundle,
    write_bundle,
)
from pupila.artifacts.bundle.outputs import LOGITS
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.bundle.session import Session
from pupila.artifacts.report.compression import CompressedModel, CompressReport
from pupila.artifacts.report.page import render
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say, translate
from pupila.core.progress import progress
from pupila.core.version import __version__
from pupila.stages.compress.calibration import CalibrationImages
from pupila.stages.compress.candidate import CANDIDATES, Candidate, can_compress
from pupila.stages.compress.page import compression_page
from pupila.statistics.estimate import Difference
from pupila.tasks import TASKS

_LOGIT_INPUTS = 16  # calibration inputs whose logits are compared
# What ONNX Runtime's quantisation raises on graphs that it does not take; it has no errors of its own.
_FAULTS = (PupilaError, RuntimeError, ValueError, TypeError, KeyError, AttributeError, NotImplementedError)


@dataclass(frozen=True, slots=True)
class MadeCandidate:
    """A model that was made, or why it could not be."""

    candidate: Candidate
    content: bytes  # its ONNX file; empty: it could not be made
    reason: str = ""
    largest_difference: float | None = None  # of a logit, over the largest absolute one of the parent


def check_compressible(bundle: Bundle) -> None:
    """Refuse what can't be compressed.

    Raises:
        PupilaError: a promptable model, or one that was compressed before.
    """
    if TASKS[bundle.info.task].takes_prompts:
        raise PupilaError(
            say("Promptable models can't be compressed"), actual=bundle.folder,
            expected=say("a bundle that takes no prompts"),
        )  # fmt: skip
    if not can_compress(bundle):
        raise PupilaError(
            say("The bundle is compressed already"), actual=bundle.info.precision.onnx, expected="float32",
            remedy=say("compress its parent"),
        )  # fmt: skip


def make_candidates(bundle: Bundle, images: CalibrationImages) -> list[MadeCandidate]:
    """Every candidate, each with its largest difference of a logit to the parent."""
    model, predictor = bundle.read(MODEL_FILE), Predictor(bundle)
    models: list[MadeCandidate] = []
    with progress(say("compressing"), len(CANDIDATES)) as advance:
        inputs = list(images.inputs(predictor))
        parent = Session(model)
        some = np.concatenate(inputs[:: max(1, len(inputs) // _LOGIT_INPUTS)][:_LOGIT_INPUTS])
        logits = parent.run(some, outputs=[LOGITS])[0]
        for candidate in CANDIDATES:
            try:
                content = candidate.make(model, inputs)
                own = Session(content).run(some, outputs=[LOGITS])[0]
                difference = float(np.abs(own - logits).max() / np.abs(logits).max())
                models.append(MadeCandidate(candidate, content, largest_difference=difference))
            except _FAULTS as fault:
                models.append(MadeCandidate(candidate, b"", reason=str(fault).splitlines()[0][:200]))
            advance(1)
    return models


def write_candidate(
    folder: str,
    parent: Bundle,
    model: MadeCandidate,
    images: CalibrationImages,
    compression: Compression | None = None,
) -> Bundle:
    """A candidate as a bundle; without the weights for torch, which are its parent's."""
    info = parent.info.model_copy(
        update={
            "made_by": f"pupila {__version__}", "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "parent": parent.hash, "parity": None, "members": [], "compression": compression,
            "precision": parent.info.precision.model_copy(update={"onnx": model.candidate.precision}),
        }
    )  # fmt: skip
    parts = {
        MODEL_FILE: model.content,
        CARD_FILE: render_card(info).encode(),
        CALIBRATION_IMAGES_FILE: "".join(f"{digest}\n" for digest in sorted(images.hashes)).encode(),
    }
    copied = [
        name for name in (TRAINING_IMAGES_FILE, parent.info.drift.file if parent.info.drift else "") if name
    ]
    parts |= {name: parent.read(name) for name in copied if name in parent.info.files}
    return write_bundle(folder, info, parts)


def describe_compression(
    model: MadeCandidate, metric: str, difference: Difference, images: CalibrationImages
) -> Compression:
    """What the bundle of a candidate says of how it was made."""
    return Compression(
        method=model.candidate.title,
        metric=metric,
        difference=difference,
        calibration_images=len(images.hashes),
    )


def describe_failures(models: list[MadeCandidate]) -> Mapping[str, CompressedModel]:
    """The entries of candidates that could not be made, by name."""
    return {
        each.candidate.name: CompressedModel(
            name=each.candidate.name, title=translate(each.candidate.title), outcome="failed", reason=each.reason
        )
        for each in models if not each.content
    }  # fmt: skip


def write_compression(report: CompressReport, folder: str) -> None:
    """Write `compress.json` and `compress.html`."""
    files.write_json(files.join(folder, "compress.json"), report.model_dump(mode="json", by_alias=True))
    files.write_bytes(files.join(folder, "compress.html"), render(compression_page(report)).encode())
