"""Replay runs and sweeps into MLflow, W&B or TensorBoard, and follow a training there."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Union

from pupila.api.inputs import Path
from pupila.core.errors import PupilaError, describe_type
from pupila.core.extras import public
from pupila.core.messages import say

if TYPE_CHECKING:
    from pupila.artifacts.run.folder import Run
    from pupila.artifacts.sweep.folder import Sweep
    from pupila.stages.track.replay import Tracking

Tracked = Union[Path, "Run", "Sweep"]


@public
def track(runs: Tracked | Sequence[Tracked], *, to: str, experiment: str | None = None) -> "Tracking":
    """Replay runs and sweeps into a tracker; what it has already is not written again.

    Args:
        runs: folder of a run or of a sweep, what `pupila.train` returned, or a list of these.
        to: mlflow, wandb or tensorboard, with a place after a colon: `mlflow:sqlite:///mlflow.db`,
            `mlflow:http://host:5000`, `wandb:FOLDER`, `tensorboard:FOLDER`.
        experiment: the name under which the tracker lists the runs; None: the name of the data set.

    Raises:
        PupilaError: no run there, an unknown tracker, or one that can't be written to.
        MissingExtra: the tracker's library is not installed.
    """
    from pupila.stages.track.replay import replay
    from pupila.stages.track.target import parse_target

    items = [runs] if isinstance(runs, str | os.PathLike) or not isinstance(runs, Sequence) else list(runs)
    if not items:
        raise PupilaError(say("No runs"), actual=say("an empty list"), expected=say("at least one run"))
    if not isinstance(to, str):
        raise PupilaError(
            say("Not a tracker"),
            actual=describe_type(to),
            expected="mlflow, wandb, tensorboard",
            remedy='to="mlflow"',
        )
    target = parse_target(to)
    return replay([_open(item) for item in items], target, experiment)


def _open(item: Tracked) -> "Run | Sweep":
    from pupila.artifacts.run.folder import Run, find_path, is_run
    from pupila.artifacts.sweep.folder import Sweep, is_sweep

    if isinstance(item, Run | Sweep):
        return item
    folder = find_path(item)
    if is_sweep(folder):
        return Sweep(folder)
    if is_run(folder):
        return Run(folder)
    raise PupilaError(
        say("No run in {path}", path=folder), actual=say("no plan.json, and no sweep.json"),
        expected=say("the folder of a run or of a sweep"), remedy="pupila train DATA --out FOLDER",
    )  # fmt: skip
