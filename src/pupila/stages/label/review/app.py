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

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report.gallery import encode_jpeg, make_thumbnail
from pupila.artifacts.web.app import App, Request, Response, make_app
from pupila.artifacts.web.limits import BodyLimits
from pupila.artifacts.web.refusals import Refusal
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.imaging.images.decode import ImageFault
from pupila.stages.label.review.review_task import Answer, ReviewTask
from pupila.stages.label.review.session import Review

MAX_SIDE = 1600  # pixels: longer side of the images shown, at most
_BODIES = BodyLimits(body=4096, held=1_000_000)  # one reviewer answers one question at a time
_SECURITY_HEADERS = {
    "cache-control": "no-store", "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; img-src 'self' data:; connect-src 'self'; "
                               "style-src 'unsafe-inline'; script-src 'unsafe-inline'; frame-ancestors 'none'",
}  # fmt: skip


class AnswerRequest(BaseModel):
    """An answer of the reviewer."""

    number: int = Field(description="number of the question", ge=0)
    choice: int | list[int] | None = Field(
        description="number among the choices; of several labels for each of them 1 present, 0 absent, -1 unknown; "
        "null: unsure"
    )


class ReviewState(BaseModel):
    """The progress of the review."""

    answered: int
    total: int
    current: int | None = Field(description="number of the current question; null: all are answered")
    last: str | None = Field(description="the last answer; null: no answer to undo")
    hint: str = Field(description="shown beside the current image; empty: the review of it is blind")


def make_review_app(review: Review, data: Dataset, title: str, stop: Callable[[], None]) -> App:
    """The web app of a review.

    Args:
        review: the items and their answers.
        data: the data set.
        title: of the page.
        stop: called when the reviewer finishes.
    """
    app = make_app(title, _lifespan, _BODIES)

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
        return Response(_render_page(title, review.task), media_type="text/html")

    @lru_cache(maxsize=4)
    def render_image(number: int, mask: bool) -> bytes:
        item = review.items[number]
        rgb = review.task.draw(data, item) if mask else data.pixels(item.row)
        return encode_jpeg(make_thumbnail(rgb, MAX_SIDE), 90)

    @app.get("/image/{number}")
    def image(number: int, mask: bool = False) -> Response:
        if not 0 <= number < len(review.items):
            raise Refusal("not-found", say("No such question"))
        try:
            return Response(render_image(number, mask), media_type="image/jpeg")
        except (
            PupilaError,
            ImageFault,
            OSError,
        ) as fault:  # its message contains the path, whose folder is the class
            raise Refusal("gone", say("The image can't be shown")) from fault


def _add_answers(app: App, review: Review, stop: Callable[[], None]) -> None:
    """The answers of the reviewer."""

    def state() -> ReviewState:
        last = review.last()
        return ReviewState(
            answered=len(review.answers), total=len(review.items), current=review.current,
            last=None if last is None else _describe_answer(last, review.task),
            hint="" if review.current is None else review.items[review.current].hint,
        )  # fmt: skip

    @app.get("/state")
    def current_state() -> ReviewState:
        return state()

    @app.post("/answer")
    def answer(request: AnswerRequest) -> ReviewState:
        if request.choice is not None and not review.task.accepts(request.choice):
            raise Refusal("invalid-request", say("No such choice"))
        if not review.answer(request.number, request.choice):
            raise Refusal("conflict", say("This is not the current question"), remedy=say("reload the page"))
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


def _describe_answer(answer: Answer, task: ReviewTask) -> str:
    if answer.target is None:
        return say("rejected") if answer.rejected else say("unsure")
    return task.describe(answer.target)


def _render_page(title: str, task: ReviewTask) -> str:
    words = {
        "choices": task.choices, "masks": task.shows_label, "states": task.states(),
        "accept": say("save"), "unsure": say("unsure"),
        "undo": say("undo"), "more": say("more classes"), "mask": say("show or hide the mask"),
        "progress": say("{n} of {total} answered", n="{0}", total="{1}"),
        "last": say("Last answer: {answer}", answer="{0}"), "all": say("All questions are answered."),
        "finish": say("Finish and write the report"),
        "finished": say("The report is written. This page can be closed."),
        "stopped": say("The command that serves this page has ended. All answers are saved."),
        "instruction": task.instruction, "hinted": say("Feedback may be wrong: label what you see."),
        "failed": say("The image can't be shown"),
    }  # fmt: skip
    text = (Path(__file__).parent / "review.html").read_text(encoding="utf-8")
    json_words = json.dumps(words, ensure_ascii=False).replace("<", "\\u003c")
    return text.replace("{{title}}", html.escape(title)).replace("{{words}}", json_words)
