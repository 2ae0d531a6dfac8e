"""What varies in a sweep: grids, ranges and conditions are read, checked, and enumerated in one order."""

from typing import Any

import pytest

from pupila.core.errors import PupilaError
from pupila.experiments.parse_space import parse_space
from pupila.experiments.space import MOST_CELLS, Choices, Condition, Range, configuration_key


def test_a_grid_has_every_combination_once_and_the_last_setting_varies_fastest() -> None:
    space = parse_space({"model": ["lenet", "resnet_small"], "augment": ["A1", "A2"]})
    assert space.grid() == [
        {"model": "lenet", "augment": "A1"}, {"model": "lenet", "augment": "A2"},
        {"model": "resnet_small", "augment": "A1"}, {"model": "resnet_small", "augment": "A2"},
    ]  # fmt: skip
    assert (space.size, space.combinations, space.names) == (4, 4, ["model", "augment"])
    assert space.describe() == ["model: lenet, resnet_small", "augment: A1, A2", "4 configurations."]


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("unfreeze", ["0", "3", "all"], (0, 3, "all")),
        ("lr", ["1e-4", 0.01, 1, "auto"], (1e-4, 0.01, 1.0, "auto")),
        ("batch-size", ["8", 16], (8, 16)),
        ("allow_leak", [True, "false"], (True, False)),
        ("clip_norm", [None, "1"], (None, 1.0)),
        ("loss", ["dice+focal", "dice+0.5*cross_entropy"], ("dice+focal", "dice+0.5*cross_entropy")),
        ("threshold", ["cost:fn=10,fp=1", "f1"], ("cost:fn=10,fp=1", "f1")),
        ("seed", ["1", "2", "3"], (1, 2, 3)),
        ("folds", [None, "5"], (None, 5)),
        ("options.pad_type", ["same", ""], ("same", "")),
    ],
    ids=[
        "unfreeze",
        "lr",
        "batch-size",
        "allow_leak",
        "clip_norm",
        "loss",
        "threshold",
        "seed",
        "folds",
        "options",
    ],
)
def test_values_are_read_as_settings_of_train_are(
    name: str, given: list[Any], expected: tuple[Any, ...]
) -> None:
    (axis,) = parse_space({name: given}).axes
    assert axis.values == expected
    assert [type(value) for value in axis.values] == [type(value) for value in expected]


def test_a_setting_that_does_not_apply_makes_no_further_configuration() -> None:
    # 2 optimizers x 3 rates are 6 combinations; adam without a rate is one configuration: 1 + 3
    space = parse_space(
        {"optimizer": ["adam", "sgd"], "lr": [0.1, 0.01, 0.001]}, when={"lr": {"optimizer": "sgd"}}
    )
    assert space.grid() == [
        {"optimizer": "adam"},
        {"optimizer": "sgd", "lr": 0.1}, {"optimizer": "sgd", "lr": 0.01}, {"optimizer": "sgd", "lr": 0.001},
    ]  # fmt: skip
    assert space.describe()[1:] == [
        "lr: 0.1, 0.01, 0.001, where optimizer is sgd",
        "6 combinations are 4 different configurations, each trained once: the others differ only in settings that "
        "do not apply.",
    ]


