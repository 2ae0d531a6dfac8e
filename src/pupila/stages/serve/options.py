"""What a request says besides its images, on the routes without prompts."""

from pydantic import Field

from pupila.artifacts.web.app import Request
from pupila.artifacts.web.image_request import PNG, Options
from pupila.artifacts.web.limits import MOST_GROUP
from pupila.artifacts.web.refusals import Refusal
from pupila.core.messages import mark, say

GROUP = Field(
    default="", max_length=MOST_GROUP,
    description=mark("name of the related images that these belong to, such as of one product, for the log"),
)  # fmt: skip


class PredictOptions(Options):
    """The options of `/predict/single` and `/predict/batch`."""

    explain: bool = Field(
        default=False,
        description=mark("true: heat maps of the predicted classes (models of classes, not of masks)"),
    )
    overlay: bool = Field(
        default=False,
        description=mark(
            "true: draw the mask, or with explain=true the heat map, over the image; needs Accept: image/png"
        ),
    )
    boxes: bool = Field(
        default=False,
        description=mark("true: the boxes of connected regions of every class (models of masks)"),
    )
    group: str = GROUP


def accepts_png(request: Request) -> bool:
    """Whether the client accepts a PNG first."""
    return request.headers.get("accept", "").startswith(PNG)


def check_overlay(overlay: bool, request: Request) -> None:
    """Refuse an overlay in a response that is no image.

    Raises:
        Refusal: 422.
    """
    if overlay and not accepts_png(request):
        raise refuse_option("overlay=true", say("the header Accept: image/png"))


def refuse_option(option: str, expected: str) -> Refusal:
    """The refusal of an option that has no effect on this request."""
    return Refusal(
        "invalid-request", say("The option does not fit this request"), option, expected, say("see /docs")
    )
