"""The images of an evaluation with prompts: their targets, the prompts drawn from them, and the baselines."""

from dataclasses import dataclass
from functools import cached_property

from pupila.core.vocabulary import TRAIN
from pupila.stages.evaluate.evaluator import EvaluationSet
from pupila.stages.evaluate.prompt.baselines import Baselines, fit_baselines, predict_baselines
from pupila.stages.evaluate.prompt.predictions import PromptPredictions
from pupila.stages.evaluate.prompt.targets import PromptedTargets, draw_prompts


@dataclass(frozen=True)
class PromptEvaluationSet(EvaluationSet):
    """The images with their targets: every model gets the same prompts of each strategy."""

    targets: PromptedTargets

    @cached_property
    def fitted(self) -> Baselines:
        """The baselines, fitted to the labelled images of the training split."""
        targets = self.data.images["target"].to_list()
        training_rows = [
            row for row, a in enumerate(self.splits.images) if a.split == TRAIN and targets[row] is not None
        ]
        return fit_baselines(self.data, training_rows)

    @cached_property
    def baselines(self) -> list[PromptPredictions]:
        """The predictions of the baselines."""
        return predict_baselines(self.fitted, self.data, self.rows)


def prepare(on: EvaluationSet) -> PromptEvaluationSet:
    """Draw the prompts.

    Raises:
        PupilaError: the data set has no masks, or no target.
    """
    return PromptEvaluationSet(on.data, on.splits, on.rows, draw_prompts(on))
