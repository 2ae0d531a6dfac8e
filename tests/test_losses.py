"""Losses and class weights: by hand, and what holds for every loss."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch.nn import functional

from pupila.losses import EFFECTIVE_BETA, LOSSES, class_weights

LOG3 = math.log(3)  # logits (log 3, 0) are probabilities (3/4, 1/4)
LOGITS = torch.tensor([[LOG3, 0.0], [LOG3, 0.0]])
TARGETS = torch.tensor([0, 1])
UNLIKE = torch.tensor([1.0, 3.0])


@dataclass(frozen=True)
class Wish:
    label_smoothing: float = 0.0
    focal_gamma: float = 0.0


def cost(name: str, weights: torch.Tensor | None = None, **wish: float) -> float:
    return float(LOSSES[name](weights, Wish(**wish))(LOGITS, TARGETS))


def test_cross_entropy_is_the_mean_of_minus_log_p() -> None:
    assert cost("cross_entropy") == pytest.approx((-math.log(3 / 4) - math.log(1 / 4)) / 2)


def test_class_weights_weigh_the_terms_and_their_sum() -> None:
    by_hand = (1 * -math.log(3 / 4) + 3 * -math.log(1 / 4)) / (1 + 3)
    assert cost("cross_entropy", UNLIKE) == pytest.approx(by_hand)


def test_smoothing_gives_a_share_to_all_classes_alike() -> None:
    # targets (0.9, 0.1) and (0.1, 0.9) under 0.2: half of the 0.2 goes to each class
    first = -0.9 * math.log(3 / 4) - 0.1 * math.log(1 / 4)
    second = -0.1 * math.log(3 / 4) - 0.9 * math.log(1 / 4)
    assert cost("cross_entropy", label_smoothing=0.2) == pytest.approx((first + second) / 2)


def test_focal_makes_light_of_sure_answers() -> None:
    by_hand = (-((1 / 4) ** 2) * math.log(3 / 4) - (3 / 4) ** 2 * math.log(1 / 4)) / 2
    assert cost("focal", focal_gamma=2) == pytest.approx(by_hand)
    weighted = (-((1 / 4) ** 2) * math.log(3 / 4) - 3 * (3 / 4) ** 2 * math.log(1 / 4)) / 4
    assert cost("focal", UNLIKE, focal_gamma=2) == pytest.approx(weighted)


@pytest.mark.parametrize("weights", [None, UNLIKE])
def test_focal_with_gamma_0_is_cross_entropy(weights: torch.Tensor | None) -> None:
    assert cost("focal", weights, focal_gamma=0) == pytest.approx(cost("cross_entropy", weights))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_a_sure_and_right_answer_has_a_finite_gradient(gamma: float) -> None:
    logits = torch.tensor([[60.0, 0.0], [0.0, 0.0]], requires_grad=True)
    LOSSES["focal"](None, Wish(focal_gamma=gamma))(logits, torch.tensor([0, 0])).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    assert logits.grad[1, 0] < 0  # the unsure one still learns


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_every_loss_goes_down_on_the_way_to_the_truth(name: str) -> None:
    loss = LOSSES[name](UNLIKE, Wish(focal_gamma=2))
    truth = functional.one_hot(TARGETS).float()
    assert float(loss(LOGITS + 2 * truth, TARGETS)) < float(loss(LOGITS, TARGETS))


def test_no_weights_are_none() -> None:
    assert class_weights(np.array([3, 1]), "none") is None


def test_inverse_weights_give_every_class_the_same_say() -> None:
    weights = class_weights(np.array([30, 10, 0]), "inverse")
    assert weights is not None
    assert weights.tolist() == pytest.approx(
        [2 / 3, 2.0, 0.0]
    )  # 40 / (2 classes * n), none for an absent class


def test_effective_weights_are_by_the_effective_number() -> None:
    counts = np.array([300, 100])
    weights = class_weights(counts, "effective")
    assert weights is not None
    number = [(1 - EFFECTIVE_BETA**n) / (1 - EFFECTIVE_BETA) for n in counts]  # 259.3 and 95.2 images
    assert weights[1] / weights[0] == pytest.approx(number[0] / number[1])
    assert 1 < weights[1] / weights[0] < 3  # milder than by inverse frequency


@pytest.mark.parametrize("kind", ["inverse", "effective"])
def test_weights_have_mean_1_over_the_images(kind: str) -> None:
    counts = np.array([70, 25, 5, 0])
    weights = class_weights(counts, kind)
    assert weights is not None
    assert float(weights @ torch.from_numpy(counts).float()) / counts.sum() == pytest.approx(1)
