"""How each task's predictions are shown."""

from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.stages.page.classify import CLASSIFY_VIEW
from pupila.stages.page.multilabel import MULTILABEL_VIEW
from pupila.stages.page.prompt import PROMPT_VIEW
from pupila.stages.page.segment import SEGMENT_VIEW
from pupila.stages.page.view import TaskView

TASK_VIEWS: dict[str, TaskView] = {
    "classify": CLASSIFY_VIEW,
    "multilabel": MULTILABEL_VIEW,
    "segment": SEGMENT_VIEW,
    "prompt": PROMPT_VIEW,
}


def find_view(task: str) -> TaskView:
    """The view of a task.

    Raises:
        PupilaError: one of a newer service.
    """
    view = TASK_VIEWS.get(task)
    if view is None:
        raise PupilaError(
            say("The service has a task that this page does not know"),
            task,
            remedy=say("ask who runs this page to install the latest version of pupila"),
        )
    return view
