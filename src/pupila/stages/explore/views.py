"""What the explore page shows of each task's targets: one file for each, and one literal dict."""

from pupila.artifacts.dataset.manifest import Dataset
from pupila.stages.explore.classify import CLASS_VIEW
from pupila.stages.explore.multilabel import CLASSES_VIEW
from pupila.stages.explore.segment import MASK_VIEW
from pupila.stages.explore.view import TargetView
from pupila.tasks.task import Target

TARGET_VIEWS: dict[Target, TargetView] = {"class": CLASS_VIEW, "classes": CLASSES_VIEW, "mask": MASK_VIEW}


def find_view(data: Dataset) -> TargetView:
    """The view of the data's targets; data without labels are shown as one group of images."""
    return find_target_view(data.target)


def find_target_view(target: Target | None) -> TargetView:
    """The view of a kind of targets; see `find_view`."""
    return TARGET_VIEWS[target or "class"]
