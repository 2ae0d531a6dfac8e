"""What the cells of a sweep learn from: the data, their split, and splits with other folds made from it."""

from dataclasses import dataclass, field

from pupila.api.train import open_training
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.sweep.definition import SweepEntry, SweepFile
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.experiments.learning_curve.shares import split_share
from pupila.experiments.parse_space import FOLDS
from pupila.learning.pool import EncoderPool
from pupila.stages.split.refold import change_folds


@dataclass(frozen=True)
class SweepInputs:
    """What the cells of a sweep learn from, and what those that this process trains share."""

    data: Dataset
    splits: SplitFile
    pool: EncoderPool = field(default_factory=EncoderPool, repr=False, compare=False)
    _refolded: dict[int | None, SplitFile] = field(default_factory=dict, repr=False, compare=False)

    def split_for(self, entry: SweepEntry) -> SplitFile:
        """The split that a cell is trained on, with its folds or its share of the training images.

        The test images are always the same.

        Raises:
            PupilaError: too few groups for the folds.
        """
        if entry.share is not None:
            return split_share(self.splits, self.data, entry.share)
        if FOLDS not in entry.settings:
            return self.splits
        folds = entry.settings[FOLDS]
        if folds not in self._refolded:
            self._refolded[folds] = change_folds(self.data, self.splits, folds)
        return self._refolded[folds]


def open_inputs(info: SweepFile) -> SweepInputs:
    """Open the data of a sweep again, without a word.

    Raises:
        PupilaError: they came from memory, or are no longer those that the sweep began with.
    """
    if not info.data:
        raise PupilaError(
            say("The data of the sweep came from memory"), expected=say("the path of a data set"),
            remedy=say("pupila.open(..., out=FOLDER), and then that folder"),
        )  # fmt: skip
    data, splits = open_training(info.data, info.reading, info.folds or None, lambda line: None)
    if (data.hash, splits.hash) != (info.data_hash, info.splits_hash):
        raise PupilaError(
            say("The data are no longer those of the sweep"), actual=data.hash[:12], expected=info.data_hash[:12],
            remedy=say("restore them, or --out FOLDER to start another sweep"),
        )  # fmt: skip
    return SweepInputs(data, splits)
