"""The explainer of each task."""

from collections.abc import Callable
from functools import partial

from pupila.artifacts.bundle.folder import Bundle
from pupila.stages.explain.classify import CLASSIFY_SCORE
from pupila.stages.explain.explainer import Explainer
from pupila.stages.explain.multilabel import MULTILABEL_SCORE
from pupila.stages.explain.prompt import PromptExplainer
from pupila.stages.explain.segment import SEGMENT_SCORE
from pupila.stages.explain.settings import ExplainSettings
from pupila.stages.explain.target import ImageExplainer

EXPLAINERS: dict[str, Callable[[Bundle, ExplainSettings], ImageExplainer]] = {
    "classify": partial(Explainer, CLASSIFY_SCORE),
    "multilabel": partial(Explainer, MULTILABEL_SCORE),
    "segment": partial(Explainer, SEGMENT_SCORE),
    "prompt": PromptExplainer,
}
