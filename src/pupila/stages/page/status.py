"""What the page says of the service and of its model."""

import time
from typing import Any

from pydantic import ValidationError

from pupila.artifacts.bundle.card import render_card
from pupila.artifacts.bundle.schema import BundleInfo
from pupila.artifacts.web.client_errors import ServiceError
from pupila.core.errors import PupilaError
from pupila.core.messages import integer, listing, mark, percent, say, say_count, translate
from pupila.stages.page.connection import Connection
from pupila.stages.page.markup import describe_error, draw_facts, draw_verdict, escape
from pupila.tasks import TASKS

_SHORT = 12  # digits of a hash
_OBSTACLES = {
    "draining": mark("The service is stopping."),
    "swap-failed": mark(
        "The service is not ready: it could not load its newest model, and an earlier one serves."
    ),
}
_NO_DRIFT = {
    403: mark("not shown: the page's token lacks the scope metrics"),
    404: mark("not monitored: the service records no predictions"),
}  # by status of HTTP


def describe_title(connection: Connection, logged_in: bool) -> str:
    """The heading of the page with the task and the service, as HTML, and a button for visitors who logged in."""
    try:
        info = connection.info()
        task = say("{task} at {url}", task=_describe_task(info.task), url=connection.url)
    except PupilaError:
        task = connection.url
    button = f"<button class='pp-button'>{escape(say('Log out'))}</button>"
    form = f"<form method='post' action='logout'>{button}</form>" if logged_in else ""
    return (
        f"<div class='pp-title'><div><h1>Pupila</h1><p class='pp-note'>{escape(task)}</p></div>{form}</div>"
    )


def describe_health(connection: Connection) -> str:
    """The state of the service, as HTML; a stopped one with what to do."""
    start = time.perf_counter()
    try:
        state = connection.ready()
        seconds = time.perf_counter() - start
        info, drift = connection.info(), _describe_drift(connection)
    except PupilaError as fault:
        return describe_error(fault)
    if state.status == "ready":
        headline = say("The service is ready.")
    elif state.reason in _OBSTACLES:
        headline = translate(_OBSTACLES[state.reason])
    else:
        headline = say("The service is not ready: {reason}.", reason=state.reason)
    return draw_verdict(headline, connection.url, False) + draw_facts([
        (say("state"), state.status), (say("images"), drift),
        (say("responded in"), say("{n} ms", n=round(1000 * seconds))),
        (say("task"), _describe_task(info.task)), (say("classes"), listing(info.classes, 20)),
        (say("model version"), state.model_version), (say("runtime"), _read_text(info, "served_by")),
    ])  # fmt: skip


def _describe_drift(connection: Connection) -> str:
    """Whether the images still look like the reference of the model.

    Raises:
        PupilaError: the service does not respond.
    """
    try:
        drift = connection.drift()
    except ServiceError as fault:
        if fault.status not in _NO_DRIFT:
            raise
        return translate(_NO_DRIFT[fault.status])
    if drift.status == "no-reference":
        return say("not monitored: the model has no reference to compare them with")
    if drift.status == "alarm":
        return say("drift: from group {n} on they no longer look like the reference", n=drift.alarm_at)
    if not drift.groups:
        return say("no sign of drift, with too few images so far")
    return say_count(
        "no sign of drift in {n} group of images", "no sign of drift in {n} groups of images", drift.groups
    )


def describe_model(info: Any) -> tuple[str, str]:
    """The model card as Markdown, and further facts as HTML.

    Args:
        info: of the service.
    """
    fields = info.model_dump()
    try:
        bundle = BundleInfo.model_validate({name: value for name, value in fields.items() if name in _KNOWN})
    except ValidationError:  # a newer service
        return "", draw_facts([(name, str(value)) for name, value in fields.items()])
    limits = bundle.post_processing
    facts = [
        (say("model version"), info.model_version),
        (say("task"), _describe_task(info.task)),
        (say("input size"), say("{width} x {height} pixels", width=bundle.preprocessing.width,
                                height=bundle.preprocessing.height)),
        (say("parameters"), integer(bundle.parameters)),
        (say("abstains below a confidence of"),
         percent(limits.abstain_below) if limits.abstain_below else say("never")),
        (say("parent"), (bundle.parent or "")[:_SHORT]),
    ]  # fmt: skip
    return _disarm(render_card(bundle)), draw_facts(facts)


_KNOWN = {*BundleInfo.model_fields, "schema"}


def _describe_task(name: str) -> str:
    return translate(TASKS[name].title) if name in TASKS else name


def _read_text(info: Any, name: str) -> str:
    value = getattr(info, name, "")
    return value if isinstance(value, str) else ""


_ENTITIES = {ord(character): f"&#{ord(character)};" for character in "&<[:@`"}


def _disarm(card: str) -> str:
    """The card, in which class names and other texts of the bundle are neither HTML nor links; it has none itself."""
    return card.translate(_ENTITIES).replace("www.", "www&#46;")
