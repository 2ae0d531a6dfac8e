"""Ensembles of networks: heads on one encoder are one head, others run beside each other."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pupila.learning.models.classify import build_classifier
from pupila.learning.models.ensemble import average_networks
from pupila.learning.models.network import Network, WholeNetwork
from pupila.learning.models.served import ServedNetwork
from pupila.learning.models.settings import ClassifierSettings


def build(seed: int, head: str = "dense") -> Network:
    torch.manual_seed(seed)
    settings = ClassifierSettings.model_validate(
        {"model": "lenet", "weights": "none", "head": head, "head_width": 6}
    )
    return build_classifier(settings, classes=3, image_size=32)


@pytest.mark.parametrize("head", ["linear", "dense"])
def test_heads_on_one_encoder_are_one_head(head: str) -> None:
    first = build(0, head)
    members = [replace(first, head=build(seed, head).head) for seed in range(3)]
    ensemble = average_networks(members)
    assert ensemble.towers == (ensemble,) and ensemble.members == tuple(members)
    assert ensemble.head_layers is not None
    assert ensemble.head_layers.widths == ([3] if head == "linear" else [18, 3])
    features = torch.from_numpy(np.random.default_rng(1).standard_normal((5, first.size), dtype=np.float32))
    with torch.inference_mode():
        mean = np.mean([member.head.eval()(features).numpy() for member in members], axis=0)
        assert ensemble.head.eval()(features).numpy() == pytest.approx(mean, abs=1e-6)


def test_other_networks_run_beside_each_other_and_over_flips() -> None:
    members = [build(seed) for seed in range(3)]
    ensemble = replace(average_networks(members), test_time_flips="horizontal")
    assert ensemble.towers == tuple(members)
    assert ensemble.parameters == sum(member.parameters for member in members)
    pixels = np.random.default_rng(0).standard_normal((2, 3, 32, 32), dtype=np.float32)
    with torch.inference_mode():
        ours = [part.numpy() for part in ServedNetwork(ensemble).eval()(torch.from_numpy(pixels))]
        outputs = [
            [part.numpy() for part in WholeNetwork(member).eval()(torch.from_numpy(inputs))]
            for member in members
            for inputs in (pixels, pixels[..., ::-1].copy())
        ]
    for mean, parts in zip(ours, zip(*outputs, strict=True), strict=True):
        assert mean == pytest.approx(np.mean(parts, axis=0), abs=1e-6)
