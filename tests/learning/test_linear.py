"""A linear head at its optimum: folding by hand, scikit-learn as oracle, and cross-validation that divides no group."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from pupila.learning.linear import (
    L2_STRENGTHS,
    Standardisation,
    choose_l2,
    divide_groups,
    fit_linear,
    fit_standardised,
    zero_layer,
)


def draw(rows: int, size: int, classes: int, noise: float, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Features around a centre of their class, and their classes in turn."""
    rng = np.random.default_rng(seed)
    targets = np.arange(rows) % classes
    centres = rng.normal(size=(classes, size))
    features = 5 + 3 * (centres[targets] + noise * rng.normal(size=(rows, size)))
    return torch.from_numpy(features), torch.from_numpy(targets)


def test_a_layer_that_takes_standardised_features_is_folded_by_hand() -> None:
    layer = nn.Linear(2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[4.0, 5.0]]))
        layer.bias.fill_(1.0)
    standardise = Standardisation.of([torch.tensor([[0.0, 7.0]]), torch.tensor([[4.0, 7.0]])])
    assert standardise.mean.tolist() == [2.0, 7.0]
    assert standardise.scale.tolist() == [0.5, 0.0]  # the second feature never varies
    standardise.fold_into(layer)
    assert layer.weight.tolist() == [[2.0, 0.0]]
    assert layer.bias.tolist() == [1.0 - 2.0 * 2.0]
    assert layer(torch.tensor([[6.0, 9.0]])).tolist() == [[9.0]]  # 4 * (6 - 2) / 2 + 1


def test_the_optimum_is_that_of_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression

    features, targets = draw(90, 5, 3, noise=1.5)
    standardise, l2 = Standardisation.of([features]), 0.02
    layer = zero_layer(5, 3).double()
    loss = fit_linear([(standardise(features), targets)], functional.cross_entropy, l2, layer)
    oracle = LogisticRegression(C=1 / (90 * l2), tol=1e-8, max_iter=1000)
    oracle.fit(standardise(features).numpy(), targets.numpy())
    assert layer.weight.detach().numpy() == pytest.approx(oracle.coef_, abs=1e-4)
    expected = oracle.predict_log_proba(standardise(features).numpy())[np.arange(90), targets.numpy()]
    assert loss == pytest.approx(-expected.mean(), abs=1e-5)


def test_several_labels_are_as_many_regressions() -> None:
    from sklearn.linear_model import LogisticRegression

    features, targets = draw(60, 4, 3, noise=1.5)
    labels = functional.one_hot(targets, 3).double()
    layer = zero_layer(4, 3).double()
    fit_standardised([(features, labels)], functional.binary_cross_entropy_with_logits, 0.05, layer)
    standardise = Standardisation.of([features])
    for number in range(3):
        # The mean is over images and classes, so that the penalty of one class counts three times.
        oracle = LogisticRegression(C=1 / (60 * 3 * 0.05), tol=1e-8, max_iter=1000)
        oracle.fit(standardise(features).numpy(), labels[:, number].numpy())
        ours = layer(features)[:, number].detach().numpy()
        assert ours == pytest.approx(oracle.decision_function(standardise(features).numpy()), abs=1e-3)


def test_parts_are_one_and_the_same_with_their_union() -> None:
    features, targets = draw(48, 4, 2, noise=1.0)
    layers = [zero_layer(4, 2).double() for _ in range(2)]
    fit_standardised([(features, targets)], functional.cross_entropy, 0.1, layers[0])
    parts = [(features[some], targets[some]) for some in (slice(0, 10), slice(10, 48))]
    fit_standardised(parts, functional.cross_entropy, 0.1, layers[1])
    first, second = (layer.weight.detach().numpy() for layer in layers)
    assert first == pytest.approx(second, abs=1e-4)


@given(st.lists(st.integers(0, 8), min_size=1, max_size=60), st.integers(2, 5))
def test_no_group_is_divided_and_no_fold_is_empty(groups: list[int], folds: int) -> None:
    labels = np.arange(len(groups))[:, None] % 2 == np.arange(2)
    fold_of = divide_groups(labels, np.array(groups), folds)
    for group in set(groups):
        assert len({fold for fold, own in zip(fold_of.tolist(), groups, strict=True) if own == group}) == 1
    assert set(fold_of.tolist()) == set(range(min(folds, len(set(groups)))))


def test_each_fold_gets_its_share_of_a_rare_class() -> None:
    targets = np.array([0] * 40 + [1] * 10)
    fold_of = divide_groups(targets[:, None] == np.arange(2), np.arange(50), 5)
    assert [int((fold_of[targets == 1] == fold).sum()) for fold in range(5)] == [2] * 5
    assert [int((fold_of[targets == 0] == fold).sum()) for fold in range(5)] == [8] * 5


def test_the_losses_tell_noise_from_clear_classes_and_are_the_same_again() -> None:
    least = []
    for noise in (0.1, 50.0):
        features, targets = draw(40, 30, 2, noise)
        labels = targets.numpy()[:, None] == np.arange(2)
        choice = choose_l2((features, targets), labels, np.arange(40), functional.cross_entropy)
        again = choose_l2((features, targets), labels, np.arange(40), functional.cross_entropy)
        assert choice == again and choice.folds == 5 and list(choice.losses) == list(L2_STRENGTHS)
        assert choice.losses[choice.l2] == min(choice.losses.values())
        least.append(choice.losses[choice.l2])
    assert least[0] < 0.05 and least[1] == pytest.approx(np.log(2), abs=0.05)  # nothing beats even odds


def test_a_group_that_repeats_its_images_shows_nothing() -> None:
    """Ten copies of each image: copies in other folds would make noise look learned."""
    features, targets = draw(20, 30, 2, noise=50.0)
    copied, labels = features.repeat(10, 1), (targets.numpy()[:, None] == np.arange(2)).repeat(1, axis=0)
    labels = np.concatenate([labels] * 10)
    examples = copied, targets.repeat(10)
    by_group = choose_l2(examples, labels, np.tile(np.arange(20), 10), functional.cross_entropy)
    alone = np.random.default_rng(0).permutation(200)  # each image a group of its own
    by_image = choose_l2(examples, labels, alone, functional.cross_entropy)
    assert min(by_group.losses.values()) == pytest.approx(np.log(2), abs=0.05)
    assert min(by_image.losses.values()) < 0.01


def test_one_group_can_not_be_divided() -> None:
    features, targets = draw(12, 3, 2, noise=1.0)
    labels = targets.numpy()[:, None] == np.arange(2)
    choice = choose_l2((features, targets), labels, np.zeros(12), functional.cross_entropy)
    assert not choice.losses and choice.l2 in L2_STRENGTHS
    assert "too few groups" in choice.describe()
