"""The page of an evaluation."""

from collections.abc import Sequence

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report.page import Page
from pupila.core.messages import say
from pupila.stages.evaluate.evaluator import Evaluation
from pupila.stages.evaluate.evaluators import TELLINGS
from pupila.stages.evaluate.predictions import Answers
from pupila.stages.evaluate.sentences import sentences


def evaluation_page(e: Evaluation, data: Dataset, answers: Sequence[Answers]) -> Page:
    """The page.

    Args:
        e: what `report.json` holds.
        data: for the photos that are shown.
        answers: of the models, for what they answered to them.
    """
    judged, telling = e["models"][0], TELLINGS[e["task"]]
    return Page(
        title=say("{name} on the {split} split", name=judged["name"], split=e["split"]),
        verdict=sentences(e),
        sections=telling.sections(e, data, answers),
        footnote=say(
            "Model {model}, data {data}, splits {splits}.",
            model=judged["version"][:12], data=e["data_hash"][:12], splits=e["splits_hash"][:12],
        ) + " " + telling.footnote(),
    )  # fmt: skip