def test_conditions_reach_through_settings_that_do_not_apply_themselves() -> None:
    # finetune_lr needs unfreeze=3, and unfreeze needs lenet: with resnet_small neither applies
    when: dict[str, dict[str, Any]] = {
        "finetune_lr": {"unfreeze": [3, "all"]},
        "unfreeze": {"model": "lenet"},
    }
    space = parse_space(
        {"finetune_lr": [0.1, 0.2], "unfreeze": [0, 3, "all"], "model": ["lenet", "resnet_small"]}, when=when
    )
    assert [axis.name for axis in space.in_order()] == ["model", "unfreeze", "finetune_lr"]
    grid = space.grid()
    assert len(grid) == 1 + 1 + 2 * 2
    assert {"model": "resnet_small"} in grid
    assert {"unfreeze": 0, "model": "lenet"} in grid


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("lr", "0.0001..0.1:log", Range("lr", 0.0001, 0.1, log=True)),
        ("lr", {"min": "1e-4", "max": 0.1, "log": True}, Range("lr", 0.0001, 0.1, log=True)),
        ("batch_size", "8..64:step=8", Range("batch_size", 8, 64, 8)),
        ("dropout", "0..0.5:step=0.1", Range("dropout", 0.0, 0.5, 0.1)),
        ("epochs", "5..20", Range("epochs", 5, 20)),
    ],
    ids=["log", "mapping", "steps", "decimals", "whole"],
)
def test_a_range_has_two_ends_and_perhaps_steps_or_a_logarithm(
    name: str, given: Any, expected: Range
) -> None:
    (axis,) = parse_space(ranges={name: given}).axes
    assert axis == expected
    assert axis.whole == isinstance(expected.low, int)


def test_a_range_with_steps_can_be_a_grid_and_others_can_not() -> None:
    assert [c["dropout"] for c in parse_space(ranges={"dropout": "0..0.5:step=0.1"}).grid()] == [
        0.0, 0.1, 0.2, 0.3, 0.4, 0.5,
    ]  # fmt: skip
    with pytest.raises(
        PupilaError, match=r"(?s)A grid needs values, and not a range: found epochs; .*--search tpe"
    ):
        parse_space(ranges={"epochs": "5..20"}).grid()
    assert parse_space(ranges={"epochs": "5..20"}).size == 16
    assert parse_space(ranges={"lr": "0.1..0.2"}).size is None


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"grid": {"modle": ["lenet"]}}, r"modle is unknown \(did you mean model\?\)"),
        ({"ranges": {"learning_rate": "0.1..0.2"}}, r"learning_rate is called lr here"),
        ({"grid": {"lr": [-1, 0.1]}}, r"lr=-1 \(expected above 0 or auto\)"),
        ({"grid": {"lr": ["0.1..0.2"]}}, r"lr=0.1..0.2 is a range: write --range lr=0.1..0.2"),
        ({"grid": {"lr": [0.1, "1e-1"]}}, r"lr=0.1 is given twice"),
        ({"grid": {"lr": [0.1], "batch-size": [8], "batch_size": [8]}}, r"batch_size is given twice"),
        ({"grid": {"lr": [0.1]}, "ranges": {"lr": "0.1..0.2"}}, r"lr is given twice"),
        ({"grid": {"lr": [0.1]}, "base": {"lr": 0.2}}, r"lr is given as one value and as several"),
        ({"grid": {"lr": []}}, r"lr has no values"),
        ({"grid": {"model": "lenet"}}, r"model=lenet \(expected a list of values\)"),
        ({"grid": {"augment": ["A1", "A9"]}}, r"augment=A9: Unknown augmentation preset A9. Choose one of: auto"),
        ({"grid": {"workers": [1, 2]}}, r"workers does not vary: results do not depend on it"),
        ({"grid": {"model.x": [1]}}, r"model.x is unknown"),
        ({"ranges": {"lr": "0.1,0.2"}}, r"lr=0.1,0.2 \(expected LOW..HIGH\[:log\]\[:step=N\]\)"),
        ({"ranges": {"lr": "0.1..0.2:lin"}}, r"expected LOW..HIGH"),
        ({"ranges": {"lr": {"min": 1, "maximum": 2}}}, r"expected LOW..HIGH"),
        ({"ranges": {"lr": "0.2..0.1"}}, r"lr: 0.2 is not below 0.1"),
        ({"ranges": {"lr": "-1..0.1"}}, r"lr=-1 \(expected above 0 or auto\)"),
        ({"ranges": {"unfreeze": "0..all"}}, r"unfreeze=0..all \(expected LOW"),
        ({"ranges": {"dropout": "0..0.5:log"}}, r"dropout: a logarithmic range begins above 0"),
        ({"ranges": {"epochs": "2..9:log:step=2"}}, r"epochs: a logarithmic range has no steps"),
        ({"ranges": {"epochs": "2..9:step=0.5"}}, r"epochs: step=0.5 \(expected above 0 and at most 7\)"),
        ({"ranges": {"optimizer": "adam..sgd"}}, r"optimizer is no number: write --grid optimizer=A,B"),
        ({"grid": {"folds": [1, 5]}}, r"folds=1 \(expected 2 to 50 or null\)"),
        ({"base": {"folds": 99}}, r"folds=99 \(expected 2 to 50 or null\)"),
        ({"base": {"epochs": "x"}}, r"epochs='x' \(expected a whole number"),
        ({"when": {"lr": {"optimizer": "sgd"}}}, r"the condition of lr has no effect: lr does not vary"),
        (
            {"grid": {"lr": [0.1, 1], "optimizer": ["sgd", "adam"]}, "when": {"lr": {"optimizer": "adamm"}}},
            r"the condition of lr never holds: optimizer takes sgd, adam, and not adamm \(did you mean adam\?\)",
        ),
        (
            {"grid": {"lr": [0.1, 1], "optimizer": ["sgd"]}, "when": {"lr": {"optimiser": "sgd"}}},
            r"the condition of lr needs optimiser, which does not vary \(did you mean optimizer\?\)",
        ),
        (
            {"grid": {"head": ["dense"]}, "ranges": {"lr": "0.1..1"}, "when": {"head": {"lr": 0.1}}},
            r"the condition of head needs values of lr, which has a range",
        ),
        (
            {"grid": {"lr": [1, 2], "head": ["dense"]}, "when": {"lr": {"head": "dense"}, "head": {"lr": 1}}},
            r"the conditions of lr, head need each other",
        ),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_what_to_write(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PupilaError, match=sentence):
        parse_space(**given)


