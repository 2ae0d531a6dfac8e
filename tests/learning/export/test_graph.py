"""Exported graphs: plain nodes, the feature map, and the metadata of a lone file."""

import json
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from pupila.artifacts.bundle.session import Session
from pupila.imaging.images.preprocess import Preprocessing
from pupila.learning.export.exporter import Trained
from pupila.learning.export.graph import add_metadata, to_onnx
from pupila.learning.export.whole import OUTPUTS, export_whole
from pupila.learning.models.build import BUILDERS
from pupila.learning.models.settings import ClassifierSettings, EncoderSettings, ModelSettings
from pupila.tasks import TASKS
from tests.colours import colour_model, info

SPEC = Preprocessing(height=8, width=6)
NOTHING = Trained(frozen=False)


def export_model(task: str, side: int, settings: ModelSettings) -> bytes:
    torch.manual_seed(0)
    network = BUILDERS[task](settings, 3, side)
    (content,) = export_whole(network, NOTHING).values()
    return content


class Rearranged(nn.Module):
    """Reshapes that flatten an image's channels, and some that do not."""

    def forward(self, pixels: torch.Tensor) -> Any:
        flat = pixels.flatten(1)  # (N, 3 * 8 * 6)
        pairs = flat.reshape(-1, 72, 2)
        return pairs * 2, pixels.view(-1, 144) + 1, pixels.reshape(-1, 72) + 1


def test_only_what_flattens_each_image_becomes_a_flatten() -> None:
    content = to_onnx(Rearranged(), SPEC, ["pairs", "flat", "halves"])
    graph = onnx.load_model_from_string(content).graph
    kinds = [node.op_type for node in graph.node if node.op_type in ("Flatten", "Reshape")]
    assert sorted(set(kinds)) == ["Flatten", "Reshape"] and kinds.count("Reshape") == 2
    used = {name for node in graph.node for name in node.input}
    assert {tensor.name for tensor in graph.initializer} <= used  # the targets of the reshapes are gone
    pixels = np.random.default_rng(0).standard_normal((3, 3, 8, 6), dtype=np.float32)
    expected = [part.numpy() for part in Rearranged()(torch.from_numpy(pixels))]
    for ours, theirs in zip(Session(content).run(pixels), expected, strict=True):
        assert (ours == theirs).all()


