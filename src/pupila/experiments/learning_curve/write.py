"""Writes `learning-curve.json` and `learning-curve.html` into the folder of a sweep."""

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.report.learning_curve import CURVE_FILE, CURVE_PAGE, LearningCurve
from pupila.artifacts.report.page import render
from pupila.artifacts.run.log import LogCallback, Note
from pupila.artifacts.sweep.folder import Sweep
from pupila.core import files
from pupila.core.messages import say
from pupila.experiments.learning_curve.curve import read_curve
from pupila.experiments.learning_curve.page import describe_curve, make_curve_page


def write_curve(folder: str, data: Dataset, splits: SplitFile, tell: LogCallback) -> LearningCurve:
    """Fit the curve of the trainings so far, write its files, and tell its answer."""
    sweep = Sweep(folder)
    curve = read_curve(sweep, data, splits)
    files.write_json(files.join(folder, CURVE_FILE), curve.model_dump(mode="json", by_alias=True))
    page = files.join(folder, CURVE_PAGE)
    files.write_bytes(page, render(make_curve_page(curve, sweep.name)).encode())
    for sentence in describe_curve(curve):
        tell(Note(sentence))
    tell(Note(say("Report: {path}", path=page)))
    return curve
