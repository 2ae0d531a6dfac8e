"""The calls of a client of a service as flows, which `Client` and `AsyncClient` run: requests built, responses read."""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from pupila.api.inputs import is_path, path_text
from pupila.api.predictions import Prediction, Predictions
from pupila.artifacts.web.client_errors import Reply, ServiceError, describe_misfit
from pupila.artifacts.web.client_flow import Flow, HttpRequest, Service, Together, Work, exchange, is_success
from pupila.core import files
from pupila.core.errors import PupilaError, describe_type, name_unread_files
from pupila.core.messages import say, say_count
from pupila.imaging.images.decode import ImageFault, ImageLimits
from pupila.imaging.images.memory import encode_lossless, is_picture
from pupila.stages.serve.responses import ResponseReader
from pupila.stages.serve.shapes import RESPONSE_READERS
from pupila.tasks import TASKS
from pupila.tasks.prompt import Prompt, check_prompt_content
from pupila.tasks.task import Task

BATCH, AT_ONCE = 16, 4  # images of a request; requests at once
_TOO_LARGE, _UNAVAILABLE = 413, 503
Model = TypeVar("Model", bound=BaseModel)


class ServiceHealth(BaseModel):
    """Whether a service is up ("ok") or stopping ("draining"); further fields of a newer one are attributes, too."""

    model_config = ConfigDict(extra="allow", frozen=True)

    status: str
    model_version: str = ""  # hash of the bundle


class ServedModel(BaseModel):
    """What a service serves: the fields of its `bundle.json` are attributes, too."""

    model_config = ConfigDict(extra="allow", frozen=True)

    task: str
    classes: list[str]  # names in the order of the logits
    model_version: str  # hash of the bundle


@dataclass(frozen=True, slots=True, repr=False)
class ServedPrediction(Prediction):
    """A service's prediction for one image, with the attributes of `Prediction` but for the logits, which are empty.

    The fields of the response are attributes, too: `model_version`, `request_id`, `processing_time`; `explanation`
    (heat maps, with explain=True); `image_id` of a promptable model. See `response`.
    """

    response: Any = None  # of the service, parsed; None: there is no prediction

    def __getattr__(self, name: str) -> Any:
        own = name in Prediction.__slots__ or name == "response"  # looked up while a copy is made
        if not own and self.value is not None and not hasattr(self.value, name):
            return getattr(self.response, name)
        return Prediction.__getattr__(self, name)


@dataclass
class Session:
    """A service, and what a client has learned of it."""

    service: Service
    task: Task | None = field(default=None)  # None: not known yet


@dataclass(frozen=True, slots=True)
class _Loaded:
    """The bytes of an image file, and where they come from."""

    name: str
    data: bytes
    on_disk: bool

    def to_prediction(self, reader: ResponseReader, response: Any) -> ServedPrediction:
        """The prediction in a response."""
        value = reader.to_prediction(response)
        return ServedPrediction(
            self.name, value, None, None if self.on_disk else self.data, ImageLimits(), response
        )


def get_health(session: Session) -> Flow[ServiceHealth]:
    """Whether the service is up, or is stopping."""
    reply = yield from exchange(HttpRequest("GET", "/health"), session.service, _is_health)
    return _parse(ServiceHealth, reply)


def _is_health(reply: Reply) -> bool:
    """Whether the service says how it is: one that is stopping does so with a 503."""
    if reply.status != _UNAVAILABLE:
        return is_success(reply)
    try:
        return bool(ServiceHealth.model_validate_json(reply.body).model_version)
    except ValidationError:  # the refusal of a busy service, or of a proxy
        return False


def get_info(session: Session) -> Flow[ServedModel]:
    """What it serves."""
    reply = yield from exchange(HttpRequest("GET", "/model/info"), session.service)
    return _parse(ServedModel, reply)


def predict_image(session: Session, image: Any, explain: bool) -> Flow[ServedPrediction]:
    """The prediction for one image.

    Raises:
        PupilaError: no image, or the service refuses it.
    """
    reader = yield from _find_reader(session, prompts=False)
    loaded: _Loaded = yield Work(partial(load_image, image, 0))
    request = HttpRequest("POST", "/predict/single", _fields(explain), (("file", loaded.data),))
    reply = yield from exchange(request, session.service)
    result: ServedPrediction = yield Work(lambda: loaded.to_prediction(reader, _parse(reader.model, reply)))
    return result


def predict_images(session: Session, images: Iterable[Any], explain: bool) -> Flow[Predictions]:
    """The predictions for several images, in their order, in requests of a few images each.

    Raises:
        PupilaError: no list of images, or a request fails as a whole.
    """
    if isinstance(images, bytes | bytearray) or is_path(images) or hasattr(images, "read"):
        raise PupilaError(
            say("Expected several images"), describe_type(images), say("a list of images"), "predict(IMAGE)"
        )
    numbered = list(enumerate(images))
    reader = yield from _find_reader(session, prompts=False)
    chunks = [numbered[at : at + BATCH] for at in range(0, len(numbered), BATCH)]
    parts: list[list[Prediction]] = yield Together(
        [_predict_chunk(session, reader, chunk, explain) for chunk in chunks], AT_ONCE
    )
    return Predictions([prediction for part in parts for prediction in part])


