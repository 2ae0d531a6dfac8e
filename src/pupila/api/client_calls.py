"""The calls of a client of a service as flows, which `Client` and `AsyncClient` run: requests built, responses read."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from pupila.api.client_images import LoadedImage, ServedPrediction, load_image
from pupila.api.inputs import is_path
from pupila.api.predictions import Prediction, Predictions
from pupila.artifacts.web.client_errors import Reply, ServiceError, ServiceUnreachable, describe_misfit
from pupila.artifacts.web.client_flow import (
    Alone,
    Flow,
    HttpRequest,
    Service,
    Together,
    Work,
    exchange,
    is_success,
)
from pupila.artifacts.web.limits import MOST_GROUP
from pupila.core.errors import PupilaError, describe_type
from pupila.core.messages import escape_controls, say, say_count
from pupila.imaging.images.decode import ImageFault, ImageLimits
from pupila.stages.serve.responses import Item, ResponseReader
from pupila.stages.serve.shapes import RESPONSE_READERS
from pupila.tasks import TASKS
from pupila.tasks.prompt import Prompt, check_prompt_content
from pupila.tasks.task import Task

BATCH, AT_ONCE = 16, 4  # images of a request; requests at once
_TOO_LARGE, _UNAVAILABLE = 413, 503


class ServiceHealth(BaseModel):
    """Whether a service is up ("ok") or stopping ("draining"); further fields of a newer one are attributes, too."""

    model_config = ConfigDict(extra="allow", frozen=True)

    status: str
    model_version: str = ""  # hash of the bundle


class ServiceReadiness(BaseModel):
    """Whether a service is as it should be: "ready", or "not-ready" with its reason."""

    model_config = ConfigDict(extra="allow", frozen=True)

    status: str
    reason: str | None = (
        None  # "draining": it is stopping; "swap-failed": an earlier bundle serves; None: ready
    )
    model_version: str = ""  # hash of the bundle


class ServiceDrift(BaseModel):
    """Whether the images of a service still look like the reference: "quiet", "alarm" or "no-reference"."""

    model_config = ConfigDict(extra="allow", frozen=True)

    status: str
    groups: int = 0  # of related images, since the model was first served
    alarm_at: int | None = None  # number of the group with the alarm, from 1; None: none
    model_version: str = ""  # hash of the bundle


State = TypeVar("State", ServiceHealth, ServiceReadiness, ServiceDrift)


class ServedModel(BaseModel):
    """What a service serves: the fields of its `bundle.json` are attributes, too."""

    model_config = ConfigDict(extra="allow", frozen=True)

    task: str
    classes: list[str]  # names in the order of the logits
    model_version: str  # hash of the bundle


@dataclass
class Session:
    """A service, and what a client has learned of it."""

    service: Service
    task: Task | None = None  # None: not known yet
    failure: PupilaError | None = None  # of the last request for it


@dataclass(frozen=True, slots=True)
class PredictOptions:
    """What a request for predictions says besides its images."""

    explain: bool = False
    group: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.group, str) or len(self.group) > MOST_GROUP:
            text = isinstance(self.group, str)
            raise PupilaError(
                say("Invalid group"),
                say("{n} characters", n=len(self.group)) if text else describe_type(self.group),
                say("a name of at most {n} characters", n=MOST_GROUP),
            )

    def fields(self) -> dict[str, str]:
        """Of the form; what is not given is not sent, so that services of earlier versions take the rest."""
        given = {"explain": "true" if self.explain else "", "group": self.group}
        return {name: value for name, value in given.items() if value}


@dataclass(frozen=True, slots=True)
class Statement:
    """What somebody says of one prediction."""

    correct: bool | None
    label: Any  # of the task; None: none is given
    who: str | None
    item: int | None  # number of the image in its request; None: as the prediction has it, or 0


def get_state(session: Session, path: str, kind: type[State]) -> Flow[State]:
    """How the service is: its health, readiness or drift."""
    reply = yield from exchange(HttpRequest("GET", path), session.service, partial(_is_state, kind))
    with _name_misfits(session, reply):
        return kind.model_validate_json(reply.body)


def _is_state(kind: type[State], reply: Reply) -> bool:
    """Whether the service says how it is: one that is stopping does so with a 503."""
    if reply.status != _UNAVAILABLE:
        return is_success(reply)
    try:
        return bool(kind.model_validate_json(reply.body).model_version)
    except ValidationError:  # the refusal of a busy service, or of a proxy
        return False


def get_info(session: Session) -> Flow[ServedModel]:
    """What it serves."""
    reply = yield from exchange(HttpRequest("GET", "/model/info"), session.service)
    with _name_misfits(session, reply):
        model = ServedModel.model_validate_json(reply.body)
    session.task = TASKS.get(model.task)
    return model


def predict_image(session: Session, image: Any, options: PredictOptions) -> Flow[ServedPrediction]:
    """The prediction for one image.

    Raises:
        PupilaError: no image, or the service refuses it.
    """
    reader = yield from _find_reader(session, prompts=False)
    loaded: LoadedImage = yield Work(partial(load_image, image, 0))
    request = HttpRequest("POST", "/predict/single", options.fields(), (("file", loaded.data),))
    reply = yield from exchange(request, session.service)
    result: ServedPrediction = yield Work(lambda: _read_single(session, reader, loaded, reply))
    return result


def predict_images(session: Session, images: Iterable[Any], options: PredictOptions) -> Flow[Predictions]:
    """The predictions for several images, in their order, in requests of a few images each.

    Raises:
        PupilaError: no list of images, or every request fails.
    """
    if isinstance(images, bytes | bytearray) or is_path(images) or hasattr(images, "read"):
        raise PupilaError(
            say("Expected several images"), describe_type(images), say("a list of images"), "predict(IMAGE)"
        )
    numbered = list(enumerate(images))
    reader = yield from _find_reader(session, prompts=False)
    chunks = [numbered[at : at + BATCH] for at in range(0, len(numbered), BATCH)]
    batch = _Batch(session, reader, options)
    parts: list[list[Prediction]] = yield Together(
        [_predict_chunk(batch, chunk) for chunk in chunks], AT_ONCE
    )
    if batch.failures and not batch.successes:
        raise batch.failures[0]
    return Predictions([prediction for part in parts for prediction in part])


def segment_image(
    session: Session, image: Any, image_id: str | None, prompt: Prompt, group: str
) -> Flow[ServedPrediction]:
    """The mask for a prompt in an image, or in an earlier one that the service remembers.

    Raises:
        PupilaError: no image or two, no prompt, or the service refuses it.
    """
    check_prompt_content(prompt)
    if (image is None) == (image_id is None):
        raise PupilaError(
            say("Expected exactly one image"),
            say("both image and image_id") if image_id else say("neither image nor image_id"),
            say("either image or image_id"),
        )  # fmt: skip
    reader = yield from _find_reader(session, prompts=True)
    places = {"points": prompt.points, "negatives": prompt.negatives, "box": prompt.box}
    fields = {name: json.dumps(value) for name, value in places.items() if value}
    fields |= PredictOptions(group=group).fields()
    if image_id is None:
        loaded: LoadedImage = yield Work(partial(load_image, image, 0))
        request = HttpRequest("POST", "/segment", fields, (("file", loaded.data),))
    else:
        loaded = LoadedImage(image_id, b"", on_disk=False)
        request = HttpRequest("POST", "/segment", {**fields, "image_id": image_id})
    reply = yield from exchange(request, session.service)
    result: ServedPrediction = yield Work(lambda: _read_single(session, reader, loaded, reply))
    return result


def send_feedback(session: Session, prediction: Any, statement: Statement) -> Flow[None]:
    """Record feedback on a prediction.

    Raises:
        PupilaError: no prediction of a service, or the service refuses it.
    """
    own = prediction if isinstance(prediction, str) else getattr(prediction, "response", None)
    request_id = own if isinstance(own, str) else getattr(own, "request_id", None)
    if request_id is None:
        raise PupilaError(
            say("Not a prediction of a service"), describe_type(prediction),
            say("a result of predict, predict_batch or segment, or its request_id"),
        )  # fmt: skip
    item = getattr(prediction, "item", 0) if statement.item is None else statement.item
    label = statement.label
    if label is not None and not isinstance(label, str | Mapping):
        label = list(label)
    fields = {"correct": statement.correct, "label": label, "who": statement.who}
    request = HttpRequest("POST", "/feedback", json={"request_id": request_id, "item": item, **fields})
    yield from exchange(request, session.service)


def _find_reader(session: Session, prompts: bool) -> Flow[ResponseReader]:
    """What reads the responses of the service, whose task is requested once.

    Raises:
        PupilaError: a task that this version does not have, or one that takes prompts where none is given.
    """
    task: Task = session.task or (yield Alone(_find_task(session, session.failure)))
    if task.takes_prompts and not prompts:
        raise PupilaError(
            say("The service's model needs a prompt"),
            say("no point and no box"),
            remedy="segment(IMAGE, points=...)",
        )
    if prompts and not task.takes_prompts:
        raise PupilaError(
            say("The service's model takes no prompts"), say("the task {task}", task=task.name),
            remedy="predict(IMAGE)",
        )  # fmt: skip
    return RESPONSE_READERS[task.name]


def _find_task(session: Session, failure: PupilaError | None) -> Flow[Task]:
    """The task of the service; calls at the same time share one request for it.

    Args:
        session: which remembers it.
        failure: that the session had when the call began to wait for others; a new one is theirs, and this call's.

    Raises:
        PupilaError: it can't be requested, or this version does not have it.
    """
    if session.task is None:
        if session.failure and session.failure is not failure:
            raise session.failure
        try:
            name = (yield from get_info(session)).task
            if session.task is None:
                raise PupilaError(
                    say("This version of pupila can't read the service's task"),
                    session.service.token.scrub(name), ", ".join(TASKS), "pip install --upgrade pupila",
                )  # fmt: skip
        except PupilaError as fault:
            session.failure = fault
            raise
    return session.task


@dataclass(frozen=True, slots=True)
class _Batch:
    """What the requests for several images share, and how they end."""

    session: Session
    reader: ResponseReader
    options: PredictOptions
    failures: list[PupilaError] = field(default_factory=list)  # of requests as a whole
    successes: list[int] = field(default_factory=list)  # status of each


def _predict_chunk(batch: _Batch, images: Sequence[tuple[int, Any]]) -> Flow[list[Prediction]]:
    """The predictions for the images of one request; those that can't be read are not sent."""
    sources: list[LoadedImage | Prediction] = yield Work(
        lambda: [_load_or_fail(image, at) for at, image in images]
    )
    loaded = [source for source in sources if isinstance(source, LoadedImage)]
    predictions = iter((yield from _send_batch(batch, loaded)))
    return [next(predictions) if isinstance(source, LoadedImage) else source for source in sources]


