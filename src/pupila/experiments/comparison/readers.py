"""How the outcomes of each task are read."""

from pupila.experiments.comparison.classify import CLASS_OUTCOMES
from pupila.experiments.comparison.multilabel import LABEL_OUTCOMES
from pupila.experiments.comparison.prompt import PROMPT_OUTCOMES
from pupila.experiments.comparison.reader import OutcomeReader
from pupila.experiments.comparison.segment import MASK_OUTCOMES
from pupila.tasks.classify import CLASSIFY
from pupila.tasks.multilabel import MULTILABEL
from pupila.tasks.prompt import PROMPT
from pupila.tasks.segment import SEGMENT

OUTCOME_READERS: dict[str, OutcomeReader] = {
    CLASSIFY.name: CLASS_OUTCOMES,
    MULTILABEL.name: LABEL_OUTCOMES,
    SEGMENT.name: MASK_OUTCOMES,
    PROMPT.name: PROMPT_OUTCOMES,
}
