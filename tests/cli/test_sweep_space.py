"""--grid, --range and --when as people type them."""

from typing import Any

import pytest

from pupila.cli.sweep_space import read_conditions, read_grid, read_ranges
from pupila.core.errors import PupilaError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("augment=A1,A2", {"augment": ["A1", "A2"]}),
        ("unfreeze=0,3,all", {"unfreeze": [0, 3, "all"]}),
        ("--batch-size=8, 16", {"batch_size": [8, 16]}),
        ("lr=1e-4,0.01,auto", {"lr": [1e-4, 0.01, "auto"]}),
        ("clip_norm=null,1", {"clip_norm": [None, 1]}),
        ("allow_leak=true,false", {"allow_leak": [True, False]}),
        ("loss=dice+focal,dice+0.5*cross_entropy", {"loss": ["dice+focal", "dice+0.5*cross_entropy"]}),
        ("threshold='cost:fn=10,fp=1',f1", {"threshold": ["cost:fn=10,fp=1", "f1"]}),
        ('model="a,b",c', {"model": ["a,b", "c"]}),
        ("model=[lenet,resnet_small]", {"model": ["lenet", "resnet_small"]}),
        ("options={pad_type: same},{}", {"options": [{"pad_type": "same"}, {}]}),
        ("folds=5,10", {"folds": [5, 10]}),
        ("learning_rate=0.1,x", {"learning_rate": ["0.1", "x"]}),
    ],
)
def test_values_stand_between_commas(text: str, expected: dict[str, Any]) -> None:
    assert read_grid([text]) == expected


def test_ranges_and_conditions_have_a_name_in_front() -> None:
    assert read_ranges(["lr=0.0001..0.1:log", "batch-size=8..64:step=8"]) == {
        "lr": "0.0001..0.1:log", "batch_size": "8..64:step=8",
    }  # fmt: skip
    assert read_conditions(["lr:optimizer=sgd", "lr:unfreeze=0,all"]) == {
        "lr": {"optimizer": ["sgd"], "unfreeze": [0, "all"]}
    }


@pytest.mark.parametrize(
    ("read", "texts", "sentence"),
    [
        (read_grid, ["augment"], r"--grid augment can't be read: expected --grid NAME=V1,V2"),
        (read_grid, ["=A1"], "can't be read"),
        (read_grid, ["augment="], "can't be read"),
        (read_grid, ["lr=1", "lr=2"], "--grid lr is given twice: expected all values in one --grid"),
        (
            read_ranges,
            ["lr"],
            r"--range lr can't be read: expected --range NAME=LOW..HIGH\[:log\]\[:step=N\]",
        ),
        (read_conditions, ["lr=1"], "--when lr=1 can't be read: expected --when NAME:OTHER=V1,V2"),
        (read_conditions, ["lr:optimizer"], "--when lr:optimizer can't be read"),
        (read_conditions, ["lr:head=linear", "lr:head=dense"], "--when head is given twice"),
    ],
    ids=[
        "no values",
        "no name",
        "nothing",
        "twice",
        "no range",
        "no colon",
        "no condition",
        "condition twice",
    ],
)
def test_other_forms_are_answered_with_the_form(read: Any, texts: list[str], sentence: str) -> None:
    with pytest.raises(PupilaError, match=sentence):
        read(texts)