def _send_batch(batch: _Batch, images: list[LoadedImage]) -> Flow[list[Prediction]]:
    """The predictions for some files, or the fault of their request; one too large for the service is halved."""
    if not images:
        return []
    request = HttpRequest(
        "POST", "/predict/batch", batch.options.fields(), tuple(("files", image.data) for image in images)
    )
    try:
        reply = yield from exchange(request, batch.session.service)
        result: list[Prediction] = yield Work(lambda: _read_batch(batch, images, reply))
    except (ServiceError, ServiceUnreachable) as fault:
        if getattr(fault, "status", None) != _TOO_LARGE:
            batch.failures.append(fault)
        elif len(images) > 1:
            half = len(images) // 2
            first = yield from _send_batch(batch, images[:half])
            return first + (yield from _send_batch(batch, images[half:]))
        return [_fail(image.name, fault) for image in images]
    batch.successes.append(reply.status)
    return result


def _read_batch(batch: _Batch, images: list[LoadedImage], reply: Reply) -> list[Prediction]:
    assert batch.reader.batch is not None  # a task without batches takes prompts
    with _name_misfits(batch.session, reply):
        items = batch.reader.batch.model_validate_json(reply.body).items
        if len(items) != len(images):
            raise ValueError(say_count("{n} item", "{n} items", len(items)))
        return [
            _read_item(batch, image, item, at)
            for at, (image, item) in enumerate(zip(images, items, strict=True))
        ]


