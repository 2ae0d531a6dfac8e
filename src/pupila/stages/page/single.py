"""What the page does with one image: predict it, explain it, and segment it by prompts."""

import secrets
from dataclasses import dataclass
from typing import Any

from pupila.artifacts.web.client_errors import ServiceError
from pupila.core.errors import PupilaError
from pupila.core.messages import say, translate
from pupila.imaging.images.budget import NoMemory
from pupila.imaging.images.decode import ImageFault, ImageLimits
from pupila.stages.page.connection import Connection
from pupila.stages.page.markup import draw_figures, draw_note, draw_verdict
from pupila.stages.page.picture import Picture, draw_heat, draw_mask, draw_picture
from pupila.stages.page.stage import draw_prompt_stage, draw_stage
from pupila.stages.page.uploads import Upload
from pupila.stages.page.view import TaskView
from pupila.stages.page.views import find_view
from pupila.tasks import TASKS


@dataclass(slots=True)
class Shown:
    """The image that a visitor has open."""

    upload: Upload
    picture: Picture
    task: str
    classes: tuple[str, ...]  # of its model
    key: str  # that no other image has
    image_id: str | None = None  # under which the service remembers it
    request_id: str = ""  # of the latest prediction
    prediction: Any = None  # the latest one


@dataclass(frozen=True, slots=True)
class Result:
    """HTML of the three parts, from top to bottom."""

    verdict: str
    stage: str = ""
    details: str = ""


def open_image(connection: Connection, upload: Upload, limits: ImageLimits) -> Shown:
    """The image, decoded, for the model that the service has now.

    Raises:
        PupilaError: the service does not respond, or the file is no image.
    """
    info = connection.info()
    find_view(info.task)
    try:
        picture = draw_picture(upload.data, limits)
    except ImageFault as fault:
        raise PupilaError(
            say("{name} can't be used", name=upload.name), fault.reason, say("an image, such as a JPEG or PNG file"),
            say("choose another file"),
        ) from fault  # fmt: skip
    except NoMemory as lack:
        raise PupilaError(
            say("No memory for {name} now", name=upload.name), remedy=say("try again soon")
        ) from lack
    return Shown(upload, picture, info.task, tuple(info.classes), secrets.token_hex(8))


def takes_prompts(shown: Shown) -> bool:
    """Whether its model needs points or a box."""
    return TASKS[shown.task].takes_prompts


def invite_prompt(shown: Shown) -> Result:
    """The image, before the first prompt."""
    verdict = draw_verdict(say("Point at the object, or draw a box around it."), shown.upload.name, False)
    return Result(verdict, draw_prompt_stage(shown.picture, shown.key))


def predict(connection: Connection, shown: Shown, explain: bool, group: str = "") -> Result:
    """The prediction for the image.

    Args:
        connection: to the service.
        shown: the image; its `prediction` and `request_id` are set.
        explain: whether its heat map is drawn, where the model has one.
        group: of related images; empty: none.

    Raises:
        PupilaError: the service refuses it, or does not respond.
    """
    view, note = find_view(shown.task), ""
    try:
        prediction = connection.predict(shown.upload.data, explain=explain and view.explains, group=group)
    except ServiceError as fault:
        if fault.reason != "no-heat-map":
            raise
        prediction = connection.predict(shown.upload.data, group=group)
        note = say("This model has no heat map that the service can draw: {reason}.", reason=fault.actual)
    shown.prediction, shown.request_id = prediction, prediction.request_id
    layer, caption = _draw_layer(view, prediction)
    if explain and view.explains and not note and not layer:
        note = say("The heat map is empty: no class is predicted.")
    stage = draw_stage(shown.picture, layer, shown.key, caption)
    return Result(_draw_verdict(prediction, shown, note), stage, _draw_details(view, prediction))


@dataclass(frozen=True, slots=True)
class Segmented:
    """The mask for a prompt."""

    verdict: str
    layer: str  # a `data:` URI, unlike that of every other request
    details: str


def segment(connection: Connection, shown: Shown, prompt: dict[str, Any]) -> Segmented:
    """The mask for a prompt; the image is sent once, or again where the service no longer remembers it.

    Args:
        connection: to the service.
        shown: the image; its `image_id`, `prediction` and `request_id` are set.
        prompt: points, negatives, box and group.

    Raises:
        PupilaError: the service refuses it, or does not respond.
    """
    try:
        if shown.image_id is None:
            prediction = connection.segment(shown.upload.data, **prompt)
        else:
            prediction = connection.segment(image_id=shown.image_id, **prompt)
    except ServiceError as fault:
        if fault.reason != "unknown-image-id":
            raise
        prediction = connection.segment(shown.upload.data, **prompt)
    shown.prediction, shown.request_id = prediction, prediction.request_id
    shown.image_id = prediction.image_id
    view = find_view(shown.task)
    layer = (
        f"{_draw_layer(view, prediction)[0]}#{prediction.request_id}"  # an equal value would not be noticed
    )
    return Segmented(_draw_verdict(prediction, shown, ""), layer, _draw_details(view, prediction))


def _draw_verdict(prediction: Any, shown: Shown, note: str) -> str:
    return draw_verdict(str(prediction.value), shown.upload.name, prediction.abstained, note)


def _draw_layer(view: TaskView, prediction: Any) -> tuple[str, str]:
    """The layer and what it shows; both empty: there is none."""
    if (mask := view.mask(prediction.value)) is not None:
        return draw_mask(*mask), ""
    explanation = getattr(prediction.response, "explanation", None)
    if explanation is None:
        return "", ""
    return draw_heat(explanation), say("Heat map: red speaks for the prediction, blue against it.")


def _draw_details(view: TaskView, prediction: Any) -> str:
    figures = draw_figures(translate(view.title), view.figures(prediction.value))
    seconds = say("{n} ms in the service", n=round(1000 * prediction.processing_time))
    return figures + draw_note(say("Request {id}, {time}", id=prediction.request_id, time=seconds))
