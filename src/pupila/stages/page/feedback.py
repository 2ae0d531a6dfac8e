"""Feedback of a visitor on the open image: right, or wrong with the right label."""

from typing import Any

from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.stages.page.connection import Connection
from pupila.stages.page.markup import describe_error, escape
from pupila.stages.page.single import Shown
from pupila.stages.page.views import find_view


def send(connection: Connection, shown: Shown | None, correct: bool, label: Any, who: str | None) -> str:
    """Record the feedback, and say so as HTML.

    Args:
        connection: to the service.
        shown: the open image, with its prediction; None: there is none.
        correct: whether the prediction is.
        label: the right class or classes; empty: none is given.
        who: says so; None: the id of the page's token.
    """
    try:
        if shown is None or shown.prediction is None:
            raise PupilaError(say("There is no prediction yet"), remedy=say("choose an image first"))
        connection.feedback(shown.prediction, correct=correct, label=label or None, who=who)
    except PupilaError as fault:
        return describe_error(fault)
    text = say("Thank you: recorded as right.") if correct else say("Thank you: recorded as wrong.")
    return f"<p class='pp-note' role='status'>{escape(text)}</p>"


def find_controls(info: Any) -> tuple[bool, bool, bool, list[str]]:
    """Whether feedback is taken, with one class or with several, and the classes.

    Args:
        info: of the service.
    """
    takes = bool(getattr(info, "takes_feedback", False))
    kind = find_view(info.task).feedback
    return takes, takes and kind == "one", takes and kind == "several", list(info.classes)