class Enlarged(nn.Module):
    """A convolution whose map is pooled, and enlarged by whole and by broken factors."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.pool, self.head = nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Linear(4, 2)

    def forward(self, pixels: torch.Tensor) -> Any:
        channels = nn.functional.hardsigmoid(self.conv(pixels))
        twice = nn.functional.interpolate(channels, size=(16, 12), mode="bilinear", align_corners=True)
        broken = nn.functional.interpolate(channels, size=(11, 7), mode="nearest")
        uneven, even = (
            nn.AdaptiveAvgPool2d((3, 4))(channels),
            nn.functional.adaptive_avg_pool2d(channels, (4, None)),
        )
        return self.head(self.pool(channels).flatten(1)), twice, broken, uneven, even


def test_a_network_that_was_trained_has_the_nodes_that_other_software_reads() -> None:
    torch.manual_seed(0)
    network = Enlarged().to(memory_format=torch.channels_last)  # as training lays the memory out
    content = to_onnx(network, SPEC, ["logits", "twice", "broken", "uneven", "even"])
    model = onnx.load_model_from_string(content)
    onnx.checker.check_model(model)
    kinds = [node.op_type for node in model.graph.node]
    assert {"ReduceMean", "Flatten", "Gemm", "Resize", "Clip", "AveragePool", "Slice"} <= set(kinds)
    assert not {"HardSigmoid", "Range", "Gather", "GatherND", "Expand", "Reshape"} & set(kinds)
    factors = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    twice, broken = [node for node in model.graph.node if node.op_type == "Resize"]
    assert list(factors[twice.input[2]]) == [1, 1, 2, 2] and len(twice.input) == 3
    assert not broken.input[2] and broken.input[3]  # 7/6 of 6 pixels is less than 7, once it is rounded
    pixels = np.random.default_rng(0).standard_normal((3, 3, 8, 6), dtype=np.float32)
    with torch.inference_mode():
        expected = [part.numpy() for part in network(torch.from_numpy(pixels))]
    for ours, theirs in zip(Session(content).run(pixels), expected, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-5)


def test_an_exported_file_has_no_trace_of_this_machine() -> None:
    content = to_onnx(Rearranged(), SPEC, ["pairs", "flat", "halves"])
    assert b".py" not in content and b"torch.nn" not in content


def test_a_classifier_gives_the_map_that_its_embedding_is_the_mean_of() -> None:
    content = export_model(
        "classify", 96, ClassifierSettings(weights="none", model="test_convnext", head="linear")
    )
    assert [node.op_type for node in onnx.load_model_from_string(content).graph.node][-2:] == [
        "Flatten",
        "Gemm",
    ]
    session = Session(content)
    assert session.outputs == OUTPUTS == ["logits", "embedding", "feature_map"]
    pixels = np.random.default_rng(0).standard_normal((2, 3, 96, 96), dtype=np.float32)
    _, embedding, feature_map = session.run(pixels)
    assert feature_map.shape == (2, 64, 3, 3)
    mean = feature_map.mean(axis=(2, 3))  # the model normalises it after pooling
    scaled = (mean - mean.mean(axis=1, keepdims=True)) / np.sqrt(mean.var(axis=1, keepdims=True) + 1e-6)
    assert embedding == pytest.approx(scaled, abs=1e-2)
    assert [part.shape for part in session.run(pixels, outputs=["logits"])] == [(2, 3)]


@pytest.mark.slow
def test_a_transformer_of_tokens_has_no_map_and_one_of_places_has_it() -> None:
    tokens = ClassifierSettings(weights="none", model="test_vit")
    places = EncoderSettings(weights="none", model="unet", encoder="test_efficientnet")
    assert Session(export_model("classify", 160, tokens)).outputs == ["logits", "embedding"]
    content = export_model("segment", 64, places)
    pixels = np.zeros((1, 3, 64, 64), np.float32)
    _, embedding, feature_map = Session(content).run(pixels)
    assert embedding == pytest.approx(feature_map.mean(axis=(2, 3)), abs=1e-6)


def test_a_lone_file_says_what_it_predicts_and_how_images_are_prepared() -> None:
    described = info(temperature=1.5)
    content = add_metadata(colour_model(), described)
    values = {
        entry.key: json.loads(entry.value) for entry in onnx.load_model_from_string(content).metadata_props
    }
    assert values == {
        "made_by": "a test", "task": "classify", "classes": ["red", "green", "blue"], "temperature": 1.5,
        "preprocessing": described.preprocessing.model_dump(mode="json"), "activation": "softmax",
        "input": {"name": "pixels", "layout": "NCHW", "colour_order": "RGB", "values": "(x / 255 - mean) / std"},
        "post_processing": described.post_processing.model_dump(mode="json"), "prompt_format": "",
    }  # fmt: skip
    pixels = np.ones((1, 3, 8, 8), np.float32)
    assert (Session(content).run(pixels)[0] == Session(colour_model()).run(pixels)[0]).all()


@pytest.mark.parametrize("task", sorted(TASKS))
def test_a_lone_file_says_whether_classes_exclude_each_other(task: str) -> None:
    content = add_metadata(colour_model(), info().model_copy(update={"task": task}))
    (text,) = [
        entry.value
        for entry in onnx.load_model_from_string(content).metadata_props
        if entry.key == "activation"
    ]
    assert json.loads(text) == ("sigmoid" if task in ("multilabel", "prompt") else "softmax")
