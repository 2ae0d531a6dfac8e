"""Mixup and cutmix: the mixture by hand, and its loss for every criterion."""

from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional

from pupila.learning.losses.classes import LOSSES
from pupila.learning.losses.labels import LABEL_LOSSES
from pupila.learning.losses.sums import make_loss
from pupila.learning.mixing import MixedBatch, Mixing

SETTINGS = SimpleNamespace(
    label_smoothing=0.1, focal_gamma=2.0, gamma_positive=0.0, gamma_negative=4.0, probability_margin=0.05,
    tversky_beta=0.7,
)  # fmt: skip
PIXELS = torch.arange(4.0).reshape(4, 1, 1, 1).expand(4, 3, 10, 10)  # each image is its number


def test_nothing_is_mixed_by_default() -> None:
    batch = Mixing().mix(PIXELS, (1, 2, 3))
    assert batch.inputs is PIXELS and batch.partners is None


def test_mixup_blends_each_image_with_its_partner() -> None:
    batch = Mixing(mixup=1.0).mix(PIXELS, (23, 0, 5))
    assert batch.partners is not None and sorted(batch.partners.tolist()) == [0, 1, 2, 3]
    assert 0 < batch.share < 1
    expected = batch.share * PIXELS + (1 - batch.share) * PIXELS[batch.partners]
    assert torch.equal(batch.inputs, expected)
    again, other = (Mixing(mixup=1.0).mix(PIXELS, (23, 0, step)) for step in (5, 6))
    assert again.share == batch.share != other.share


def test_the_share_of_cutmix_is_that_of_the_pixels() -> None:
    for step in range(20):
        batch = Mixing(cutmix=1.0).mix(PIXELS, (23, 0, step))
        assert batch.partners is not None
        own = (batch.inputs == PIXELS).float().mean(dim=(1, 2, 3))
        theirs = (batch.inputs == PIXELS[batch.partners]).float().mean(dim=(1, 2, 3))
        for place, partner in enumerate(batch.partners.tolist()):
            if place != partner:
                assert float(own[place]) == pytest.approx(batch.share)
                assert float(theirs[place]) == pytest.approx(1 - batch.share)


def test_both_are_drawn_in_turns() -> None:
    both = [Mixing(mixup=1.0, cutmix=1.0).mix(PIXELS, (0, 0, step)).inputs for step in range(20)]
    blended = [bool((pixels != pixels.round()).any()) for pixels in both]
    assert 4 < sum(blended) < 16


def test_cross_entropy_of_a_mixture_is_that_of_the_mixed_targets() -> None:
    torch.manual_seed(0)
    logits, targets = torch.randn(4, 3), torch.tensor([0, 1, 2, 0])
    batch = MixedBatch(None, torch.tensor([1, 2, 0, 3]), 0.7)
    soft = 0.7 * functional.one_hot(targets, 3) + 0.3 * functional.one_hot(targets[batch.partners], 3)
    assert float(batch.loss(functional.cross_entropy, logits, targets)) == pytest.approx(
        float(functional.cross_entropy(logits, soft))
    )


@pytest.mark.parametrize(
    "name", ["cross_entropy", "focal", *(f"labels {name}" for name in sorted(LABEL_LOSSES))]
)
def test_every_loss_of_a_classifier_mixes_with_weights_and_unknown_labels(name: str) -> None:
    torch.manual_seed(0)
    logits = torch.randn(3, 2, requires_grad=True)
    several = name.startswith("labels ")
    catalogue = LABEL_LOSSES if several else LOSSES
    criterion = make_loss(name.removeprefix("labels "), torch.tensor([3.0, 0.5]), SETTINGS, catalogue)
    targets = (
        torch.tensor([[1, 0], [-1, -1], [0, 1]], dtype=torch.int8) if several else torch.tensor([0, 1, 1])
    )
    partners = torch.tensor([2, 0, 1])
    loss = MixedBatch(None, partners, 0.25).loss(criterion, logits, targets)
    by_hand = 0.25 * criterion(logits, targets) + 0.75 * criterion(logits, targets[partners])
    assert float(loss.detach()) == pytest.approx(float(by_hand.detach()))
    loss.backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None and bool(logits.grad.isfinite().all())
