"""Train a model, plan a training, and preview its augmentation."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pupila.api.data import Data, find_agreed_split, open_labelled, open_with
from pupila.api.split import split
from pupila.artifacts.dataset.splits import find_matching_split
from pupila.artifacts.run.log import LogCallback
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.vocabulary import TRAIN
from pupila.imaging.images.bands import BandSettings
from pupila.stages.split.make import make_split
from pupila.stages.split.settings import SplitSettings

if TYPE_CHECKING:
    from pupila.stages.train.run import Run
    from pupila.stages.train.settings import TrainPlan


def train(
    data: Data,
    *,
    out: str | Path | None = None,
    resume: bool = False,
    tell: LogCallback = lambda line: None,
    **config: Any,
) -> "Run":
    """Train a model and write its run folder with the bundle; data without a split are split first.

    Args:
        data: whatever `pupila.open` takes.
        out: folder of the run; by default `runs/<data>-<model>` in the working directory.
        resume: resume the run in `out`.
        tell: called with each line of the log.
        config: fields of `TrainSettings`; `folds` for data without a split; and, for TIFFs, fields of
            `BandSettings`, where the data are not open yet.

    Raises:
        PupilaError: see `pupila.stages.train.run.TrainingRun`.
    """
    from pupila.learning.models.settings import DEFAULT_MODELS
    from pupila.stages.train.run import TrainingRun, find_free_folder
    from pupila.stages.train.settings import TrainSettings

    folds, read = config.pop("folds", None), _pop_band_settings(config)
    settings = TrainSettings.parse(config, "train")
    if resume and out is None:
        raise PupilaError(
            say("--resume needs the folder of the run"), actual=say("--resume without --out"),
            expected="--out RUN", remedy="--resume --out runs/NAME",
        )  # fmt: skip
    if out is not None and files.is_remote(str(out)):
        raise PupilaError(
            say("A run can only be written to a local disk"), actual=str(out), expected=say("a local folder"),
            remedy=say("train locally, then copy the bundle to the store: predict and evaluate can read it there"),
        )  # fmt: skip
    opened = open_labelled(data, read)
    splits = find_agreed_split(opened, folds) or split(opened, folds=folds)
    assert opened.task is not None  # it has labels
    model = DEFAULT_MODELS[opened.task.name] if settings.model == "auto" else Path(settings.model).name
    folder = str(out) if out is not None else find_free_folder(f"runs/{Path(opened.root).name}-{model}")
    return TrainingRun(opened, splits, folder, tell).run(settings, resume)


def make_plan(data: Data, **config: Any) -> "TrainPlan":
    """The plan of a training, every "auto" decided; nothing is trained and nothing written beside the data."""
    from pupila.stages.train.run import TrainingRun
    from pupila.stages.train.settings import TrainSettings

    folds, read = config.pop("folds", None), _pop_band_settings(config)
    settings = TrainSettings.parse(config, "train")
    opened = open_labelled(data, read)
    splits = find_agreed_split(opened, folds) or make_split(
        opened, SplitSettings.parse({"folds": folds}, "split")
    )
    return TrainingRun(opened, splits, "").plan(settings)


def preview(data: Data, out: str | Path, **config: Any) -> None:
    """Write a PNG of training images: each original with its first augmented views."""
    from pupila.stages.train.preview import draw_preview
    from pupila.stages.train.settings import TrainSettings

    opened = open_with(data, _pop_band_settings(config))
    splits = find_matching_split(opened, opened.home)
    rows = (
        [row for row, a in enumerate(splits.images) if a.split == TRAIN]
        if splits
        else list(range(len(opened)))
    )
    files.write_bytes(str(out), draw_preview(opened, rows, TrainSettings.parse(config, "train")))


def _pop_band_settings(config: dict[str, Any]) -> dict[str, Any]:
    """The settings for the bands of TIFFs, removed from a training config: they are for opening the data."""
    return {name: config.pop(name) for name in BandSettings.model_fields if name in config}
