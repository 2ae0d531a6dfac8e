"""Losses and class weights: by hand, and what holds for every loss."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from pupila.core.errors import PupilaError
from pupila.core.vocabulary import IGNORE
from pupila.learning.losses.classes import (
    EFFECTIVE_BETA,
    LOSSES,
    OVERLAP_LOSSES,
    class_weights,
    prompt_loss,
)
from pupila.learning.losses.sums import make_loss, parse_loss

LOG3 = math.log(3)  # logits (log 3, 0) are probabilities (3/4, 1/4)
LOGITS = torch.tensor([[LOG3, 0.0], [LOG3, 0.0]])
TARGETS = torch.tensor([0, 1])
UNLIKE = torch.tensor([1.0, 3.0])


@dataclass(frozen=True)
class LossOptions:
    label_smoothing: float = 0.0
    focal_gamma: float = 0.0
    tversky_beta: float = 0.7


def cost(name: str, weights: torch.Tensor | None = None, **overrides: float) -> float:
    return float(LOSSES[name](weights, LossOptions(**overrides))(LOGITS, TARGETS))


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
    LOSSES["focal"](None, LossOptions(focal_gamma=gamma))(logits, torch.tensor([0, 0])).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    assert logits.grad[1, 0] < 0  # the unsure one still learns


def maps(*rows: list[float]) -> torch.Tensor:
    """(1, C, 1, W) logits whose softmax gives class 1 these probabilities (two classes)."""
    p = torch.tensor(rows)
    return torch.stack([torch.log(1 - p), torch.log(p)], dim=1)[:, :, None]


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_every_loss_decreases_towards_the_target(name: str) -> None:
    loss = LOSSES[name](None if name in OVERLAP_LOSSES else UNLIKE, LossOptions(focal_gamma=2))
    targets = torch.tensor([[[0, 1, 1, 0]]])
    logits = torch.zeros(1, 2, 1, 4)
    target = functional.one_hot(targets).permute(0, 3, 1, 2).float()
    assert float(loss(logits + 2 * target, targets)) < float(loss(logits, targets))


@pytest.mark.parametrize("name", sorted(LOSSES))
@pytest.mark.parametrize("weights", [None, UNLIKE])
def test_an_unlabelled_pixel_never_moves_the_loss(name: str, weights: torch.Tensor | None) -> None:
    loss = LOSSES[name](
        None if name in OVERLAP_LOSSES else weights, LossOptions(focal_gamma=1, label_smoothing=0.1)
    )
    targets = torch.tensor([[[0, 1, IGNORE, 1]]])
    logits = torch.randn(1, 2, 1, 4, generator=torch.Generator().manual_seed(0))
    other = logits.clone()
    other[..., 2] += torch.tensor([9.0, -9.0])[:, None]
    assert torch.equal(loss(logits, targets), loss(other, targets))
    cached = loss(logits[..., [0, 1, 3]], targets[..., [0, 1, 3]])
    assert float(loss(logits, targets)) == pytest.approx(float(cached), rel=1e-6)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_without_a_labelled_pixel_loss_and_gradient_are_0(name: str) -> None:
    logits = torch.randn(2, 3, 2, 2, generator=torch.Generator().manual_seed(0)).requires_grad_()
    cost = LOSSES[name](None, LossOptions())(logits, torch.full((2, 2, 2), IGNORE))
    cost.backward()  # type: ignore[no-untyped-call]
    assert float(cost.detach()) == 0
    assert logits.grad is not None and not logits.grad.any()


def test_half_overlap_has_the_hand_computed_cost() -> None:
    # target 1100, p(1) = 1010: shared 1, sizes 2 + 2, so overlap 2*1/4 = 0.5
    logits, targets = maps([0.9999999, 1e-7, 0.9999999, 1e-7]), torch.tensor([[[1, 1, 0, 0]]])
    assert float(LOSSES["dice"](None, LossOptions())(logits, targets)) == pytest.approx(0.5, abs=1e-5)
    # Tversky with beta 0.75: 1 / (1 + 0.25 * 1 + 0.75 * 1) = 0.5 here too; 3 of 4 missed: 1 / (1 + 0 + 0.75 * 3)
    assert float(LOSSES["tversky"](None, LossOptions(tversky_beta=0.75))(logits, targets)) == pytest.approx(
        0.5, abs=1e-5
    )
    missed = LOSSES["tversky"](None, LossOptions(tversky_beta=0.75))(
        maps([0.9999999, 1e-7, 1e-7, 1e-7]), torch.tensor([[[1, 1, 1, 1]]])
    )
    assert float(missed) == pytest.approx(1 - 1 / 3.25, abs=1e-5)


def test_of_three_classes_those_that_occur_are_averaged() -> None:
    # class 0 on both pixels with p = 1/2 each: overlap 2 * 1 / (1 + 2); classes 1 and 2 do not occur
    logits = torch.log(torch.tensor([0.5, 0.25, 0.25]))[None, :, None, None].expand(1, 3, 1, 2)
    assert float(
        LOSSES["dice"](None, LossOptions())(logits, torch.zeros(1, 1, 2, dtype=torch.long))
    ) == pytest.approx(1 / 3)


def test_a_batch_without_foreground_costs_no_overlap() -> None:
    assert (
        float(LOSSES["dice"](None, LossOptions())(maps([0.3, 0.4]), torch.zeros(1, 1, 2, dtype=torch.long)))
        == 0
    )


def test_a_sum_is_the_weighted_sum_of_its_terms() -> None:
    logits, targets = maps([0.3, 0.6, 0.8]), torch.tensor([[[0, 1, 0]]])
    overrides = LossOptions(focal_gamma=2)
    parts = [float(LOSSES[name](None, overrides)(logits, targets)) for name in ("dice", "focal")]
    assert float(make_loss("dice+0.5*focal", None, overrides, LOSSES)(logits, targets)) == pytest.approx(
        parts[0] + 0.5 * parts[1]
    )
    assert parse_loss("2 * dice + focal", LOSSES) == [(2.0, "dice"), (1.0, "focal")]


@pytest.mark.parametrize("loss", ["", "dise", "dice+", "dice+dice", "-1*dice", "x*dice", "dice-focal"])
def test_what_is_no_sum_is_refused(loss: str) -> None:
    with pytest.raises(PupilaError, match="loss") as fault:
        parse_loss(loss, LOSSES)
    assert "Choose one of" in str(fault.value) or fault.value.expected or "Did you mean" in str(fault.value)


def test_no_weights_are_none() -> None:
    assert class_weights(np.array([3, 1]), "none") is None


def test_inverse_weights_give_every_class_the_same_say() -> None:
    shares = class_weights(
        np.array([60.0, 2.8, 0.2]), "inverse"
    )  # of masks: images' worth, also less than one
    assert shares is not None
    assert (shares * torch.tensor([60.0, 2.8, 0.2])).tolist() == pytest.approx([21, 21, 21])
    weights = class_weights(np.array([30, 10, 0]), "inverse")
    assert weights is not None
    assert weights.tolist() == pytest.approx(
        [2 / 3, 2.0, 0.0]
    )  # 40 / (2 classes * n), none for an absent class


def test_the_square_root_weights_rare_classes_without_giving_them_the_same_say() -> None:
    weights = class_weights(np.array([90, 10, 0]), "inverse_sqrt")
    assert weights is not None
    # 1/sqrt(90) and 1/sqrt(10) have the ratio 1 to 3; the mean over 100 images is 1: (90 + 30) w = 100
    assert weights.tolist() == pytest.approx([5 / 6, 5 / 2, 0.0])


def test_effective_weights_are_by_the_effective_number() -> None:
    counts = np.array([300, 100])
    weights = class_weights(counts, "effective")
    assert weights is not None
    number = [(1 - EFFECTIVE_BETA**n) / (1 - EFFECTIVE_BETA) for n in counts]  # 259.3 and 95.2 images
    assert weights[1] / weights[0] == pytest.approx(number[0] / number[1])
    assert 1 < weights[1] / weights[0] < 3  # milder than by inverse frequency


@pytest.mark.parametrize("kind", ["inverse", "inverse_sqrt", "effective"])
def test_weights_have_mean_1_over_the_images(kind: str) -> None:
    counts = np.array([70, 25, 5, 0])
    weights = class_weights(counts, kind)
    assert weights is not None
    assert float(weights @ torch.from_numpy(counts).float()) / counts.sum() == pytest.approx(1)


def prompts(logits: list[float], target: int, predicted_iou: float = 0.0) -> tuple[Tensor, Tensor, Tensor]:
    """One prompt whose four masks have one logit each, on 2 x 2 cells of one target."""
    masks = torch.tensor(logits)[None, :, None, None].expand(1, 4, 2, 2).clone()
    return masks, torch.full((1, 4), predicted_iou), torch.full((1, 2, 2), target, dtype=torch.uint8)


def test_the_loss_of_a_prompt_is_twenty_focal_and_dice_and_the_error_of_its_quality() -> None:
    masks, predicted_iou, target = prompts([0.0, 9.0, 9.0, 9.0], 1, predicted_iou=0.25)
    # p = 1/2 everywhere: focal 0.75 * (1/2)^2 * ln 2; Dice (2 * 2 + 1) / (2 + 4 + 1); a logit of 0 answers nothing
    expected = 20 * 0.75 * 0.25 * math.log(2) + 1 - 5 / 7 + 0.25**2
    assert float(prompt_loss(masks, predicted_iou, target, torch.tensor([False]))) == pytest.approx(expected)


def test_of_an_ambiguous_prompt_the_best_of_three_counts_and_all_qualities_learn() -> None:
    masks, predicted_iou, target = prompts([-9.0, -9.0, 0.0, 30.0], 1, predicted_iou=1.0)
    # the fourth mask is right: no focal loss, no Dice loss; the qualities of 1 are off by 1, 1 and 0
    actual = prompt_loss(masks, predicted_iou, target, torch.tensor([True]))
    assert float(actual) == pytest.approx(2 / 3, abs=1e-4)
    masks.requires_grad_(True)
    prompt_loss(masks, predicted_iou, target, torch.tensor([True])).backward()  # type: ignore[no-untyped-call]
    assert masks.grad is not None and not masks.grad[0, :3].any()


def test_cells_without_a_label_play_no_part() -> None:
    masks, predicted_iou, target = prompts([0.3, 0.1, 0.2, 0.4], 1)
    target[0, 0, 0] = IGNORE
    item = prompt_loss(masks, predicted_iou, target, torch.tensor([False]))
    masks[0, :, 0, 0] = -50
    assert float(prompt_loss(masks, predicted_iou, target, torch.tensor([False]))) == pytest.approx(
        float(item)
    )
    nothing = torch.full_like(target, IGNORE)
    assert float(prompt_loss(masks, predicted_iou, nothing, torch.tensor([True]))) == 0.0