def _read_item(batch: _Batch, image: LoadedImage, item: Item[Any], number: int) -> Prediction:
    if item.error is not None:
        code, reason = (
            batch.session.service.token.scrub(escape_controls(text))
            for text in (item.error.code, item.error.reason)
        )
        return _fail(image.name, ImageFault(code, reason))
    if item.result is None:
        raise ValueError(say("an item without a result and an error"))
    return image.to_prediction(batch.reader, item.result, number)


def _read_single(
    session: Session, reader: ResponseReader, image: LoadedImage, reply: Reply
) -> ServedPrediction:
    with _name_misfits(session, reply):
        return image.to_prediction(reader, reader.model.model_validate_json(reply.body))


def _load_or_fail(image: Any, number: int) -> LoadedImage | Prediction:
    try:
        return load_image(image, number)
    except PupilaError as fault:
        name = os.fspath(image) if is_path(image) else say("image {number}", number=number)
        return _fail(name, fault)


def _fail(name: str, fault: ImageFault | PupilaError) -> Prediction:
    return ServedPrediction(name, None, fault, None, ImageLimits())


@contextmanager
def _name_misfits(session: Session, reply: Reply) -> Iterator[None]:
    """Within it, a response of another form is an error that says what is wrong with it.

    Raises:
        ServiceError: instead of any ValueError.
    """
    try:
        yield
    except ValidationError as fault:
        first = fault.errors()[0]
        why = f"{'.'.join(map(str, first['loc']))} {first['msg']}".strip()
        raise describe_misfit(reply, why, session.service.token) from None
    except ValueError as fault:
        raise describe_misfit(reply, str(fault), session.service.token) from None
