"""The proof of a frozen encoder: stored once, the same figures as a comparison of images, and refusals."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from pupila.artifacts.bundle.folder import MODEL_FILE
from pupila.artifacts.bundle.runtime import this_runtime
from pupila.artifacts.bundle.session import Session
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.imaging.images.preprocess import Preprocessing
from pupila.learning.export import proof
from pupila.learning.export.encoder import export_encoder
from pupila.learning.export.exporter import ParityImage, ParityImages, Trained
from pupila.learning.export.exporters import export_checked
from pupila.learning.export.heads import attach_head, head_to_onnx
from pupila.learning.models.classify import build_classifier
from pupila.learning.models.network import Network, build_head
from pupila.learning.models.settings import ClassifierSettings
from tests.pictures import write_photo

FROZEN = Trained(frozen=True)


@pytest.fixture(scope="module", autouse=True)
def _own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PUPILA_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(3)
    settings = ClassifierSettings(model="lenet", weights="none", head="linear")
    return build_classifier(settings, classes=3, image_size=32)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[ParityImage]:
    folder = tmp_path_factory.mktemp("images")
    for number in range(3):
        write_photo(folder / f"{number}.png", number)
    return [describe(path) for path in sorted(folder.glob("*.png"))]


def describe(path: Path) -> ParityImage:
    return ParityImage(files.sha256(path.read_bytes()), path.read_bytes)


def unreadable(image: ParityImage) -> ParityImage:
    def refuse() -> bytes:
        raise AssertionError("the image is read again")

    return replace(image, read=refuse)


def other_head(network: Network) -> Network:
    assert network.head_layers is not None
    return replace(network, head=build_head(network.size, network.head_layers))


def test_a_further_head_is_proven_without_images_or_torch(
    network: Network, images: list[ParityImage], monkeypatch: pytest.MonkeyPatch
) -> None:
    parts, parity = export_checked(network, FROZEN, images)
    with monkeypatch.context() as patched:  # an export of the whole takes seconds
        patched.setattr("pupila.learning.export.classify.export_whole", lambda *_: parts)
        _, whole = export_checked(network, Trained(frozen=False), images)
    assert (parity.images, parity.label_agreement) == (whole.images, whole.label_agreement) == (10, 1.0)
    assert parity.largest_difference < 1e-5 and whole.largest_difference < 1e-5
    assert Session(parts[MODEL_FILE]).outputs == ["logits", "embedding", "feature_map"]

    def fail(*_: Any) -> None:
        raise AssertionError("the encoder is run or exported again")

    monkeypatch.setattr(network.encoder, "forward", fail)
    monkeypatch.setattr("pupila.learning.export.encoder.to_onnx", fail)
    _, again = export_checked(other_head(network), FROZEN, list(map(unreadable, images)))
    assert again.images == 10 and 0 < again.largest_difference < 1e-5
    _, repeated = export_checked(network, FROZEN, list(map(unreadable, images)))
    assert repeated == parity


def test_only_new_images_are_compared(network: Network, images: list[ParityImage], tmp_path: Path) -> None:
    export_checked(network, FROZEN, images)
    write_photo(tmp_path / "new.png", 77)
    reads: list[int] = []

    def count() -> bytes:
        reads.append(1)
        return (tmp_path / "new.png").read_bytes()

    new = ParityImage(files.sha256((tmp_path / "new.png").read_bytes()), count)
    _, parity = export_checked(network, FROZEN, [*map(unreadable, images), new])
    assert parity.images == 11 and len(reads) == 1


@pytest.mark.parametrize("changed", ["bands", "size", "weights", "torch", "processor"])
def test_another_state_of_anything_is_another_proof(
    network: Network, images: list[ParityImage], changed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_checked(network, FROZEN, images)
    encoder = export_encoder(network)
    if changed == "torch":
        monkeypatch.setattr("torch.__version__", "0.1")
    elif changed == "processor":
        other = this_runtime().model_copy(update={"cpu_features": ["none"]})
        monkeypatch.setattr(proof, "this_runtime", lambda: other)
    elif changed == "weights":
        network = replace(network, weights_hash="another")
    else:
        update = {"fit": "pad"} if changed == "bands" else {"mean": (0.4, 0.4, 0.4)}
        spec: Preprocessing = network.preprocessing.model_copy(update=update)
        network = replace(network, preprocessing=spec)
    images_to_prove = ParityImages([], [unreadable(images[0])], lambda _: np.empty(0), lambda _: None)
    with pytest.raises(AssertionError, match="read again"):
        proof.embed_both(encoder, network, images_to_prove)


def test_a_head_alone_has_the_logits_of_torch() -> None:
    torch.manual_seed(0)
    head = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4, 2)).eval()
    features = np.random.default_rng(0).standard_normal((3, 5), dtype=np.float32)
    logits, embedding = Session(head_to_onnx(head, 5)).run(features)
    assert logits == pytest.approx(head(torch.from_numpy(features)).detach().numpy(), abs=1e-6)
    assert np.array_equal(embedding, features)


def test_a_joined_graph_equals_its_parts_to_1e_5_or_is_refused(network: Network) -> None:
    encoder = export_encoder(network)
    joined = attach_head(encoder, network.head)
    pixels = np.random.default_rng(0).standard_normal((4, 3, 32, 32), dtype=np.float32)
    head = Session(head_to_onnx(network.head, network.size))
    proof.check_joined(Session(joined), Session(encoder), head, pixels)
    for name, factor in (("head_0_bias", 1e-4), (None, 1e-4)):  # of the head, of the encoder
        model = onnx.load_model_from_string(joined)
        tensors = [t for t in model.graph.initializer if (t.name == name) == (name is not None)]
        changed = max(tensors, key=lambda tensor: onnx.numpy_helper.to_array(tensor).size)
        values = onnx.numpy_helper.to_array(changed)
        spread = np.float32(factor) * (np.abs(values).max() + 1)
        changed.CopyFrom(onnx.numpy_helper.from_array(values + spread, changed.name))
        with pytest.raises(PupilaError, match="does not match"):
            proof.check_joined(Session(model.SerializeToString()), Session(encoder), head, pixels)


def test_an_encoder_that_predicts_otherwise_is_refused(
    network: Network, images: list[ParityImage], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = onnx.load_model_from_string(export_encoder(network))
    tensor = max(model.graph.initializer, key=lambda entry: onnx.numpy_helper.to_array(entry).size)
    values = onnx.numpy_helper.to_array(tensor)
    tensor.CopyFrom(onnx.numpy_helper.from_array(values * np.float32(1.5), tensor.name))
    monkeypatch.setattr(proof, "export_encoder", lambda _: model.SerializeToString())
    with pytest.raises(PupilaError, match="does not match"):
        export_checked(network, FROZEN, images)
