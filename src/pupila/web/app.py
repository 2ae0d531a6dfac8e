"""An application with the manners that all of Pupila's services share."""

import uuid
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Annotated

import fastapi
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

import pupila
from pupila.messages import say

App = fastapi.FastAPI
Request = fastapi.Request
Uploaded = Annotated[fastapi.UploadFile, fastapi.File(description="an image")]
SeveralUploaded = Annotated[list[fastapi.UploadFile], fastapi.File(description="images")]
Lifespan = Callable[[App], AbstractAsyncContextManager[None]]


class Refusal(Exception):
    """A request that can't be answered.

    Args:
        status: HTTP's.
        what: one clause.
        found: what was there.
        wanted: what would have been right.
        remedy: the next step.
        retry_after: seconds, for 503.
    """

    def __init__(
        self,
        status: int,
        what: str,
        found: str = "",
        wanted: str = "",
        remedy: str = "",
        retry_after: int | None = None,
    ) -> None:
        super().__init__(status, what)
        self.status, self.retry_after = status, retry_after
        self.body = {"error": what, "found": found, "wanted": wanted, "remedy": remedy}


def make_app(title: str, lifespan: Lifespan, max_body: int) -> fastapi.FastAPI:
    """An app whose every answer has a request number, and whose errors have one form.

    Args:
        title: shown at /docs.
        lifespan: what is opened before the first request and closed after the last.
        max_body: bytes of a request, above which it is refused before it is read.
    """
    app = fastapi.FastAPI(title=title, version=pupila.__version__, lifespan=lifespan)

    @app.middleware("http")
    async def numbered(
        request: fastapi.Request, answer: Callable[[fastapi.Request], Awaitable[fastapi.Response]]
    ) -> fastapi.Response:
        request.state.id = request.headers.get("x-request-id", "")[:64] or uuid.uuid4().hex
        length = request.headers.get("content-length", "0")
        if length.isdigit() and int(length) > max_body:
            refusal = Refusal(
                413, say("The request is too large"), f"{length} bytes", say("at most {n}", n=max_body)
            )
            return _refused(request, refusal)
        response = await answer(request)
        response.headers["x-request-id"] = request.state.id
        return response

    @app.exception_handler(Refusal)
    async def refused(request: fastapi.Request, refusal: Refusal) -> JSONResponse:
        return _refused(request, refusal)

    @app.exception_handler(RequestValidationError)
    async def misshapen(request: fastapi.Request, fault: RequestValidationError) -> JSONResponse:
        first = fault.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return _refused(
            request,
            Refusal(
                422, say("The request is not understood"), f"{where}: {first['msg']}", remedy=say("see /docs")
            ),
        )

    for status, what in ((404, say("No such address")), (405, say("Not this way"))):
        app.exception_handler(status)(_answering(Refusal(status, what, remedy=say("see /docs"))))

    return app


def _answering(refusal: Refusal) -> Callable[[fastapi.Request, Exception], Awaitable[JSONResponse]]:
    async def answer(request: fastapi.Request, _: Exception) -> JSONResponse:
        return _refused(request, refusal)

    return answer


def _refused(request: fastapi.Request, refusal: Refusal) -> JSONResponse:
    number = getattr(request.state, "id", "")
    headers = {"x-request-id": number}
    if refusal.retry_after is not None:
        headers["retry-after"] = str(refusal.retry_after)
    return JSONResponse({**refusal.body, "request_id": number}, refusal.status, headers)
