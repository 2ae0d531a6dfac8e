"""The explainer of each task."""

from pupila.stages.explain.classify import CLASSIFY_EXPLAINER
from pupila.stages.explain.multilabel import MULTILABEL_EXPLAINER
from pupila.stages.explain.segment import SEGMENT_EXPLAINER
from pupila.stages.explain.target import TaskExplainer

EXPLAINERS: dict[str, TaskExplainer] = {
    "classify": CLASSIFY_EXPLAINER,
    "multilabel": MULTILABEL_EXPLAINER,
    "segment": SEGMENT_EXPLAINER,
}
