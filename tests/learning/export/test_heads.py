"""Export: the ONNX file answers what torch answers, for any number of images, and what does not is refused."""

import numpy as np
import pytest
import torch

from pupila.artifacts.bundle.session import Session
from pupila.core.errors import PupilaError
from pupila.learning.export.graph import to_onnx
from pupila.learning.export.heads import attach_head
from pupila.learning.export.parity import check_logits
from pupila.learning.models.classify import build_classifier as build
from pupila.learning.models.network import Network, WholeNetwork
from pupila.learning.models.settings import ClassifierSettings


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(3)
    return build(ClassifierSettings(model="lenet", weights="none"), classes=5, image_size=32)


@pytest.fixture(scope="module")
def encoder(network: Network) -> bytes:
    return to_onnx(network.encoder, network.preprocessing, ["embedding"])


@pytest.mark.parametrize("count", [1, 3])
def test_an_encoder_with_its_head_added_answers_as_the_whole_network(
    network: Network, encoder: bytes, count: int
) -> None:
    pixels = np.random.default_rng(0).standard_normal((count, 3, 32, 32), dtype=np.float32)
    with torch.inference_mode():
        expected = [part.numpy() for part in WholeNetwork(network).eval()(torch.from_numpy(pixels))]
    session = Session(attach_head(encoder, network.head))
    assert session.outputs == ["logits", "embedding"]
    for ours, theirs in zip(session.run(pixels), expected, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-5)


def test_a_linear_head_is_added_too(network: Network, encoder: bytes) -> None:
    head = torch.nn.Linear(network.size, 2)
    logits, embedding = Session(attach_head(encoder, head)).run(np.ones((2, 3, 32, 32), np.float32))
    expected = embedding @ head.weight.detach().numpy().T + head.bias.detach().numpy()
    assert logits == pytest.approx(expected, abs=1e-5)


def test_the_difference_is_counted_in_shares_of_the_largest_logit() -> None:
    ours = np.array([[10.0, 0.0], [0.0, 5.0]])
    theirs = ours + np.array([[0.001, 0], [0, 0]])
    parity = check_logits(zip(ours[:, None], theirs[:, None], strict=True))
    assert parity.largest_difference == pytest.approx(1e-4)
    assert (parity.images, parity.label_agreement) == (2, 1.0)


@pytest.mark.parametrize("off", [0.1, float("nan")])
def test_a_difference_above_the_tolerance_is_refused(off: float) -> None:
    ours = np.array([[10.0, 0.0]])
    with pytest.raises(PupilaError, match="does not match the trained model"):
        check_logits([(ours, ours + off)])
