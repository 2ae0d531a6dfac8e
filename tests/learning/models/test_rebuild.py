"""Every model of the catalogue is built again from its bundle alone, and gives the logits of the ONNX file."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pupila.artifacts.bundle.architecture import Standardisation
from pupila.artifacts.bundle.folder import WEIGHTS_FILE, Bundle, read_bundle, write_bundle
from pupila.artifacts.bundle.info_file import INFO_FILE, seal
from pupila.artifacts.bundle.parts import onnx_file
from pupila.artifacts.bundle.schema import BundleInfo
from pupila.artifacts.bundle.session import Session
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.learning.export.exporter import Trained
from pupila.learning.export.exporters import EXPORTERS
from pupila.learning.export.weights import encode_weights
from pupila.learning.models import hub
from pupila.learning.models.build import BUILDERS
from pupila.learning.models.nets import NETS
from pupila.learning.models.network import Network, WholeNetwork
from pupila.learning.models.prompt_head import DecoderPart, EncoderPart
from pupila.learning.models.rebuild import REBUILDERS, rebuild_network
from pupila.learning.models.segment import ARCHITECTURES
from pupila.learning.models.settings import ClassifierSettings, EncoderSettings
from pupila.tasks import TASKS
from pupila.tasks.prompt import DECODER, ENCODER, centre_prompt
from tests import checkpoints

Item = tuple[str, dict[str, Any], int | None]  # task, settings, image size
SLOW = pytest.mark.slow
CLASSIFIERS = (
    "test_efficientnet",
    "test_convnext",
    "test_resnet",
    "test_vit",
    "test_byobnet",
    "test_mambaout",
)
FAST = ("lenet", "test_convnext", "unet", "pupila-sam", "sam")  # one of each library
EXPORTED = ("lenet", "unet")  # the fast ones that are compared with ONNX Runtime, too


def catalogue() -> list[Any]:
    items: list[Item] = [("classify", {"model": name}, 32) for name in NETS]
    items += [("classify", {"model": name}, 160 if "vit" in name else 32) for name in CLASSIFIERS]
    items.append(("classify", {"model": "vit_tiny_patch16_224", "head": "linear"}, 64))
    items += [
        ("segment", {"model": name, "encoder": "test_vit" if name == "dpt" else "test_efficientnet"}, 160)
        for name in ARCHITECTURES
    ]
    items.append(("prompt", {"model": "pupila-sam", "encoder": "test_efficientnet"}, 64))
    items += [("prompt", {"model": kind}, None) for kind in ("sam", "sam2")]
    chosen = []
    for item in items:
        name = str(item[1]["model"])
        if name in FAST:
            chosen.append(pytest.param(*item, name in EXPORTED, id=name))
        if name not in EXPORTED:
            chosen.append(pytest.param(*item, True, id=f"{name}-onnx", marks=SLOW))
    return chosen


def bundle_of(network: Network, folder: Path, classes: list[str], onnx: bool = True) -> Bundle:
    """A bundle as training writes it; or its description and its weights alone, which is quicker."""
    network.encoder.eval()
    network.head.eval()
    for buffer in network.encoder.modules():  # running statistics that are not those of a new network
        if isinstance(buffer, torch.nn.BatchNorm2d) and buffer.running_mean is not None:
            buffer.running_mean.uniform_(-0.1, 0.1)
    info = BundleInfo(
        made_by="a test", created="2026-01-01T00:00:00+00:00", task=network.task.name, classes=classes,
        preprocessing=network.preprocessing, prompt_format=network.prompt_format, architecture=network.architecture,
        head=network.head_layers, weights=network.weights, parameters=network.parameters,
    )  # fmt: skip
    weights = encode_weights(network)
    if onnx:
        parts = EXPORTERS[network.task.name].export(network, Trained(frozen=False))
        return write_bundle(folder, info, {**parts, WEIGHTS_FILE: weights})
    sealed, content = seal(info.model_copy(update={"files": {WEIGHTS_FILE: files.sha256(weights)}}))
    for name, data in ((INFO_FILE, content), (WEIGHTS_FILE, weights)):
        files.write_bytes(str(folder / name), data)
    return Bundle(str(folder), sealed)


def run_torch(network: Network, pixels: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
    head: Any = network.head
    with torch.inference_mode():
        if not network.task.takes_prompts:
            return [WholeNetwork(network)(torch.from_numpy(pixels))[0].numpy()]
        maps = EncoderPart(network.encoder, head)(torch.from_numpy(pixels))
        prompt = map(torch.from_numpy, centre_prompt(*pixels.shape[2:]))
        return [tensor.numpy() for tensor in DecoderPart(head)(*maps, *prompt)]


def run_onnx(bundle: Bundle, pixels: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
    sessions = {role: Session(bundle.read(onnx_file(role))) for role in TASKS[bundle.info.task].roles}
    if len(sessions) == 1:
        return sessions["model"].run(pixels, outputs=["logits"])
    return sessions[DECODER].run(*sessions[ENCODER].run(pixels), *centre_prompt(*pixels.shape[2:]))


@pytest.mark.parametrize(("task", "settings", "side", "onnx"), catalogue())
def test_a_bundle_alone_gives_the_network_again(
    task: str,
    settings: dict[str, Any],
    side: int | None,
    onnx: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if settings["model"] in ("sam", "sam2"):
        make: Callable[[Path], Any] = getattr(checkpoints, settings["model"])
        make(tmp_path / "checkpoint")
        settings = {"model": str(tmp_path / "checkpoint"), "weights": "default"}
    torch.manual_seed(0)
    classes = ["a", "b"] if task == "prompt" else ["a", "b", "c"]
    kind: Any = ClassifierSettings if task == "classify" else EncoderSettings
    network = BUILDERS[task](kind(**{"weights": "none", **settings}), len(classes), side)
    written = bundle_of(network, tmp_path / "bundle", classes, onnx)
    shutil.rmtree(tmp_path / "checkpoint", ignore_errors=True)
    monkeypatch.setattr(hub, "_responds", lambda address: pytest.fail("the hub was asked"))
    bundle = read_bundle(written.folder) if onnx else written
    torch.manual_seed(1)  # other random weights, all of which the bundle's replace
    again = rebuild_network(bundle)
    spec = network.preprocessing
    pixels = np.random.default_rng(0).standard_normal((1, 3, spec.height, spec.width), dtype=np.float32)
    expected = run_torch(network, pixels)
    actual = run_torch(again, pixels)
    assert all((ours == exact).all() for ours, exact in zip(actual, expected, strict=True))
    for ours, theirs in zip(actual, run_onnx(bundle, pixels) if onnx else actual, strict=True):
        assert np.abs(ours - theirs).max() <= 1e-3 * max(np.abs(ours).max(), 1e-6)
    assert again.parent == bundle.hash and again.preprocessing == spec
    assert (again.architecture, again.head_layers, again.parameters, again.stride, again.size) == (
        network.architecture, network.head_layers, network.parameters, network.stride, network.size,
    )  # fmt: skip


def test_every_task_can_be_rebuilt() -> None:
    assert REBUILDERS.keys() == BUILDERS.keys() == EXPORTERS.keys() == TASKS.keys()


def test_a_description_that_does_not_fit_the_weights_is_refused(tmp_path: Path) -> None:
    network = BUILDERS["classify"](ClassifierSettings(model="lenet", weights="none", head="dense"), 3, 32)
    bundle = bundle_of(network, tmp_path / "bundle", ["a", "b", "c"])
    assert bundle.info.head is not None
    other = bundle.info.head.model_copy(update={"widths": [64, 3]})
    parts = {name: bundle.read(name) for name in ("model.onnx", WEIGHTS_FILE)}
    changed = write_bundle(tmp_path / "other", bundle.info.model_copy(update={"head": other}), parts)
    with pytest.raises(PupilaError, match=r"(?s)do not match the model.*of another shape"):
        rebuild_network(changed)
    standard = bundle.info.head.model_copy(
        update={"standardisation": Standardisation(mean=[0.0] * 84, std=[1.0] * 84)}
    )
    changed = write_bundle(tmp_path / "third", bundle.info.model_copy(update={"head": standard}), parts)
    with pytest.raises(PupilaError, match="standardised features"):
        rebuild_network(changed)
