"""The page of a review: one picture at a time, answered by keyboard or mouse, blind.

Nothing that is sent tells what is already said of a picture: no label, no path, none of the file's own notes.
"""

import contextlib
import html
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, Field

from pupila.artifacts.dataset.annotations import drawn, is_annotation
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report.gallery import as_jpeg, thumbnail
from pupila.artifacts.web.app import App, Refusal, Request, Response, make_app
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.imaging.images.decode import Array, ImageFault
from pupila.imaging.masks.codec import resized, stored_values
from pupila.imaging.masks.drawing import overlay
from pupila.stages.label.review.sample import Question
from pupila.stages.label.review.session import Review

SIDE = 1600  # pixels of the longer side, at most, that are shown
_BODY = 4096  # bytes of a request
_ABOUT = ("/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json")
_SAFE = {
    "cache-control": "no-store", "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; img-src 'self' data:; connect-src 'self'; "
                               "style-src 'unsafe-inline'; script-src 'unsafe-inline'; frame-ancestors 'none'",
}  # fmt: skip


class Said(BaseModel):
    """An answer."""

    number: int = Field(description="of the question", ge=0)
    choice: int | None = Field(
        description="number of the class; of a mask 0 accepts, 1 rejects; null: unsure", ge=0
    )


class State(BaseModel):
    """Where the review is."""

    answered: int
    total: int
    current: int | None = Field(description="number of the question; null: all are answered")
    last: str | None = Field(description="the person's last answer; null: none that could be taken back")


def review_app(review: Review, data: Dataset, title: str, stop: Callable[[], None]) -> App:
    """The app of a review.

    Args:
        review: the questions.
        data: whose pictures they show.
        title: of the page.
        stop: called when the person is done.
    """
    app = make_app(title, _nothing, _BODY)
    # The pages about the interface would load scripts from elsewhere.
    app.router.routes = [one for one in app.router.routes if getattr(one, "path", "") not in _ABOUT]

    @app.middleware("http")
    async def safe(request: Request, answered: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await answered(request)
        response.headers.update(_SAFE)
        return response

    _add_pages(app, review, data, title)
    _add_answers(app, review, stop)
    return app


def _add_pages(app: App, review: Review, data: Dataset, title: str) -> None:
    """What the person sees."""

    @app.get("/")
    def page() -> Response:
        return Response(_page(title, review.choices), media_type="text/html")

    @lru_cache(maxsize=4)
    def shown(number: int, mask: bool) -> bytes:
        return as_jpeg(thumbnail(_pixels(data, review.questions[number], mask), SIDE), 90)

    @app.get("/picture/{number}")
    def picture(number: int, mask: bool = False) -> Response:
        if not 0 <= number < len(review.questions):
            raise Refusal(404, say("No such question"))
        try:
            return Response(shown(number, mask and not review.choices), media_type="image/jpeg")
        except (
            PupilaError,
            ImageFault,
            OSError,
        ) as fault:  # its words would name the file, and its folder the class
            raise Refusal(410, say("The picture can't be shown")) from fault


def _add_answers(app: App, review: Review, stop: Callable[[], None]) -> None:
    """What the person says."""

    def state() -> State:
        last = review.last()
        return State(
            answered=len(review.answers), total=len(review.questions), current=review.current,
            last=None if last is None else _shown(last.target, last.rejected, bool(review.choices)),
        )  # fmt: skip

    @app.get("/state")
    def now() -> State:
        return state()

    @app.post("/answer")
    def answer(said: Said) -> State:
        if said.choice is not None and said.choice >= (len(review.choices) or 2):
            raise Refusal(422, say("No such choice"))
        if not review.answer(said.number, said.choice):
            raise Refusal(409, say("Another question is to be answered"), remedy=say("reload the page"))
        return state()

    @app.post("/back")
    def back() -> State:
        review.take_back()
        return state()

    @app.post("/finish")
    def finish() -> State:
        stop()
        return state()


@contextlib.asynccontextmanager
async def _nothing(app: App) -> AsyncIterator[None]:
    yield


def _pixels(data: Dataset, question: Question, mask: bool) -> Array:
    """The upright picture, with the mask that is examined laid over it if that is wished."""
    rgb = data.pixels(question.row)
    if not mask or question.said is None:
        return rgb
    return overlay(rgb, mask_of(data, question.row, question.said), len(data.classes))


def mask_of(data: Dataset, row: int, target: str) -> Array:
    """(H, W) class indices of a mask of the row, also of one that is not, or no longer, in force.

    Raises:
        PupilaError: it can't be read any more.
    """
    if target == data.images["target"][row]:
        return data.mask(row)
    assert data.legend is not None
    height, width = data.images.select("height", "width").row(row)
    try:
        if is_annotation(target):
            stored, _ = drawn(data.root, target, data.legend, (height, width), data.limits)
        else:
            content = files.read_bytes(files.join(data.root, target))
            stored = stored_values(content, data.legend.colour, data.limits)
    except (ImageFault, OSError) as fault:
        raise PupilaError(
            say("The mask {path} can't be read any more", path=target), found=str(fault)
        ) from fault
    return resized(data.legend.read(stored.values)[0], height, width)


def _shown(target: str | None, rejected: bool, classes: bool) -> str:
    if target is None:
        return say("rejected") if rejected else say("unsure")
    return target if classes else say("accepted")


def _page(title: str, choices: list[str]) -> str:
    words = {
        "choices": choices or [say("accept"), say("reject")], "masks": not choices, "unsure": say("unsure"),
        "back": say("take back"), "more": say("more classes"), "mask": say("mask on or off"),
        "progress": say("{done} of {all} answered", done="{0}", all="{1}"),
        "last": say("last: {answer}", answer="{0}"), "all": say("All are answered."),
        "finish": say("Finish and write the report"),
        "finished": say("The report is written. This page can be closed."),
        "gone": say("The command that serves this page has ended. What was answered is kept."),
        "blind": say("What is already said of this picture is not shown, so that it does not sway you.")
                 if choices else say("Is the mask right?"),
        "failed": say("The picture can't be shown"),
    }  # fmt: skip
    text = (Path(__file__).parent / "review.html").read_text(encoding="utf-8")
    told = json.dumps(words, ensure_ascii=False).replace("<", "\\u003c")
    return text.replace("{{title}}", html.escape(title)).replace("{{words}}", told)
