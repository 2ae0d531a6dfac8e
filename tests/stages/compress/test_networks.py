"""Smaller networks: pruned by channels, with zeros in place, and distilled; each with answers by hand."""

from typing import Any

import numpy as np
import pytest
import torch
import torch_pruning
from torch import nn

from pupila.artifacts.bundle.folder import MODEL_FILE
from pupila.artifacts.bundle.outputs import LOGITS
from pupila.artifacts.bundle.session import Session
from pupila.core.errors import PupilaError
from pupila.imaging.images.preprocess import Preprocessing
from pupila.learning.export.exporter import Trained
from pupila.learning.export.exporters import EXPORTERS
from pupila.learning.models.nets import Residual
from pupila.learning.models.network import Network, WholeNetwork
from pupila.learning.models.settings import ClassifierSettings, EncoderSettings, ModelSettings
from pupila.stages.compress.distill import DistillingTrainer, Teacher
from pupila.stages.compress.half import halve
from pupila.stages.compress.memory import measure_memory
from pupila.stages.compress.prune import MAGNITUDE, TAYLOR, count_weights, find_last_layer, prune_channels
from pupila.stages.compress.zeros import mask_weights, unmask_weights
from tests.untrained import CLASSES, draw_network

PIXELS = torch.from_numpy(np.random.default_rng(0).standard_normal((4, 3, 64, 64), dtype=np.float32))
NETWORKS: list[tuple[str, ModelSettings]] = [
    *(("classify", ClassifierSettings(weights="none", model=name))
      for name in ("lenet", "resnet_small", "resnet_dropout", "test_efficientnet", "mobilenetv2_100")),
    ("classify", ClassifierSettings(weights="none", model="resnet_small", head="dense")),
    ("multilabel", ClassifierSettings(weights="none", model="resnet_small")),
    ("segment", EncoderSettings(weights="none", model="unet", encoder="test_efficientnet")),
    ("segment", EncoderSettings(weights="none", model="fpn", encoder="mobilenetv2_100")),
]  # fmt: skip


def logits(network: Network) -> Any:
    with torch.inference_mode():
        return WholeNetwork(network).eval()(PIXELS)[0].numpy()


def _name(value: object) -> str:
    return f"{value.model}-{getattr(value, 'head', '')}" if isinstance(value, ModelSettings) else str(value)


@pytest.mark.parametrize(("task", "settings"), NETWORKS, ids=_name)
def test_a_pruned_network_keeps_its_classes_and_is_exported(task: str, settings: ModelSettings) -> None:
    network = draw_network(task, settings, 64)
    before = count_weights(WholeNetwork(network))
    batches = [(PIXELS, torch.zeros(4))]
    pruned = prune_channels(network, 0.3, TAYLOR, batches, lambda outputs, _: outputs.square().mean())
    assert pruned.parameters == count_weights(WholeNetwork(pruned)) <= 0.7 * before
    ours = logits(pruned)
    assert ours.shape[:2] == (4, len(CLASSES)) and np.isfinite(ours).all()
    exported = EXPORTERS[task].export(pruned, Trained(False))[MODEL_FILE]
    theirs = Session(exported).run(PIXELS.numpy(), outputs=[LOGITS])[0]
    assert np.abs(theirs - ours).max() <= 1e-4 * np.abs(ours).max()
    if pruned.head_layers is not None:
        assert pruned.head_layers.widths[-1] == len(CLASSES)


def test_dead_channels_are_removed_without_a_change() -> None:
    network = draw_network("classify", ClassifierSettings(weights="none", model="resnet_small"), 64)
    for block in network.blocks[1:-1]:
        assert isinstance(block, Residual)
        (convolution, norm, _), (second, _) = block.first.children(), block.second.children()
        assert isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
        assert isinstance(second, nn.Conv2d)
        dead = len(norm.weight) // 2  # half of the channels within a residual block are 0 for every image
        for parameter in (convolution.weight, norm.weight, norm.bias):
            parameter.data[:dead] = 0
        second.weight.data[:, :dead] = 0
    before, weights = logits(network), network.parameters
    pruned = prune_channels(network, 0.3, MAGNITUDE)
    assert pruned.parameters <= 0.7 * weights
    assert np.abs(logits(pruned) - before).max() <= 1e-6 * np.abs(before).max()


@pytest.mark.parametrize("model", ["resnet_small", "mobilenetv2_100", "lenet"])
@pytest.mark.parametrize("importance", [MAGNITUDE, TAYLOR])
def test_repeated_channels_are_removed_without_a_change(model: str, importance: str) -> None:
    network = draw_network("classify", ClassifierSettings(weights="none", model=model), 64)
    whole = WholeNetwork(network)
    graph = torch_pruning.DependencyGraph().build_dependency(whole, example_inputs=PIXELS[:1])
    for group in graph.get_all_groups(ignored_layers=[find_last_layer(network)]):
        for part in range(len(group)):  # the second half of the channels computes what the first half does
            layer, half = group[part].dep.target.module, len(group[part].idxs) // 2
            if not graph.is_out_channel_pruning_fn(group[part].dep.handler):
                continue
            for tensor in [*layer.parameters(), *(each for each in layer.buffers() if each.ndim)]:
                tensor.data[half : 2 * half] = tensor.data[:half]
    before, weights = logits(network), network.parameters
    batches = [(PIXELS, torch.zeros(4))]
    pruned = prune_channels(network, 0.3, importance, batches, lambda outputs, _: outputs.square().mean())
    assert pruned.parameters <= 0.7 * weights
    assert np.abs(logits(pruned) - before).max() <= 1e-4 * np.abs(before).max()


