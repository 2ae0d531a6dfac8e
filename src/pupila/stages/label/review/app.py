"""The page of a blind review: one image at a time, answered by keyboard or mouse.

No response reveals the existing label of an image: no label, no path, no metadata of the file.
"""

import contextlib
import html
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, Field

from pupila.artifacts.dataset.annotations import draw_annotation, is_annotation
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report.gallery import encode_jpeg, make_thumbnail
from pupila.artifacts.web.app import App, Refusal, Request, Response, make_app
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.imaging.images.decode import Array, ImageFault
from pupila.imaging.masks.codec import read_stored_mask, resize_mask
from pupila.imaging.masks.drawing import overlay
from pupila.stages.label.review.sample import ReviewItem
from pupila.stages.label.review.session import Review

MAX_SIDE = 1600  # pixels: longer side of the images shown, at most
_MAX_BODY = 4096  # bytes of a request
_DOCUMENTATION_PATHS = ("/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json")
_SECURITY_HEADERS = {
    "cache-control": "no-store", "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; img-src 'self' data:; connect-src 'self'; "
                               "style-src 'unsafe-inline'; script-src 'unsafe-inline'; frame-ancestors 'none'",
}  # fmt: skip


class AnswerRequest(BaseModel):
    """An answer of the reviewer."""

    number: int = Field(description="number of the question", ge=0)
    choice: int | None = Field(description="class number; for masks 0 accepts, 1 rejects; null: unsure", ge=0)


class ReviewState(BaseModel):
    """The progress of the review."""

    answered: int
    total: int
    current: int | None = Field(description="number of the current question; null: all are answered")
    last: str | None = Field(description="the last answer; null: no answer to undo")


def make_review_app(review: Review, data: Dataset, title: str, stop: Callable[[], None]) -> App:
    """The web app of a review.

    Args:
        review: the items and their answers.
        data: the data set.
        title: of the page.
        stop: called when the reviewer finishes.
    """
    app = make_app(title, _lifespan, _MAX_BODY)
    # The API documentation would load scripts from other servers.
    app.router.routes = [
        route for route in app.router.routes if getattr(route, "path", "") not in _DOCUMENTATION_PATHS
    ]

    @app.middleware("http")
    async def safe(request: Request, answered: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await answered(request)
        response.headers.update(_SECURITY_HEADERS)
        return response

    _add_pages(app, review, data, title)
    _add_answers(app, review, stop)
    return app


def _add_pages(app: App, review: Review, data: Dataset, title: str) -> None:
    """The page and its images."""

    @app.get("/")
    def page() -> Response:
        return Response(_render_page(title, review.choices), media_type="text/html")

    @lru_cache(maxsize=4)
    def render_image(number: int, mask: bool) -> bytes:
        return encode_jpeg(make_thumbnail(_draw_image(data, review.items[number], mask), MAX_SIDE), 90)

    @app.get("/image/{number}")
    def image(number: int, mask: bool = False) -> Response:
        if not 0 <= number < len(review.items):
            raise Refusal(404, say("No such question"))
        try:
            return Response(render_image(number, mask and not review.choices), media_type="image/jpeg")
        except (
            PupilaError,
            ImageFault,
            OSError,
        ) as fault:  # its message contains the path, whose folder is the class
            raise Refusal(410, say("The image can't be shown")) from fault


def _add_answers(app: App, review: Review, stop: Callable[[], None]) -> None:
    """The answers of the reviewer."""

    def state() -> ReviewState:
        last = review.last()
        return ReviewState(
            answered=len(review.answers), total=len(review.items), current=review.current,
            last=None if last is None else _describe_answer(last.target, last.rejected, bool(review.choices)),
        )  # fmt: skip

    @app.get("/state")
    def current_state() -> ReviewState:
        return state()

    @app.post("/answer")
    def answer(request: AnswerRequest) -> ReviewState:
        if request.choice is not None and request.choice >= (len(review.choices) or 2):
            raise Refusal(422, say("No such choice"))
        if not review.answer(request.number, request.choice):
            raise Refusal(409, say("This is not the current question"), remedy=say("reload the page"))
        return state()

    @app.post("/undo")
    def undo() -> ReviewState:
        review.undo()
        return state()

    @app.post("/finish")
    def finish() -> ReviewState:
        stop()
        return state()


@contextlib.asynccontextmanager
async def _lifespan(app: App) -> AsyncIterator[None]:
    yield


def _draw_image(data: Dataset, item: ReviewItem, mask: bool) -> Array:
    """The upright image, with the mask under review laid over it if `mask` is set."""
    rgb = data.pixels(item.row)
    if not mask or item.label is None:
        return rgb
    return overlay(rgb, read_mask(data, item.row, item.label), len(data.classes))


def read_mask(data: Dataset, row: int, target: str) -> Array:
    """(H, W) class indices of a mask of the row, even if it is not in force.

    Raises:
        PupilaError: it can't be read.
    """
    if target == data.images["target"][row]:
        return data.mask(row)
    assert data.label_map is not None
    height, width = data.images.select("height", "width").row(row)
    try:
        if is_annotation(target):
            stored, _ = draw_annotation(data.root, target, data.label_map, (height, width), data.limits)
        else:
            content = files.read_bytes(files.join(data.root, target))
            stored = read_stored_mask(content, data.label_map.colour, data.limits)
    except (ImageFault, OSError) as fault:
        raise PupilaError(say("Can't read the mask {path}", path=target), actual=str(fault)) from fault
    return resize_mask(data.label_map.read(stored.values)[0], height, width)


def _describe_answer(target: str | None, rejected: bool, classes: bool) -> str:
    if target is None:
        return say("rejected") if rejected else say("unsure")
    return target if classes else say("accepted")


def _render_page(title: str, choices: list[str]) -> str:
    words = {
        "choices": choices or [say("accept"), say("reject")], "masks": not choices, "unsure": say("unsure"),
        "undo": say("undo"), "more": say("more classes"), "mask": say("show or hide the mask"),
        "progress": say("{n} of {total} answered", n="{0}", total="{1}"),
        "last": say("Last answer: {answer}", answer="{0}"), "all": say("All questions are answered."),
        "finish": say("Finish and write the report"),
        "finished": say("The report is written. This page can be closed."),
        "stopped": say("The command that serves this page has ended. All answers are saved."),
        "blind": say("Blind review: the existing label is hidden so that it does not influence you.")
                 if choices else say("Is the mask correct?"),
        "failed": say("The image can't be shown"),
    }  # fmt: skip
    text = (Path(__file__).parent / "review.html").read_text(encoding="utf-8")
    json_words = json.dumps(words, ensure_ascii=False).replace("<", "\\u003c")
    return text.replace("{{title}}", html.escape(title)).replace("{{words}}", json_words)
