"""The route of feedback: what people say of predictions, `POST /feedback`."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from pupila.artifacts.predictions.feedback import FEEDBACK_FILE, FeedbackRecord, Label
from pupila.artifacts.web.app import App, Request, parsed_by
from pupila.artifacts.web.description import describe_responses
from pupila.artifacts.web.json_body import JSON_REASONS, JsonBody, JsonFields
from pupila.artifacts.web.observing import CLIENT_ID
from pupila.artifacts.web.refusals import Refusal
from pupila.artifacts.web.scopes import needs
from pupila.core import files
from pupila.core.json_lines import JsonLines
from pupila.core.messages import listing, mark, say
from pupila.imaging.images.decode import ImageFault, ImageLimits, check_pixels
from pupila.imaging.regions import read_lengths
from pupila.stages.serve.metrics import Worker
from pupila.stages.serve.settings import ServeSettings
from pupila.tasks import TASKS
from pupila.tasks.classify import CLASSIFY
from pupila.tasks.multilabel import MULTILABEL
from pupila.tasks.segment import SEGMENT
from pupila.tasks.task import Target

MOST_BYTES = 500_000  # of a body: a mask has a few kilobytes
_MOST_PIXELS = ImageLimits(max_pixels=178_000_000)  # the most that a service can be set to
_EXAMPLE = {
    "request_id": "8a6d0c4e5b7f4f3c9d2e1a0b9c8d7e6f",
    "correct": False,
    "label": "bees",
    "who": "anna",
}


class Feedback(JsonFields):
    """What somebody says of one prediction."""

    request_id: str = Field(
        pattern=f"^{CLIENT_ID}$",
        description=mark("that of the response with the prediction: at most 64 letters, digits and .:_+-"),
    )
    item: int = Field(
        default=0, ge=0, le=1_000_000, description=mark("number of the image in its request, from 0")
    )
    correct: bool | None = Field(
        default=None,
        description=mark("true or false: whether the prediction is; null: only a label is given"),
    )
    label: Label | None = Field(
        default=None,
        description=mark(
            "the true class, the list of true classes, or the mask of each class as run lengths"
        ),
    )
    who: Annotated[str, StringConstraints(max_length=200)] | None = Field(
        default=None, description=mark("who says so, at most 200 characters; null: the id of the token")
    )


class FeedbackReceipt(BaseModel):
    """That the feedback is recorded."""

    request_id: str = Field(description="of the prediction")
    recorded: Literal[True] = True


def open_feedback(settings: ServeSettings) -> JsonLines | None:
    """The log of feedback; None: the service takes none.

    Raises:
        PupilaError: it can't be written.
    """
    if settings.log_predictions is None:
        return None
    return JsonLines(files.join(settings.log_predictions, FEEDBACK_FILE), settings.log_bytes)


def add_feedback(app: App, worker: Worker, log: JsonLines | None) -> None:
    """Add the route.

    Args:
        app: of the service.
        worker: whose current bundle has the classes.
        log: None: every feedback is refused.
    """
    body = JsonBody(Feedback, _EXAMPLE, MOST_BYTES)
    example = {"request_id": _EXAMPLE["request_id"], "recorded": True}
    responses = describe_responses(example, ("not-found", *JSON_REASONS))
    parsed = parsed_by(body)

    @app.post("/feedback", response_model=FeedbackReceipt, responses=responses, openapi_extra=body.describe())
    @needs("feedback")
    async def feedback(request: Request, sent: Feedback = parsed) -> FeedbackReceipt:
        """Record whether a prediction is correct, or its true label.

        The id of the request is not looked up: the log of predictions may have been rotated. A label never becomes
        one of a data set by itself: `pupila label queue` shows it to a person.
        """
        if log is None:
            raise Refusal("not-found", say("The service records no feedback"), "", say("a folder for its log"),
                          "pupila serve BUNDLE --log-predictions FOLDER")  # fmt: skip
        info = worker.slot.current.bundle.info
        await asyncio.to_thread(_check, sent, TASKS[info.task].target, info.classes)
        token = getattr(request.state, "token", "")
        record = FeedbackRecord(
            time=datetime.now(UTC).isoformat(timespec="milliseconds"), request_id=sent.request_id, item=sent.item,
            correct=sent.correct, label=sent.label, who=sent.who or token, token=token,
        )  # fmt: skip
        log.write(record.model_dump(mode="json"))
        worker.metrics.count_feedback(sent.correct)
        return FeedbackReceipt(request_id=sent.request_id)


def _check(sent: Feedback, target: Target, classes: list[str]) -> None:
    """Refuse feedback that says nothing, or a label that the task does not have.

    Raises:
        Refusal: 422.
    """
    if sent.correct is None and sent.label is None:
        raise Refusal("invalid-request", say("The feedback says nothing"), say("neither correct nor label"),
                      say("one of them, or both"), say("see /docs"))  # fmt: skip
    if sent.label is None:
        return
    expected, is_label = LABELS[target]
    names = [sent.label] if isinstance(sent.label, str) else [*sent.label]
    unknown = [name for name in names if name not in classes]
    if not is_label(sent.label):
        raise Refusal("invalid-request", say("Invalid field {name}", name="label"), _show(sent.label), expected(),
                      say("see /docs"))  # fmt: skip
    if unknown:
        raise Refusal("invalid-request", say("The model has no such class"), listing(unknown, 3), listing(classes, 20),
                      say("leave label out where none of the classes is right"))  # fmt: skip


def _show(label: Label) -> str:
    return label if isinstance(label, str) else listing([*label], 3)


def _is_class(label: Label) -> bool:
    return isinstance(label, str)


def _is_list(label: Label) -> bool:
    return isinstance(label, list) and len(set(label)) == len(label)


def _is_mask(label: Label) -> bool:
    """Whether it has run lengths of one size, which fill it."""
    if not isinstance(label, dict) or len({runs.size for runs in label.values()}) != 1:
        return False
    try:
        height, width = next(iter(label.values())).size
        if min(height, width) < 1:
            return False
        check_pixels(width, height, _MOST_PIXELS)
        for runs in label.values():
            read_lengths(runs.model_dump())
    except (ImageFault, ValueError):
        return False
    return True


# What a label is: in words, and whether one is.
LABELS: dict[Target, tuple[Callable[[], str], Callable[[Label], bool]]] = {
    CLASSIFY.target: (lambda: say("the name of one class"), _is_class),
    MULTILABEL.target: (lambda: say("a list of the names of classes, each once"), _is_list),
    SEGMENT.target: (
        lambda: say(
            "run lengths of each class, {example}", example='{"leaf": {"size": [2, 4], "counts": "62"}}'
        ),
        _is_mask,
    ),
}