def test_more_weights_than_can_be_removed_are_refused() -> None:
    network = draw_network("classify", ClassifierSettings(weights="none", model="lenet"), 64)
    with pytest.raises(PupilaError, match="So many weights can't be removed"):
        prune_channels(network, 0.999, MAGNITUDE)


def test_zeros_stay_zeros_in_training_and_become_ordinary_weights() -> None:
    network = draw_network("classify", ClassifierSettings(weights="none", model="lenet"), 64)
    layers = [part for part in network.encoder.modules() if isinstance(part, nn.Conv2d | nn.Linear)]
    whole = np.concatenate([part.weight.detach().numpy().ravel() for part in layers])
    mask_weights(network, 0.3)
    module = WholeNetwork(network)
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    module(PIXELS)[0].square().sum().backward()
    optimizer.step()
    unmask_weights(network)
    after = np.concatenate([part.weight.detach().numpy().ravel() for part in layers])
    smallest = np.abs(whole) <= np.quantile(np.abs(whole), 0.3)
    assert (after == 0).mean() == pytest.approx(0.3, abs=1e-3)
    assert (after[smallest] == 0).all() and (after[~smallest] != whole[~smallest]).any()
    assert "encoder.0.0.weight" in WholeNetwork(network).state_dict()


class Fixed:
    """A trainer with two images and a loss of 1."""

    split = mixing = None

    def __init__(self, network: Network, targets: Any) -> None:
        self.network, self.targets = network, targets

    def criterion(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        assert targets.numpy().tolist() == self.targets.tolist()
        return torch.ones(())

    def inputs(self, items: list[int], view: int) -> Any:
        return PIXELS[items].numpy(), self.targets


@pytest.mark.parametrize("targets", [np.array([2, 0]), np.array([[1.0, 0, 1], [0, 0, 1]], np.float32)])
def test_a_student_learns_from_labels_and_from_the_logits_of_the_same_crops(targets: Any) -> None:
    network = draw_network("classify", ClassifierSettings(weights="none", model="resnet_small"), 64)
    content = EXPORTERS["classify"].export(network, Trained(False))[MODEL_FILE]
    teacher = Teacher(Session(content), network.preprocessing)
    trainer = DistillingTrainer(Fixed(network, targets), teacher)  # type: ignore[arg-type]
    pixels, packed = trainer.inputs([0, 1], 0)
    assert isinstance(pixels, np.ndarray) and packed.dtype == np.float32
    theirs = torch.from_numpy(logits(network)[:2])
    loss = trainer.criterion(theirs + 2, torch.from_numpy(packed))
    assert float(loss) == pytest.approx((1 + 2**2) / 2, rel=1e-3)


def test_a_teacher_gets_pixels_in_its_own_normalisation() -> None:
    network = draw_network("classify", ClassifierSettings(weights="none", model="resnet_small"), 64)
    content = EXPORTERS["classify"].export(network, Trained(False))[MODEL_FILE]
    spec = network.preprocessing
    other = Preprocessing(height=64, width=64, mean=(0.5, 0.4, 0.3), std=(0.5, 0.25, 0.2))
    plain = PIXELS.numpy() * np.reshape(spec.std, (3, 1, 1)) + np.reshape(spec.mean, (3, 1, 1))
    given = (plain - np.reshape(other.mean, (3, 1, 1))) / np.reshape(other.std, (3, 1, 1))
    ours = Teacher(Session(content), spec).logits(given.astype(np.float32), other)
    assert np.abs(ours - logits(network)).max() <= 1e-4 * np.abs(ours).max()


def test_half_precision_is_half_the_size_and_nearly_the_same() -> None:
    network = draw_network("classify", ClassifierSettings(weights="none", model="resnet_small"), 64)
    content = EXPORTERS["classify"].export(network, Trained(False))[MODEL_FILE]
    small = halve(content)
    ours, theirs = Session(content), Session(small)
    assert len(small) < 0.6 * len(content) and theirs.metadata() == ours.metadata()
    a, b = (session.run(PIXELS.numpy(), outputs=[LOGITS])[0] for session in (ours, theirs))
    assert a.dtype == b.dtype and 0 < np.abs(a - b).max() < 0.01 * np.abs(a).max()


def test_a_model_with_more_weights_takes_more_memory() -> None:
    contents = [
        EXPORTERS["classify"].export(draw_network("classify", settings, 64), Trained(False))[MODEL_FILE]
        for settings in (
            ClassifierSettings(weights="none", model="lenet"),
            ClassifierSettings(weights="none", model="resnet_dropout"),
        )
    ]
    small, large = (measure_memory(content, (64, 64)) for content in contents)
    assert 0 < small < large and large > len(contents[1])
    assert measure_memory(b"no model", (64, 64)) == 0
