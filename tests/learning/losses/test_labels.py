"""Losses of several labels: by hand, equal to torch's where all is known, and unmoved by what is unknown."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from pupila.learning.losses.classes import EFFECTIVE_BETA
from pupila.learning.losses.labels import LABEL_LOSSES, positive_weights
from pupila.learning.losses.sums import make_loss

LOG3 = math.log(3)  # a probability of 3/4
UNLIKE = torch.tensor([1.0, 3.0, 0.5])


@dataclass(frozen=True)
class LossOptions:
    label_smoothing: float = 0.0
    focal_gamma: float = 2.0
    gamma_positive: float = 1.0
    gamma_negative: float = 4.0
    probability_margin: float = 0.05


PLAIN = LossOptions(focal_gamma=0, gamma_positive=0, gamma_negative=0, probability_margin=0)


def draw(rows: int = 6, unknown: bool = True) -> tuple[Tensor, Tensor]:
    """(N, 3) logits and targets, of which some are unknown."""
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(rows, 3, generator=generator)
    targets = torch.randint(-1 if unknown else 0, 2, (rows, 3), generator=generator, dtype=torch.int8)
    return logits, targets


def cost(name: str, logit: float, target: int, options: LossOptions, weight: float = 1.0) -> float:
    """The loss of one cell."""
    loss = LABEL_LOSSES[name](torch.tensor([weight]), options)
    return float(loss(torch.tensor([[logit]]), torch.tensor([[target]], dtype=torch.int8)))


@pytest.mark.parametrize("name", sorted(LABEL_LOSSES))
@pytest.mark.parametrize("weights", [None, UNLIKE])
def test_with_gamma_and_margin_0_it_is_torchs_binary_cross_entropy(name: str, weights: Tensor | None) -> None:
    logits, targets = draw(unknown=False)
    expected = functional.binary_cross_entropy_with_logits(logits, targets.float(), pos_weight=weights)
    assert torch.allclose(LABEL_LOSSES[name](weights, PLAIN)(logits, targets), expected, rtol=1e-6)


def test_label_smoothing_moves_both_targets_by_half_of_it() -> None:
    logits, targets = draw(unknown=False)
    expected = functional.binary_cross_entropy_with_logits(logits, targets.float() * 0.8 + 0.1)
    assert torch.allclose(LABEL_LOSSES["bce"](None, LossOptions(0.2))(logits, targets), expected)


def test_the_focal_loss_has_the_hand_computed_cost() -> None:
    # p of what is true 3/4: (1/4)^2 * log(4/3); 1/4: (3/4)^2 * log 4
    assert cost("focal", LOG3, 1, LossOptions()) == pytest.approx(math.log(4 / 3) / 16)
    assert cost("focal", -LOG3, 0, LossOptions()) == pytest.approx(math.log(4 / 3) / 16)
    assert cost("focal", LOG3, 0, LossOptions()) == pytest.approx(9 / 16 * math.log(4))
    assert cost("focal", LOG3, 1, LossOptions(), weight=3) == pytest.approx(3 / 16 * math.log(4 / 3))


def test_the_asymmetric_loss_has_the_hand_computed_cost() -> None:
    # present, p = 3/4: (1/4)^1 * log(4/3); absent, q = 3/4 - 0.05 = 0.7: 0.7^4 * -log(0.3)
    assert cost("asymmetric", LOG3, 1, LossOptions()) == pytest.approx(math.log(4 / 3) / 4)
    assert cost("asymmetric", LOG3, 0, LossOptions()) == pytest.approx(0.7**4 * -math.log(0.3), rel=1e-5)
    below = math.log(0.04 / 0.96)  # a probability below the margin
    assert cost("asymmetric", below, 0, LossOptions()) == 0
    assert cost("asymmetric", LOG3, 0, LossOptions(), weight=3) == cost("asymmetric", LOG3, 0, LossOptions())


@pytest.mark.parametrize("name", sorted(LABEL_LOSSES))
@pytest.mark.parametrize("weights", [None, UNLIKE])
def test_an_unknown_cell_changes_nothing(name: str, weights: Tensor | None) -> None:
    logits, targets = draw()
    unknown = targets == -1
    assert 0 < unknown.sum() < unknown.numel()
    loss = LABEL_LOSSES[name](weights, LossOptions(label_smoothing=0.1))
    other = torch.where(unknown, float("inf"), logits).requires_grad_()
    value = loss(other, targets)
    assert torch.equal(value, loss(logits, targets))
    value.backward()  # type: ignore[no-untyped-call]
    assert other.grad is not None and other.grad.isfinite().all()
    assert not other.grad[unknown].any() and other.grad[~unknown].any()


@pytest.mark.parametrize("name", sorted(LABEL_LOSSES))
def test_the_mean_is_over_the_known_cells(name: str) -> None:
    loss = LABEL_LOSSES[name](None, LossOptions())
    logits, targets = draw()
    each = [
        loss(logits[at][None, None], targets[at][None, None]) for at in map(tuple, (targets != -1).nonzero())
    ]
    assert loss(logits, targets) == pytest.approx(float(torch.stack(each).mean()), rel=1e-5)


@pytest.mark.parametrize("name", sorted(LABEL_LOSSES))
def test_without_a_known_cell_loss_and_gradient_are_0(name: str) -> None:
    logits = draw()[0].requires_grad_()
    value = LABEL_LOSSES[name](UNLIKE, LossOptions())(logits, torch.full((6, 3), -1, dtype=torch.int8))
    value.backward()  # type: ignore[no-untyped-call]
    assert float(value.detach()) == 0
    assert logits.grad is not None and not logits.grad.any()


@pytest.mark.parametrize("name", sorted(LABEL_LOSSES))
@pytest.mark.parametrize("gamma", [0.0, 0.5, 4.0])
@pytest.mark.parametrize("margin", [0.0, 0.05])
def test_an_extreme_logit_has_a_finite_cost_and_gradient(name: str, gamma: float, margin: float) -> None:
    logits = torch.tensor([[-60.0, 60.0, 0.0]]).repeat(2, 1).requires_grad_()
    targets = torch.tensor([[0, 0, 0], [1, 1, 1]], dtype=torch.int8)
    options = LossOptions(0.0, gamma, gamma, gamma, margin)
    value = LABEL_LOSSES[name](UNLIKE, options)(logits, targets)
    value.backward()  # type: ignore[no-untyped-call]
    assert value.isfinite() and logits.grad is not None and logits.grad.isfinite().all()


@pytest.mark.parametrize("name", sorted(LABEL_LOSSES))
def test_every_loss_decreases_towards_the_target(name: str) -> None:
    loss = LABEL_LOSSES[name](UNLIKE, LossOptions())
    targets = torch.tensor([[0, 1, 1], [1, 0, -1]], dtype=torch.int8)
    nearer = torch.where(targets == 1, 1.0, -1.0)
    assert float(loss(nearer, targets)) < float(loss(torch.zeros(2, 3), targets))


def test_a_sum_is_made_of_the_losses_of_its_catalogue() -> None:
    logits, targets = draw()
    parts = [float(LABEL_LOSSES[name](None, LossOptions())(logits, targets)) for name in ("bce", "focal")]
    total = make_loss("bce+0.5*focal", None, LossOptions(), LABEL_LOSSES)(logits, targets)
    assert float(total) == pytest.approx(parts[0] + 0.5 * parts[1])


def test_the_weight_of_a_present_class_is_negatives_over_positives() -> None:
    # 2 positives and 6 negatives; 1 and 1 beside unknown ones; no positive; no negative
    targets = np.array([[1, 1, 0, 1], [1, 0, 0, 1], *([[0, -1, 0, -1]] * 6)], dtype=np.int8)
    assert positive_weights(targets, "none") is None
    weights = positive_weights(targets, "inverse")
    assert weights is not None and weights.tolist() == [3, 1, 1, 1]
    root = positive_weights(targets, "inverse_sqrt")
    assert root is not None and root.tolist() == pytest.approx([3**0.5, 1, 1, 1])
    effective = positive_weights(targets, "effective")
    assert effective is not None and effective.dtype == torch.float32
    assert effective[0] == pytest.approx((1 - EFFECTIVE_BETA**6) / (1 - EFFECTIVE_BETA**2))
    assert effective[1:].tolist() == [1, 1, 1]
