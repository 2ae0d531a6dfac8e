"""Compare the targets with the out-of-fold predictions of a run; nothing is trained here."""

from collections.abc import Callable

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.predictions.catalogue import PREDICTION_COLUMNS
from pupila.artifacts.report.fingerprint import Fault
from pupila.artifacts.run.folder import OUT_OF_FOLD_FILE, Run
from pupila.artifacts.run.out_of_fold import OutOfFold, read_out_of_fold
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say

# Takes the data, and predictions for images that the predicting model was not trained on.
Comparison = Callable[[Dataset, OutOfFold], list[Fault]]


def compare_with_run(data: Dataset, run: Run, compare: Comparison | None) -> list[Fault]:
    """The faults that the run's predictions show.

    Args:
        data: the data set.
        run: that was trained on it.
        compare: how targets of its kind are compared; None: they are not.

    Raises:
        PupilaError: other targets, no predictions there, those of another task or of other classes, or none of these
            images.
    """
    if compare is None or data.task is None:
        raise PupilaError(
            say("The doctor compares only masks, and several labels per image, with a run"), actual=data.layout,
            remedy=say("rank single labels with: {command}", command="pupila label suspects DATA --with RUN"),
        )  # fmt: skip
    predictions = read_out_of_fold(run, data)
    needed = PREDICTION_COLUMNS[data.task.name].out_of_fold(data.classes)
    if not set(needed) <= set(predictions.frame.columns):
        raise PupilaError(
            say("The run was trained for another task"), actual=listing(predictions.frame.columns, 8),
            expected=say("columns {names} in {file}", names=listing(needed), file=OUT_OF_FOLD_FILE),
        )  # fmt: skip
    return compare(data, predictions)
