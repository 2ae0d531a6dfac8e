"""Keyword arguments of the functions: every setting with its type, its meaning and its default.

Written by `python -m pupila.cli.write_options` from the models of the settings, which check the values.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pupila.api.options import TrainOptions


class SweepOptions(TrainOptions, total=False):
    """How a sweep is run, and the settings that its cells share."""

    grid: Mapping[str, Sequence[Any]]
    """values of a setting that varies, such as model=resnet18,resnet50; may be repeated: all combinations are
    trained; seed and folds may vary, too."""
    jobs: int
    """processes that train cells side by side [default: 1]."""
    total_budget: str | None
    """time such as 90s, 15m or 2h, after which no further cell is begun [default: None]."""
    retries: int
    """how often a failed cell is run again [default: 1]."""
