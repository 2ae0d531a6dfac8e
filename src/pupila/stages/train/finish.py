"""The end of a run: export the model, check that the export predicts the same, and write the bundle."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

import numpy as np

from pupila.artifacts.bundle.architecture import Precision
from pupila.artifacts.bundle.card import render_card
from pupila.artifacts.bundle.folder import CARD_FILE, MODEL_FILE, TRAINING_IMAGES_FILE, Bundle, write_bundle
from pupila.artifacts.bundle.outputs import LOGITS
from pupila.artifacts.bundle.reference import REFERENCE_FILE, encode_reference
from pupila.artifacts.bundle.schema import BundleInfo
from pupila.artifacts.bundle.session import Session
from pupila.artifacts.bundle.validation import DriftReference
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.versions.identity import hash_version
from pupila.core import files
from pupila.core.messages import number, say, say_count
from pupila.core.version import __version__
from pupila.learning.export.exporter import ParityImage, Trained
from pupila.learning.export.exporters import EXPORTERS, export_checked
from pupila.learning.export.graph import add_metadata
from pupila.learning.export.weights import describe_members, encode_towers
from pupila.learning.models.network import Network
from pupila.stages.train.measure import time_faster_of_two
from pupila.stages.train.recipe import ValidationResult
from pupila.stages.train.reference import ReferenceRows, measure_reference
from pupila.stages.train.settings import TrainPlan


@dataclass(frozen=True, slots=True)
class BundleImages:
    """The images that a bundle was validated on, trained on and is monitored with, as rows of the data set."""

    validation: list[int]
    learned: list[int]
    reference: ReferenceRows | None = None  # None: there is none


def describe_bundle(bundle: Bundle, plan: TrainPlan) -> list[str]:
    """What an ensemble or flips cost, and what the bundle is monitored with."""
    lines = []
    if bundle.info.members or plan.test_time_flips != "none":
        lines.append(_describe_cost(bundle))
    if (drift := bundle.info.drift) is not None:
        lines.append(say_count("The reference for monitoring has {n} group.",
                               "The reference for monitoring has {n} groups.", drift.groups))  # fmt: skip
        if drift.source == "out-of-fold" and plan.unfreeze:
            lines.append(say(
                "The content of images is not monitored, as the encoder was fine-tuned on these images: "
                "--unfreeze 0 or --reference-share without folds has it."
            ))  # fmt: skip
    return lines


def _describe_cost(bundle: Bundle) -> str:
    """The size of the model's file, and the time that an image takes on one core."""
    content, spec = bundle.read(MODEL_FILE), bundle.info.preprocessing
    session, pixels = Session(content, threads=1), np.zeros((1, 3, spec.height, spec.width), np.float32)
    seconds = time_faster_of_two(lambda: session.run(pixels, outputs=[LOGITS]))
    return say("Served as one file of {mb} MB; an image takes {ms} ms on one core.",
               mb=number(len(content) / 1e6, 1), ms=number(1e3 * seconds, 1))  # fmt: skip


def write_run_bundle(
    folder: str,
    plan: TrainPlan,
    network: Network,
    data: Dataset,
    result: ValidationResult,
    images: BundleImages,
) -> Bundle:
    """Write the bundle of a trained network, with its reference for monitoring.

    Args:
        folder: of the bundle.
        plan, network: of the run.
        data: the data set.
        result: of validation.
        images: rows of it.
    """
    network = replace(network, test_time_flips=plan.test_time_flips)
    for tower in network.towers:
        if tower.body.is_built:
            tower.encoder.to("cpu").eval()
        tower.head.to("cpu").eval()
    exporter, digests = EXPORTERS[network.task.name], data.images["sha256"].to_list()
    validated = [
        ParityImage(digests[row], partial(files.read_bytes, data.path(row))) for row in images.validation
    ]
    onnx, parity = export_checked(network, Trained(frozen=not plan.unfreeze), validated)
    info = BundleInfo(
        made_by=f"pupila {__version__}",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        task=network.task.name,
        classes=exporter.classes(plan.classes),
        preprocessing=network.preprocessing,
        temperature=result.calibration.temperature,
        post_processing=result.calibration.post_processing,
        prompt_format=network.prompt_format,
        architecture=network.architecture,
        head=network.head_layers,
        weights=network.weights,
        parent=network.parent,
        parameters=network.parameters,
        test_time_flips=network.test_time_flips,
        members=describe_members(network),
        precision=Precision(training=plan.precision),
        validation=result.summary,
        parity=parity,
        data_hash=plan.data_hash,
        splits_hash=plan.splits_hash,
        data_version=hash_version(plan.data_hash, plan.splits_hash),
        leaking=plan.leaking,
    )  # fmt: skip
    learned = {digests[row] for row in images.learned} | network.training_images
    learned_from = "".join(f"{digest}\n" for digest in sorted(learned))
    info, reference = _add_reference(info, onnx, images.reference, data)
    parts = {
        **{name: add_metadata(content, info) for name, content in onnx.items()},
        **encode_towers(network), CARD_FILE: render_card(info).encode(),
        TRAINING_IMAGES_FILE: learned_from.encode(), **reference,
    }  # fmt: skip
    return write_bundle(folder, info, parts)


def _add_reference(
    info: BundleInfo, onnx: dict[str, bytes], rows: ReferenceRows | None, data: Dataset
) -> tuple[BundleInfo, dict[str, bytes]]:
    """What `bundle.json` says of the reference, and its file; nothing where there is none."""
    if rows is None:
        return info, {}
    reference = measure_reference(info, Session(onnx[MODEL_FILE], threads=1), rows, data)
    summary = DriftReference(groups=len(reference.observations), source=rows.source, file=REFERENCE_FILE)
    return info.model_copy(update={"drift": summary}), {REFERENCE_FILE: encode_reference(reference)}
