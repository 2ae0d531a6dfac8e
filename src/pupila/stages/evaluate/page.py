"""The page of an evaluation."""

from collections.abc import Sequence

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report.evaluation.report import EvaluationReport
from pupila.artifacts.report.page import Page
from pupila.core.messages import say
from pupila.stages.evaluate.evaluator import OUT_OF_FOLD
from pupila.stages.evaluate.evaluators import EVALUATORS
from pupila.stages.evaluate.predictions import Predictions
from pupila.stages.evaluate.sentences import sentences


def evaluation_page(e: EvaluationReport, data: Dataset, predictions: Sequence[Predictions]) -> Page:
    """The report as a page.

    Args:
        e: what `report.json` holds.
        data: for the images that are shown.
        predictions: of the models, on those images.
    """
    model, writer = e.models[0], EVALUATORS[e.task]
    return Page(
        title=_title(model.name, e.split),
        verdict=sentences(e),
        sections=writer.sections(e, data, predictions),
        footnote=say(
            "Model version {model}, data {data}, splits {splits}.",
            model=model.version[:12], data=e.data_hash[:12], splits=e.splits_hash[:12],
        ) + " " + writer.footnote(),
    )  # fmt: skip


def _title(name: str, split: str) -> str:
    if split == OUT_OF_FOLD:
        return say("{name}: out-of-fold predictions", name=name)
    return say("{name} on the {split} split", name=name, split=split)
