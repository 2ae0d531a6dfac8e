"""The web application that all of Pupila's services share."""

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
ImageUpload = Annotated[fastapi.UploadFile, fastapi.File(description="an image")]
OptionalImageUpload = Annotated[fastapi.UploadFile | None, fastapi.File(description="an image")]
TextField = Annotated[str | None, fastapi.Form()]
ImageUploads = Annotated[list[fastapi.UploadFile], fastapi.File(description="images")]
Lifespan = Callable[[App], AbstractAsyncContextManager[None]]


class Refusal(fastapi.HTTPException):
    """A refused request.

    Args:
        status: HTTP status.
        problem: one clause: what is wrong.
        actual: what was found.
        expected: what would have been right.
        remedy: the next step.
        retry_after: seconds, for 503.
    """

    def __init__(
        self,
        status: int,
        problem: str,
        actual: str = "",
        expected: str = "",
        remedy: str = "",
        retry_after: int | None = None,
    ) -> None:
        super().__init__(status, problem, {} if retry_after is None else {"retry-after": str(retry_after)})
        self.body = {"error": problem, "actual": actual, "expected": expected, "remedy": remedy}


class Problem(BaseModel):
    """The body of every refusal."""

    error: str
    actual: str
    expected: str
    remedy: str
    request_id: str


REFUSALS: dict[int | str, dict[str, Any]] = {code: {"model": Problem} for code in (413, 415, 422, 500, 503)}


class RequestGuard:
    """Gives every request an id and refuses bodies over the limit, with or without a declared length.

    Args:
        app: the application behind it.
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
            await _to_response(self._too_large(int(length)), number)(scope, receive, send)
            return
        read = 0

        async def receive_counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self.max_body:
                raise self._too_large(read)
            return message

        async def send_numbered(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["x-request-id"] = number
            await send(message)

        await self.app(scope, receive_counted, send_numbered)

    def _too_large(self, length: int) -> Refusal:
        return Refusal(
            413, say("The request is too large"), say("{n} bytes", n=length), say("at most {n}", n=self.max_body),
            say("send fewer images, or smaller ones"),
        )  # fmt: skip


def make_app(title: str, lifespan: Lifespan, max_body: int) -> fastapi.FastAPI:
    """An app whose responses all have a request id and whose errors all have the same form.

    Args:
        title: shown at /docs.
        lifespan: runs before the first request and after the last.
        max_body: bytes of a request; a longer one is refused, unread if it declares its length.
    """
    app = fastapi.FastAPI(title=title, version=__version__, lifespan=lifespan)
    app.add_middleware(RequestGuard, max_body=max_body)

    @app.exception_handler(HTTPException)
    async def handle_http_error(request: Request, fault: HTTPException) -> JSONResponse:
        if not isinstance(fault, Refusal):
            problem = {404: say("Page not found"), 405: say("Method not allowed")}.get(
                fault.status_code, str(fault.detail)
            )
            fault = Refusal(fault.status_code, problem, remedy=say("see /docs"))
        return _to_response(fault, request.state.id)

    @app.exception_handler(RequestValidationError)
    async def handle_invalid_request(request: Request, fault: RequestValidationError) -> JSONResponse:
        first = fault.errors()[0]
        location = ".".join(str(part) for part in first["loc"])
        refusal = Refusal(422, say("Invalid request"), f"{location}: {first['msg']}", remedy=say("see /docs"))
        return _to_response(refusal, request.state.id)

    @app.exception_handler(Exception)
    async def handle_failure(request: Request, _: Exception) -> JSONResponse:
        _log.error("request %s failed", request.state.id)
        refusal = Refusal(
            500, say("Internal server error"), remedy=say("search the server's log for this request_id")
        )
        return _to_response(refusal, request.state.id)

    return app


def _to_response(refusal: Refusal, number: str) -> JSONResponse:
    headers = {"x-request-id": number, **(refusal.headers or {})}
    return JSONResponse({**refusal.body, "request_id": number}, refusal.status_code, headers)
