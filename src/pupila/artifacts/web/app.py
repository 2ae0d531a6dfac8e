"""The web application that all of Pupila's services share."""

import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any

import fastapi
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from pupila.artifacts.web.access import AccessGuard
from pupila.artifacts.web.exposure import Exposure
from pupila.artifacts.web.guard import Admit, RequestGuard
from pupila.artifacts.web.limits import BodyLimits
from pupila.artifacts.web.observing import RequestObserver
from pupila.artifacts.web.refusals import Refusal, from_http_error, from_invalid_request, to_response
from pupila.core.messages import say
from pupila.core.version import __version__

_log = logging.getLogger("uvicorn.error")
App = fastapi.FastAPI
Request = fastapi.Request
Response = fastapi.Response
UploadedFile = fastapi.UploadFile
ImageUpload = Annotated[UploadedFile, fastapi.File(description="an image")]
OptionalImageUpload = Annotated[fastapi.UploadFile | None, fastapi.File(description="an image")]
TextField = Annotated[str | None, fastapi.Form()]
FlagField = Annotated[bool, fastapi.Form()]
_HEADERS = (
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-store"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("cross-origin-resource-policy", "same-origin"),
)  # of a response that has no others
_TAKEN = ("authorization", "x-api-key", "x-request-id", "content-type")  # headers that a page may send
_EXPOSED = ("x-request-id", "x-model-version", "retry-after")  # headers that a page may read
Lifespan = Callable[[App], AbstractAsyncContextManager[None]]


def image_uploads(most: int) -> Any:
    """The default value of a route's parameter for one to `most` images."""
    return fastapi.File(description="images", min_length=1, max_length=most)


def run_before(check: Callable[..., Any]) -> Any:
    """What a route lists in `dependencies`: a check of further form fields, which may raise a Refusal."""
    return fastapi.Depends(check)


def make_app(
    title: str, lifespan: Lifespan, limits: BodyLimits, admit: Admit | None = None, exposure: Exposure | None = None
) -> App:  # fmt: skip
    """An app whose responses all have a request id and whose errors all have the same form.

    Args:
        title: shown at /docs.
        lifespan: runs before the first request and after the last.
        limits: of the bodies of requests; a longer one is refused, unread if it declares its length.
        admit: raises a Refusal where no more can be taken; called before the body of a POST is read.
        exposure: who may use it and what is recorded; None: pages for this machine only.
    """
    app = fastapi.FastAPI(
        title=title, version=__version__, lifespan=lifespan,
        form_limits={"max_files": limits.files, "max_fields": limits.fields, "max_part_size": limits.field_bytes},
    )  # fmt: skip
    app.add_middleware(RequestGuard, limits=limits, admit=admit)
    _expose(app, exposure or Exposure())

    @app.exception_handler(HTTPException)
    async def handle_http_error(request: Request, fault: HTTPException) -> Response:
        return _refuse(from_http_error(fault, request), request)

    @app.exception_handler(RequestValidationError)
    async def handle_invalid_request(request: Request, fault: RequestValidationError) -> Response:
        return _refuse(from_invalid_request(fault, request), request)

    @app.exception_handler(Exception)
    async def handle_failure(request: Request, _: Exception) -> Response:
        _log.error("request %s failed", request.state.id)
        refusal = Refusal(
            "internal-error",
            say("Internal server error"),
            remedy=say("search the server's log for this request_id"),
        )
        return _refuse(refusal, request)

    return app


def _refuse(refusal: Refusal, request: Request) -> Response:
    """The response, whose reason the record of the request has."""
    request.state.reason = refusal.reason
    return to_response(refusal, request.state.id)


def _expose(app: App, exposure: Exposure) -> None:
    """Put what stands between the network and the guard of bodies before the app: the last one is the outermost."""
    if exposure.policy is not None:
        app.add_middleware(AccessGuard, policy=exposure.policy)
    if exposure.origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=exposure.origins, allow_methods=("GET", "HEAD", "POST"), allow_headers=_TAKEN,
            expose_headers=_EXPOSED,
        )  # fmt: skip
    app.add_middleware(
        RequestObserver, routes=app.router.routes, listeners=exposure.listeners, headers=_HEADERS
    )
    if exposure.proxies:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(exposure.proxies))
    app.state.listeners = exposure.listeners
