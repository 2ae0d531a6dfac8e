"""An application with the manners that all of Pupila's services share."""

import logging
import uuid
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any

import fastapi
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pupila.core.messages import say
from pupila.core.version import __version__

_log = logging.getLogger("uvicorn.error")
App = fastapi.FastAPI
Request = fastapi.Request
Response = fastapi.Response
Uploaded = Annotated[fastapi.UploadFile, fastapi.File(description="an image")]
UploadedOrNone = Annotated[fastapi.UploadFile | None, fastapi.File(description="an image")]
TextField = Annotated[str | None, fastapi.Form()]
SeveralUploaded = Annotated[list[fastapi.UploadFile], fastapi.File(description="images")]
Lifespan = Callable[[App], AbstractAsyncContextManager[None]]


class Refusal(fastapi.HTTPException):
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
        super().__init__(status, what, {} if retry_after is None else {"retry-after": str(retry_after)})
        self.body = {"error": what, "found": found, "wanted": wanted, "remedy": remedy}


class Problem(BaseModel):
    """The body of every refusal."""

    error: str
    found: str
    wanted: str
    remedy: str
    request_id: str


REFUSALS: dict[int | str, dict[str, Any]] = {code: {"model": Problem} for code in (413, 415, 422, 500, 503)}


class Numbered:
    """Gives every request a number, and refuses one that is longer than it may be, however it is sent.

    Args:
        app: what answers.
        max_body: bytes of a request.
    """

    def __init__(self, app: ASGIApp, max_body: int) -> None:
        self.app, self.max_body = app, max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI's call."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        number = headers.get("x-request-id", "")[:64] or uuid.uuid4().hex
        scope.setdefault("state", {})["id"] = number
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length) > self.max_body:
            await _refused(self._too_large(int(length)), number)(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self.max_body:
                raise self._too_large(read)
            return message

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["x-request-id"] = number
            await send(message)

        await self.app(scope, counted, marked)

    def _too_large(self, length: int) -> Refusal:
        return Refusal(
            413, say("The request is too large"), say("{n} bytes", n=length), say("at most {n}", n=self.max_body),
            say("send fewer or smaller images"),
        )  # fmt: skip


def make_app(title: str, lifespan: Lifespan, max_body: int) -> fastapi.FastAPI:
    """An app whose every answer has a request number, and whose errors have one form.

    Args:
        title: shown at /docs.
        lifespan: what is opened before the first request and closed after the last.
        max_body: bytes of a request, above which it is refused, before it is read where it says its length.
    """
    app = fastapi.FastAPI(title=title, version=__version__, lifespan=lifespan)
    app.add_middleware(Numbered, max_body=max_body)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, fault: HTTPException) -> JSONResponse:
        if not isinstance(fault, Refusal):
            what = {404: say("No such address"), 405: say("Not this way")}.get(
                fault.status_code, str(fault.detail)
            )
            fault = Refusal(fault.status_code, what, remedy=say("see /docs"))
        return _refused(fault, request.state.id)

    @app.exception_handler(RequestValidationError)
    async def misshapen(request: Request, fault: RequestValidationError) -> JSONResponse:
        first = fault.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        told = Refusal(
            422, say("The request is not understood"), f"{where}: {first['msg']}", remedy=say("see /docs")
        )
        return _refused(told, request.state.id)

    @app.exception_handler(Exception)
    async def failed(request: Request, _: Exception) -> JSONResponse:
        _log.error("request %s failed", request.state.id)
        told = Refusal(500, say("The server failed"), remedy=say("its log says why, below this request_id"))
        return _refused(told, request.state.id)

    return app


def _refused(refusal: Refusal, number: str) -> JSONResponse:
    headers = {"x-request-id": number, **(refusal.headers or {})}
    return JSONResponse({**refusal.body, "request_id": number}, refusal.status_code, headers)
