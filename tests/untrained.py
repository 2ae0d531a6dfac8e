"""Bundles of networks with drawn weights: nothing is trained."""

from pathlib import Path

import torch
from torch import nn

from pupila.artifacts.bundle.folder import Bundle, write_bundle
from pupila.artifacts.bundle.schema import BundleInfo
from pupila.learning.export.exporter import Trained
from pupila.learning.export.exporters import EXPORTERS
from pupila.learning.export.weights import describe_members, encode_towers
from pupila.learning.models.build import BUILDERS
from pupila.learning.models.network import Network
from pupila.learning.models.settings import ModelSettings

CLASSES = ["ant", "bee", "wasp"]


def draw_network(
    task: str, settings: ModelSettings, side: int, seed: int = 0, classes: int = len(CLASSES)
) -> Network:
    """A network, in evaluation mode."""
    torch.manual_seed(seed)
    network = BUILDERS[task](settings, classes, side)
    for module in (network.encoder, network.head):
        module.eval()
        for part in module.modules():
            if isinstance(part, nn.Linear):
                nn.init.normal_(part.weight)  # logits that are worth a comparison
                nn.init.normal_(part.bias)
    return network


def write_network(folder: Path, network: Network, classes: list[str] = CLASSES) -> Bundle:
    """A network as a bundle."""
    for module in (network.encoder, network.head):
        module.eval()
    parts = {**EXPORTERS[network.task.name].export(network, Trained(False)), **encode_towers(network)}
    info = BundleInfo(
        made_by="a test", created="2026-01-01T00:00:00+00:00", task=network.task.name, classes=classes,
        preprocessing=network.preprocessing, architecture=network.architecture, head=network.head_layers,
        weights=network.weights, parameters=network.parameters, test_time_flips=network.test_time_flips,
        members=describe_members(network),
    )  # fmt: skip
    return write_bundle(folder, info, {**parts, "card.md": b"# Drawn\n"})
