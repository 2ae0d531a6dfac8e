"""Encoder and head as one module: it can be trained, and in a lower precision the head keeps its digits."""

from dataclasses import replace
from typing import Any

import torch
from torch import nn

from pupila.artifacts.bundle.architecture import Weights
from pupila.learning.linear import Standardisation
from pupila.learning.models.classify import build_classifier
from pupila.learning.models.network import Body, Unfrozen
from pupila.stages.train.task_settings.classify import ClassifyTrainSettings


class Means(nn.Module):
    """An encoder: the mean of each channel."""

    def forward(self, pixels: Any) -> Any:
        """(N, 3, H, W) to (N, 3)."""
        return pixels.mean(dim=(2, 3))


def test_a_head_of_standardised_features_is_the_same_in_a_lower_precision() -> None:
    settings: Any = ClassifyTrainSettings.parse({"model": "lenet", "head": "linear"})
    network = build_classifier(settings, 2, 32)
    encoder, head = Means(), nn.Linear(3, 2)
    features = 100 + 0.01 * torch.randn(64, 3, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[1.0, -1.0, 0.5], [0.2, 0.3, -2.0]]))
        head.bias.zero_()
    expected = head(Standardisation.of([features])(features))
    Standardisation.of([features]).fold_into(head)  # weights of 100 and a bias of about 10,000
    network = replace(network, body=Body.of(encoder, [encoder]), head=head, weights=Weights(source="none"))
    module = Unfrozen(network, "all").eval()
    # The features themselves are exact here, so that all of the error would be the head's.
    pixels = features[:, :, None, None].expand(-1, -1, 2, 2)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        actual = module(pixels)
    assert actual.dtype == torch.float32
    assert torch.allclose(actual, expected, atol=0.05)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        assert not torch.allclose(head(features).float(), expected, atol=1.0)  # as it would be


def test_an_encoder_that_is_built_when_it_first_runs_can_be_trained() -> None:
    body = Body(lambda: (nn.Linear(2, 2), []), parameters=6, depth=0, read=dict)
    with torch.inference_mode():
        body.parts[0](torch.zeros(1, 2))
    body.parts[0].requires_grad_(False).requires_grad_(True)
    body.parts[0](torch.zeros(1, 2)).sum().backward()
    assert all(weight.grad is not None for weight in body.parts[0].parameters())
