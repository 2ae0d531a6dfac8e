"""Keyword arguments of the functions: every setting with its type, its meaning and its default.

Written by `python -m pupila.cli.write_options` from the models of the settings, which check the values.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pupila.api.train_options import TrainOptions


class SweepOptions(TrainOptions, total=False):
    """How a sweep is run, and the settings that its cells share."""

    # sweep: common
    grid: Mapping[str, Sequence[Any]]
    """values of a setting that varies, such as model=resnet18,resnet50; may be repeated: all combinations are
    trained; seed and folds may vary, too."""
    range: Mapping[str, Any]
    """ends of a setting that a search varies, such as lr=0.0001..0.1:log or batch_size=8..64:step=8; may be
    repeated."""
    when: Mapping[str, Mapping[str, Any]]
    """condition under which a setting varies, such as lr:optimizer=sgd; may be repeated."""
    search: Literal["tpe", "random"] | None
    """sampler that suggests configurations; tpe learns from the scores; None: every combination [default: None]."""
    trials: int
    """configurations that a search suggests [default: 40]."""
    halving: int | None
    """successive halving: all configurations train with few epochs, and the best 1/N continue with N times as many;
    None: all train with all epochs [default: None]."""
    learning_curve: bool
    """train on growing shares of the training images, and predict what twice the images would bring [default:
    False]."""
    shares: Sequence[float]
    """shares of the training images in a learning curve [default: [0.1, 0.2, 0.4, 0.7, 1.0]]."""
    repeats: int
    """trainings of each share in a learning curve, each with its own images and seed [default: 3]."""
    jobs: int
    """processes that train cells side by side [default: 1]."""
    total_budget: str | None
    """time such as 90s, 15m or 2h, after which no further cell is begun [default: None]."""
    retries: int
    """how often a failed cell is run again [default: 1]."""
    # sweep: expert
    parameters: Mapping[str, Any]
    """what varies, as a file of --config says it: values, or min and max with log or step, and when."""
    search_seed: int
    """seed of the sampler [default: 0]."""
    min_epochs: int
    """least epochs of a successive halving [default: 1]."""