def segment_image(
    session: Session, image: Any, image_id: str | None, prompt: Prompt
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
    if image_id is None:
        loaded: _Loaded = yield Work(partial(load_image, image, 0))
        request = HttpRequest("POST", "/segment", fields, (("file", loaded.data),))
    else:
        loaded = _Loaded(image_id, b"", on_disk=False)
        request = HttpRequest("POST", "/segment", {**fields, "image_id": image_id})
    reply = yield from exchange(request, session.service)
    result: ServedPrediction = yield Work(lambda: loaded.to_prediction(reader, _parse(reader.model, reply)))
    return result


def load_image(image: Any, number: int) -> _Loaded:
    """The bytes of an image, as a file has them.

    Args:
        image: a path, bytes, a file that is open for reading bytes, a Pillow image or a numpy array.
        number: that names an image in memory.

    Raises:
        PupilaError: none of these, an address, or a file that can't be read.
    """
    name = str(getattr(image, "filename", "") or say("image {number}", number=number))
    if is_picture(image):
        return _Loaded(name, encode_lossless(image), on_disk=False)
    if isinstance(image, bytes | bytearray | memoryview):
        return _Loaded(name, bytes(image), on_disk=False)
    if is_path(image):
        path = path_text(image)
        if files.is_remote(path):
            raise PupilaError(
                say("A client sends files of this machine, no addresses"), path.partition("://")[0] + "://...",
                _taken(), say("download the image, then send its path or its bytes"),
            )  # fmt: skip
        with name_unread_files(path):
            return _Loaded(path, files.read_bytes(path), on_disk=True)
    content = image.read() if hasattr(image, "read") else None
    if isinstance(content, bytes):
        return _Loaded(name, content, on_disk=False)
    text = isinstance(content, str)
    raise PupilaError(
        say("Can't send this"), say("a file that is open as text") if text else describe_type(image), _taken(),
        'open(path, "rb")' if text else "",
    )  # fmt: skip


def _taken() -> str:
    return say("a path, the bytes of a file, a file that is open for reading bytes, a Pillow image, or a numpy array "
               "(height, width, 3) of uint8")  # fmt: skip


def _find_reader(session: Session, prompts: bool) -> Flow[ResponseReader]:
    """What reads the responses of the service, whose task is requested once.

    Raises:
        PupilaError: a task that this version does not have, or one that takes prompts where none is given.
    """
    if session.task is None:
        name = (yield from get_info(session)).task
        if (task := TASKS.get(name)) is None:
            raise PupilaError(
                say("This version of pupila can't read the service's task"), name, ", ".join(TASKS),
                "pip install --upgrade pupila",
            )  # fmt: skip
        session.task = task
    task = session.task
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


def _predict_chunk(
    session: Session, reader: ResponseReader, images: Sequence[tuple[int, Any]], explain: bool
) -> Flow[list[Prediction]]:
    """The predictions for the images of one request; those that can't be read are not sent."""
    sources: list[_Loaded | Prediction] = yield Work(
        lambda: [_load_or_fail(image, at) for at, image in images]
    )
    loaded = [source for source in sources if isinstance(source, _Loaded)]
    predictions = iter((yield from _send_batch(session, reader, loaded, explain)))
    return [next(predictions) if isinstance(source, _Loaded) else source for source in sources]


def _send_batch(
    session: Session, reader: ResponseReader, images: list[_Loaded], explain: bool
) -> Flow[list[Prediction]]:
    """The predictions for some files; a request that is too large for the service is halved."""
    if not images:
        return []
    request = HttpRequest(
        "POST", "/predict/batch", _fields(explain), tuple(("files", image.data) for image in images)
    )
    try:
        reply = yield from exchange(request, session.service)
    except ServiceError as fault:
        if fault.status != _TOO_LARGE:
            raise
        if len(images) == 1:
            return [_fail(images[0].name, fault)]
        half = len(images) // 2
        first = yield from _send_batch(session, reader, images[:half], explain)
        return first + (yield from _send_batch(session, reader, images[half:], explain))
    result: list[Prediction] = yield Work(lambda: _read_batch(reader, images, reply))
    return result


def _read_batch(reader: ResponseReader, images: list[_Loaded], reply: Reply) -> list[Prediction]:
    assert reader.batch is not None  # a task without batches takes prompts
    items = _parse(reader.batch, reply).items
    if len(items) != len(images):
        raise describe_misfit(reply, say_count("{n} item", "{n} items", len(items)))
    return [
        image.to_prediction(reader, item.result) if item.error is None
        else _fail(image.name, ImageFault(item.error.code, item.error.reason))
        for image, item in zip(images, items, strict=True)
    ]  # fmt: skip


def _load_or_fail(image: Any, number: int) -> _Loaded | Prediction:
    try:
        return load_image(image, number)
    except PupilaError as fault:
        name = os.fspath(image) if is_path(image) else say("image {number}", number=number)
        return _fail(name, fault)


def _fail(name: str, fault: ImageFault | PupilaError) -> Prediction:
    return ServedPrediction(name, None, fault, None, ImageLimits())


def _fields(explain: bool) -> dict[str, str]:
    return {"explain": "true"} if explain else {}


def _parse(model: type[Model], reply: Reply) -> Model:
    """The body of a response.

    Raises:
        ServiceError: it has another form.
    """
    try:
        return model.model_validate_json(reply.body)
    except ValidationError as fault:
        first = fault.errors()[0]
        raise describe_misfit(reply, f"{'.'.join(map(str, first['loc']))} {first['msg']}".strip()) from None
