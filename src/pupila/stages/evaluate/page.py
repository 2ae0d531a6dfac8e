"""The page of an evaluation."""

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report.page import Page
from pupila.core.messages import say
from pupila.stages.evaluate.evaluator import OUT_OF_FOLD, EvaluationResult
from pupila.stages.evaluate.evaluators import EVALUATORS
from pupila.stages.evaluate.sentences import sentences
from pupila.stages.evaluate.slices.page import sections as slice_sections
from pupila.stages.evaluate.stress.page import stress_sections


def evaluation_page(result: EvaluationResult, data: Dataset) -> Page:
    """The report as a page.

    Args:
        result: the report, which `report.json` holds, and the predictions on the images that are shown.
        data: for these images.
    """
    e = result.evaluation
    model, writer = e.models[0], EVALUATORS[e.task]
    return Page(
        title=_title(model.name, e.split),
        verdict=sentences(e),
        sections=[
            *writer.sections(e, data, result.predictions), *result.explanations, *slice_sections(e.slices),
            *stress_sections(e, result.stress_examples),
        ],
        footnote=say(
            "Model version {model}, data {data}, splits {splits}.",
            model=model.version[:12], data=e.data_hash[:12], splits=e.splits_hash[:12],
        ) + " " + writer.footnote(),
    )  # fmt: skip


def _title(name: str, split: str) -> str:
    if split == OUT_OF_FOLD:
        return say("{name}: out-of-fold predictions", name=name)
    return say("{name} on the {split} split", name=name, split=split)
