"""Make the candidates of a compression, and write what came of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from pupila.artifacts.bundle.architecture import Compression
from pupila.artifacts.bundle.card import render_card
from pupila.artifacts.bundle.folder import (
    CALIBRATION_IMAGES_FILE,
    CARD_FILE,
    MODEL_FILE,
    TRAINING_IMAGES_FILE,
    WEIGHTS_FILE,
    Bundle,
    has_bundle,
    read_bundle,
    write_bundle,
)
from pupila.artifacts.bundle.outputs import LOGITS
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.bundle.session import Session
from pupila.artifacts.report.compression import CompressedModel, CompressReport
from pupila.artifacts.report.page import render
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.progress import progress
from pupila.core.version import __version__
from pupila.imaging.images.decode import Array
from pupila.stages.compress.calibration import CalibrationImages
from pupila.stages.compress.candidate import (
    Candidate,
    FloatModel,
    can_compress,
    list_candidates,
    plan_networks,
)
from pupila.stages.compress.page import compression_page
from pupila.stages.compress.settings import CompressSettings
from pupila.statistics.estimate import Difference
from pupila.tasks import TASKS

_LOGIT_INPUTS = 16  # calibration inputs whose logits are compared
# What ONNX Runtime's quantisation raises on graphs that it does not take; it has no errors of its own.
FAULTS = (PupilaError, RuntimeError, ValueError, TypeError, KeyError, AttributeError, NotImplementedError)


@dataclass(frozen=True, slots=True)
class MadeCandidate:
    """A model that was made, or why it could not be."""

    candidate: Candidate
    content: bytes  # its ONNX file; empty: it could not be made
    reason: str = ""
    largest_difference: float | None = None  # of a logit, over the largest absolute one of the parent

    @property
    def parameters(self) -> int:
        """Number of its weights."""
        bundle = self.candidate.model.bundle
        return 0 if bundle is None else bundle.info.parameters


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


def list_all_candidates(parent: Bundle, settings: CompressSettings) -> list[Candidate]:
    """What the settings ask for, before any network is made.

    Raises:
        PupilaError: they ask for nothing, or one of them has no effect.
    """
    if "finetune_epochs" in settings.model_fields_set and not (settings.prune or settings.zero):
        raise PupilaError(
            say("{setting} has no effect: it needs {need}", setting=f"finetune_epochs={settings.finetune_epochs}",
                need="--prune 0.3, --zero 0.3"), remedy=say("omit {flag}", flag="--finetune-epochs"),
        )  # fmt: skip
    models = [FloatModel("", "", parent), *plan_networks(settings)]
    candidates = [candidate for model in models for candidate in list_candidates(model, settings)]
    if not candidates:
        raise PupilaError(
            say("There is nothing to try"), actual="--no-int8", expected=say("at least one way to compress"),
            remedy="--int8, --half, --prune 0.3, --zero 0.3, --distill-into MODEL",
        )  # fmt: skip
    return candidates


def make_candidates(
    parent: Bundle, candidates: Sequence[Candidate], images: CalibrationImages
) -> list[MadeCandidate]:
    """Every candidate, each with its largest difference of a logit to the parent."""
    predictor = Predictor(parent)
    models: list[MadeCandidate] = []
    with progress(say("compressing"), len(candidates)) as advance:
        inputs = list(images.inputs(predictor))
        some = np.concatenate(inputs[:: max(1, len(inputs) // _LOGIT_INPUTS)][:_LOGIT_INPUTS])
        logits = Session(parent.read(MODEL_FILE)).run(some, outputs=[LOGITS])[0]
        for candidate in candidates:
            models.append(_make(candidate, inputs, some, logits))
            advance(1)
    return models


def _make(candidate: Candidate, inputs: list[Array], some: Array, logits: Array) -> MadeCandidate:
    if candidate.model.bundle is None:
        return MadeCandidate(candidate, b"", reason=candidate.model.reason)
    try:
        content = candidate.make(inputs)
        own = Session(content).run(some, outputs=[LOGITS])[0]
    except FAULTS as fault:
        return MadeCandidate(candidate, b"", reason=describe_fault(fault))
    return MadeCandidate(
        candidate, content, largest_difference=float(np.abs(own - logits).max() / np.abs(logits).max())
    )


def describe_fault(fault: Exception) -> str:
    """The first line of an error, as a reason."""
    return (str(fault).splitlines() or [type(fault).__name__])[0][:200].removesuffix(".")


def write_candidate(
    folder: str,
    parent: Bundle,
    model: MadeCandidate,
    images: CalibrationImages,
    compression: Compression | None = None,
) -> Bundle:
    """A candidate as a bundle; with weights for torch where a network of its architecture takes them."""
    source = model.candidate.model.bundle
    assert source is not None
    precision = source.info.precision.model_copy(update={"onnx": model.candidate.conversion.precision})
    info = source.info.model_copy(
        update={
            "made_by": f"pupila {__version__}", "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "parent": parent.hash, "members": [], "compression": compression, "precision": precision,
            "drift": None,  # the reference is that of another model
            "parity": source.info.parity if precision == source.info.precision else None,
        }
    )  # fmt: skip
    learned = sorted(parent.training_images() | source.training_images())
    parts = {
        MODEL_FILE: model.content,
        CARD_FILE: render_card(info).encode(),
    }
    if model.candidate.conversion.calibrates:
        digests = sorted(images.hashes)
        parts[CALIBRATION_IMAGES_FILE] = "".join(f"{digest}\n" for digest in digests).encode()
    if learned:
        parts[TRAINING_IMAGES_FILE] = "".join(f"{digest}\n" for digest in learned).encode()
    if model.candidate.is_rebuilt:
        parts[WEIGHTS_FILE] = source.read(WEIGHTS_FILE)
    return write_bundle(folder, info, parts)


def describe_compression(
    model: MadeCandidate, metric: str, difference: Difference, images: CalibrationImages
) -> Compression:
    """What the bundle of a candidate says of how it was made."""
    return Compression(
        method=model.candidate.title,
        metric=metric,
        difference=difference,
        calibration_images=len(images.hashes) if model.candidate.conversion.calibrates else 0,
    )


def describe_failures(models: list[MadeCandidate]) -> Mapping[str, CompressedModel]:
    """The entries of candidates that could not be made, by name."""
    return {
        each.candidate.name: CompressedModel(
            name=each.candidate.name, title=each.candidate.title, outcome="failed", reason=each.reason
        )
        for each in models if not each.content
    }  # fmt: skip


def remove_earlier(folder: str, parent: Bundle) -> None:
    """Delete the bundle of an earlier compression of the same parent, which the new report does not describe."""
    if not files.is_remote(folder) and has_bundle(folder) and read_bundle(folder).info.parent == parent.hash:
        files.remove_folder(Path(folder))


def list_remarks(models: list[MadeCandidate]) -> list[str]:
    """How the networks of the candidates were made, each once."""
    remarks = [each.candidate.model.remark for each in models if each.content]
    return [remark for remark in dict.fromkeys(remarks) if remark]


def write_compression(report: CompressReport, folder: str) -> None:
    """Write `compress.json` and `compress.html`."""
    files.write_json(files.join(folder, "compress.json"), report.model_dump(mode="json", by_alias=True))
    files.write_bytes(files.join(folder, "compress.html"), render(compression_page(report)).encode())