def test_all_faults_are_named_at_once() -> None:
    with pytest.raises(PupilaError) as fault:
        parse_space({"modle": ["x"], "lr": [0]}, {"epochs": "9..3"}, base={"seed": -1})
    for name in ("modle", "lr=0", "epochs", "seed"):
        assert name in fault.value.problem


def test_a_grid_beyond_all_machines_is_refused() -> None:
    seeds = list(range(400))
    with pytest.raises(PupilaError, match=r"The grid is too large: found 160,000 combinations"):
        parse_space({"seed": seeds, "epochs": seeds}).grid()
    assert MOST_CELLS < 400 * 400


def test_settings_are_the_shared_ones_and_what_varies() -> None:
    space = parse_space(
        {"options.pad_type": ["same"], "lr": [0.1]}, base={"epochs": 3, "options": {"act": "relu"}}
    )
    assert space.settings(space.grid()[0]) == {
        "epochs": 3, "options": {"act": "relu", "pad_type": "same"}, "lr": 0.1,
    }  # fmt: skip
    assert space.base == {"epochs": 3, "options": {"act": "relu"}}


def test_seeds_are_an_axis_that_can_be_taken_out() -> None:
    space = parse_space({"seed": [1, 2], "lr": [0.1, 0.2]})
    assert (space.seeds, space.without("seed").names) == ((1, 2), ["lr"])
    assert parse_space({"lr": [0.1]}).seeds == ()


def test_equal_configurations_have_one_key_in_any_order() -> None:
    assert configuration_key({"a": 1, "b": None}) == configuration_key({"b": None, "a": 1})
    assert configuration_key({"a": 1}) != configuration_key({"a": "1"})


def test_axes_say_where_they_apply() -> None:
    when = (Condition("optimizer", ("sgd", "adam")),)
    assert Choices("lr", (0.1, None), when).describe() == "lr: 0.1, null, where optimizer is sgd or adam"
    assert Range("lr", 1e-4, 0.1, log=True).describe() == "lr: 0.0001 to 0.1, log-uniform"
    assert Range("epochs", 2, 8, 2).describe() == "epochs: 2 to 8, in steps of 2"
