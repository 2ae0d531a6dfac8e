"""How the outcomes of each task are scored."""

from pupila.experiments.outcomes.classify import CLASS_OUTCOMES
from pupila.experiments.outcomes.multilabel import LABEL_OUTCOMES
from pupila.experiments.outcomes.prompt import PROMPT_OUTCOMES
from pupila.experiments.outcomes.scorer import OutcomeScorer
from pupila.experiments.outcomes.segment import MASK_OUTCOMES
from pupila.tasks.classify import CLASSIFY
from pupila.tasks.multilabel import MULTILABEL
from pupila.tasks.prompt import PROMPT
from pupila.tasks.segment import SEGMENT

OUTCOME_SCORERS: dict[str, OutcomeScorer] = {
    CLASSIFY.name: CLASS_OUTCOMES,
    MULTILABEL.name: LABEL_OUTCOMES,
    SEGMENT.name: MASK_OUTCOMES,
    PROMPT.name: PROMPT_OUTCOMES,
}
