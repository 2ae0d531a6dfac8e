"""Feedback of a visitor on the open image: right, or wrong with the right label."""

from collections.abc import Iterable
from typing import Any

from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
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
        names = [label] if isinstance(label, str) else [*(label or ())]
        _check_agreement(find_view(shown.task).class_names(shown.prediction.value), names, correct)
        connection.feedback(shown.prediction, correct=correct, label=label or None, who=who)
    except PupilaError as fault:
        return describe_error(fault)
    if correct:
        text = say("Thank you: recorded as right.")
    elif names:
        text = say("Thank you: recorded as wrong, and as right: {names}.", names=listing(names, len(names)))
    else:
        text = say("Thank you: recorded as wrong.")
    return f"<p class='pp-note' role='status'>{escape(text)}</p>"


def _check_agreement(predicted: Iterable[str], names: list[str], correct: bool) -> None:
    """Refuse what contradicts itself.

    Raises:
        PupilaError: the prediction is right with other classes, or wrong with the predicted ones.
    """
    if not names or correct == ({*names} == {*predicted}):
        return
    chosen = listing(names, len(names))
    if correct:
        raise PupilaError(
            say("Right, with other classes than the predicted ones"), chosen,
            remedy=say("press Wrong, or take the classes back"),
        )  # fmt: skip
    raise PupilaError(
        say("Wrong, with the predicted classes"), chosen, remedy=say("press Right, or choose other classes")
    )


def find_choices(shown: Shown | None) -> list[str]:
    """The classes that may be the right one where the prediction is wrong."""
    if shown is None or shown.prediction is None:
        return [] if shown is None else list(shown.classes)
    predicted = find_view(shown.task).class_names(shown.prediction.value)
    return [name for name in shown.classes if name not in predicted]


def find_controls(info: Any) -> tuple[bool, bool, bool, list[str]]:
    """Whether feedback is taken, with one class or with several, and the classes.

    Args:
        info: of the service.
    """
    takes = bool(getattr(info, "takes_feedback", False))
    kind = find_view(info.task).feedback
    return takes, takes and kind == "one", takes and kind == "several", list(info.classes)
