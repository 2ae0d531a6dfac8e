"""How the outcomes of each task are scored in resamples."""

from pupila.experiments.selection.classify import CLASS_SELECTION
from pupila.experiments.selection.multilabel import LABEL_SELECTION
from pupila.experiments.selection.prompt import PROMPT_SELECTION
from pupila.experiments.selection.scorer import SelectionScorer
from pupila.experiments.selection.segment import MASK_SELECTION
from pupila.tasks.classify import CLASSIFY
from pupila.tasks.multilabel import MULTILABEL
from pupila.tasks.prompt import PROMPT
from pupila.tasks.segment import SEGMENT

SELECTION_SCORERS: dict[str, SelectionScorer] = {
    CLASSIFY.name: CLASS_SELECTION,
    MULTILABEL.name: LABEL_SELECTION,
    SEGMENT.name: MASK_SELECTION,
    PROMPT.name: PROMPT_SELECTION,
}
