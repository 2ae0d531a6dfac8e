"""The file of a sweep: parameters, options and shared settings; what other tools' files say is answered."""

from pathlib import Path

import pytest

from pupila.core.errors import PupilaError
from pupila.experiments.space import Choices, Condition, Range
from pupila.experiments.sweep_config import SweepConfig, read_sweep_config

OPTIONS = ("search", "trials", "halving")
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


def read(folder: Path, text: str) -> SweepConfig:
    (folder / "sweep.yaml").write_text(text)
    return read_sweep_config(str(folder / "sweep.yaml"), OPTIONS)


def test_a_file_says_what_varies_and_what_all_cells_share(tmp_path: Path) -> None:
    config = read(tmp_path, CONFIG)
    space = config.space()
    assert space.axes == (
        Choices("optimizer", ("adam", "sgd")),
        Choices("batch_size", (8, 16, 32)),
        Choices("clip_norm", (None, 1.0)),
        Range("lr", 1e-4, 0.1, log=True, when=(Condition("optimizer", ("sgd",)),)),
        Range("dropout", 0.0, 0.5, 0.1),
    )
    assert space.base == {"epochs": 10, "schedule": "cosine", "model": "lenet"}
    assert config.options == {"search": "tpe", "trials": 40}


def test_what_is_given_beside_a_file_overrides_it(tmp_path: Path) -> None:
    given = SweepConfig(grid={"epochs": [1, 2]}, base={"lr": 0.1}, options={"trials": 7})
    config = read(tmp_path, CONFIG).override(given)
    assert config.grid == {"optimizer": ["adam", "sgd"], "batch_size": [8, 16, 32], "clip_norm": [None, 1],
                           "epochs": [1, 2]}  # fmt: skip
    assert set(config.ranges) == {"dropout"}
    assert config.when == {}
    assert config.base == {"lr": 0.1, "schedule": "cosine", "model": "lenet"}
    assert config.options == {"search": "tpe", "trials": 7}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("method: bayes", "method is written search: tpe here"),
        ("early_terminate: {type: hyperband}", "early_terminate is written halving: 3 here"),
        ("metric: {name: val_loss}", "metric is not set: the task decides it"),
        ("trails: 3", r"trails is unknown \(did you mean trials\?\)"),
        ("parameters: [1]", "parameters holds no NAME: VALUES"),
        (
            "parameters: {lr: {distribution: log_uniform_values}}",
            "lr.distribution is written min, max, log: true here",
        ),
        ("parameters: {lr: {mn: 1}}", r"lr: mn is unknown \(did you mean min\?\)"),
        ("parameters: {lr: {values: [1], min: 2}}", r"lr \(expected values, value, or min and max\)"),
        ("parameters: {lr: {}}", r"lr \(expected values, value, or min and max\)"),
        ("parameters: {lr: {values: [1], when: sgd}}", r"lr.when \(expected NAME: VALUE\)"),
        ("parameters: {lr: 1}\nlr: 2", "lr is given as one value and as several"),
        ("parameters:\n  lr: [1]\n  lr: [2]", "lr is given twice"),
        ("parameters: {lr: {min: 1, max: 2, min: 3}}", "min is given twice"),
        ("", "is empty"),
    ],
)
def test_what_a_file_says_wrong_is_named(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(PupilaError, match=sentence):
        read(tmp_path, text)


def test_names_of_other_tools_are_answered_with_ours(tmp_path: Path) -> None:
    with pytest.raises(PupilaError, match="learning_rate is called lr here"):
        read(tmp_path, "parameters: {learning_rate: {min: 0.1, max: 0.2}}").space()
