"""What varies, as files and flags say it: parameters, conditions, and the words of other tools answered."""

from pathlib import Path
from typing import Any

import pytest

from pupila.cli.config_file import read_flags_file
from pupila.cli.flags import Reader, find_flags
from pupila.core.errors import PupilaError
from pupila.core.settings import yaml_value
from pupila.experiments.parameters import parse_varied
from pupila.experiments.settings import SweepSettings, describe_search
from pupila.experiments.space import Choices, Condition, Range, Space

CONFIG = """
search: tpe
trials: 40
parameters:
  optimizer: [adam, sgd]
  batch-size: {values: [8, 16, 32]}
  lr: {min: 1e-4, max: 0.1, log: true, when: {optimizer: sgd}}
  dropout: {min: 0, max: 0.5, step: 0.1}
  clip_norm: {values: [null, 1]}
  schedule: cosine
  model: {value: lenet}
epochs: 10
"""


def space(text: str = "", base: dict[str, Any] | None = None, **settings: Any) -> Space:
    """The space of a sweep whose file says this, with these settings beside it."""
    return parse_varied(SweepSettings.parse({**yaml_value(text or "{}"), **settings}, "sweep"), base or {})


def test_a_file_says_what_varies_and_what_all_cells_share(tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text(CONFIG)
    flags = {flag.name: flag for flag in find_flags("sweep")}
    given = read_flags_file(str(tmp_path / "sweep.yaml"), flags)
    assert given["epochs"] == 10
    settings = SweepSettings.parse(
        {n: v for n, v in given.items() if n in SweepSettings.model_fields}, "sweep"
    )
    assert (settings.search, settings.trials) == ("tpe", 40)
    varied = parse_varied(settings, {"epochs": 10})
    assert varied.axes == (
        Choices("optimizer", ("adam", "sgd")),
        Choices("batch_size", (8, 16, 32)),
        Choices("clip_norm", (None, 1.0)),
        Range("lr", 1e-4, 0.1, log=True, when=(Condition("optimizer", ("sgd",)),)),
        Range("dropout", 0.0, 0.5, 0.1),
    )
    assert varied.base == {"epochs": 10, "schedule": "cosine", "model": "lenet"}


def test_flags_stand_beside_a_file() -> None:
    varied = space("parameters: {lr: [0.1, 0.2]}", grid={"head": ["dense", "linear"]},
                   range={"dropout": "0..0.5"}, when={"dropout": {"head": "dense"}})  # fmt: skip
    assert [axis.name for axis in varied.axes] == ["lr", "head", "dropout"]
    assert varied.axes[2].when == (Condition("head", ("dense",)),)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "parameters: {lr: {distribution: log_uniform_values}}",
            "lr.distribution is written min, max, log: true here",
        ),
        ("parameters: {lr: {mn: 1}}", r"lr: mn is unknown \(did you mean min\?\)"),
        ("parameters: {lr: {values: [1], min: 2}}", r"lr \(expected values, value, or min and max\)"),
        ("parameters: {lr: {}}", r"lr \(expected values, value, or min and max\)"),
        ("parameters: {lr: {values: [1], when: sgd}}", r"lr.when \(expected NAME: VALUE\)"),
        ("parameters: {lr: 1, epochs: 2}", "epochs is given as one value and as several"),
        ("{parameters: {lr: [1]}, grid: {lr: [2]}}", "lr is given twice"),
        ("parameters: {learning_rate: {min: 0.1, max: 0.2}}", "learning_rate is called lr here"),
        ("parameters: {folds: 5}", "folds is set by --folds 5"),
    ],
)
def test_what_a_file_says_wrong_is_named(text: str, sentence: str) -> None:
    with pytest.raises(PupilaError, match=sentence):
        space(text, {"epochs": 3})


@pytest.mark.parametrize(
    ("words", "name", "expected"),
    [
        (["--grid", "augment=A1,A2", "--grid", "unfreeze=0,3,all"], "grid",
         {"augment": ["A1", "A2"], "unfreeze": [0, 3, "all"]}),
        (["--grid", "lr=1e-4,auto", "--grid", "clip-norm=null,1"], "grid",
         {"lr": [1e-4, "auto"], "clip_norm": [None, 1]}),
        (["--grid", "threshold='cost:fn=10,fp=1',f1"], "grid", {"threshold": ["cost:fn=10,fp=1", "f1"]}),
        (["--grid", "loss=dice+focal,dice+0.5*cross_entropy"], "grid",
         {"loss": ["dice+focal", "dice+0.5*cross_entropy"]}),
        (["--grid", "options={pad_type: same},{}"], "grid", {"options": [{"pad_type": "same"}, {}]}),
        (["--range", "lr=0.0001..0.1:log", "--range", "batch_size=8..64:step=8"], "range",
         {"lr": "0.0001..0.1:log", "batch_size": "8..64:step=8"}),
        (["--when", "lr:optimizer=sgd,adam", "--when", "lr:unfreeze=0", "--when", "dropout:head=dense"], "when",
         {"lr": {"optimizer": ["sgd", "adam"], "unfreeze": [0]}, "dropout": {"head": ["dense"]}}),
    ],
)  # fmt: skip
def test_what_varies_is_typed_as_flags(words: list[str], name: str, expected: dict[str, Any]) -> None:
    reader = Reader("sweep", {})
    assert reader.read(words) == []
    assert reader.check() == {name: expected}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--grid", "lr=1", "--grid", "lr=2"], "--grid lr is given twice"),
        (["--grid", "augment"], r"--grid augment \(expected NAME=V1,V2\)"),
        (["--when", "lr=1"], r"--when lr=1 \(expected NAME:OTHER=V1,V2\)"),
        (["--when", "lr:optimizer"], r"expected NAME:OTHER=V1,V2"),
        (["--method", "bayes"], "--method is called --search here"),
        (["--search", "grid"], r"--search grid \(expected tpe, random or null\)"),
    ],
)
def test_other_forms_are_answered_with_the_form(words: list[str], sentence: str) -> None:
    reader = Reader("sweep", {})
    reader.read(words)
    with pytest.raises(PupilaError, match=sentence):
        reader.check()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"trials": 3}, "--trials has no effect: it needs --search tpe"),
        ({"min_epochs": 3}, "--min-epochs has no effect: it needs --halving 3"),
    ],
    ids=["trials", "epochs"],
)
def test_settings_of_a_search_need_one(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PupilaError, match=sentence):
        describe_search(SweepSettings.parse(settings))


def test_a_search_may_be_resumed_with_more_trials_and_a_halving_may_not() -> None:
    assert describe_search(SweepSettings.parse({"search": "tpe", "trials": 9})) == {
        "sampler": "tpe",
        "seed": 0,
    }
    assert describe_search(SweepSettings.parse({"search": "tpe", "trials": 9, "halving": 3}))["trials"] == 9
    assert describe_search(SweepSettings.parse({})) == {}
