"""The web application that all of Pupila's services share."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import fastapi
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from pupila.artifacts.web.access import AccessGuard
from pupila.artifacts.web.description import complete_description, describe_security
from pupila.artifacts.web.exposure import Exposure
from pupila.artifacts.web.failures import FailureGuard
from pupila.artifacts.web.guard import Admit, RequestGuard
from pupila.artifacts.web.image_request import ImageBody
from pupila.artifacts.web.json_body import JsonBody
from pupila.artifacts.web.limits import BodyLimits
from pupila.artifacts.web.observing import RequestObserver, find_methods
from pupila.artifacts.web.refusals import (
    Refusal,
    from_http_error,
    from_invalid_request,
    method_not_allowed,
    to_response,
)
from pupila.artifacts.web.scopes import find_access
from pupila.core.version import __version__

Request = fastapi.Request
Response = fastapi.Response
InvalidRequest = RequestValidationError
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


class App(fastapi.FastAPI):
    """An application that describes its refusals, too."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI 3.1 document."""
        if self.openapi_schema is None:
            document = complete_description(super().openapi())
            if self.state.has_tokens:
                routes = [route for route in self.routes if isinstance(route, Route)]
                describe_security(document, {
                    (route.path, method.lower()): find_access(route.endpoint)
                    for route in routes for method in route.methods or ()
                })  # fmt: skip
            self.openapi_schema = document
        return self.openapi_schema


Lifespan = Callable[[App], AbstractAsyncContextManager[None]]


def parsed_by(body: ImageBody[Any] | JsonBody[Any]) -> Any:
    """The default value of a route's parameter for what the body of a request says."""
    return fastapi.Depends(body)


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
    app = App(
        title=title, version=__version__, lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None
    )
    app.add_middleware(RequestGuard, limits=limits, admit=admit)
    _expose(app, exposure or Exposure())

    @app.exception_handler(HTTPException)
    async def handle_http_error(request: Request, fault: HTTPException) -> Response:
        if fault.status_code == 405:
            allowed = find_methods(app.router.routes, request.scope)
            if request.method == "OPTIONS":
                return Response(status_code=204, headers={"allow": allowed})
            return _refuse(method_not_allowed(request.method, allowed), request)
        return _refuse(from_http_error(fault, request), request)

    @app.exception_handler(RequestValidationError)
    async def handle_invalid_request(request: Request, fault: RequestValidationError) -> Response:
        return _refuse(from_invalid_request(fault), request)

    return app


def _refuse(refusal: Refusal, request: Request) -> Response:
    """The response, whose reason the record of the request has."""
    request.state.reason = refusal.reason
    return to_response(refusal, request.state.id)


def _expose(app: App, exposure: Exposure) -> None:
    """Put what stands between the network and the guard of bodies before the app: the last one is the outermost."""
    if exposure.policy is not None:
        app.add_middleware(AccessGuard, policy=exposure.policy)
    app.add_middleware(FailureGuard)
    if exposure.origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=exposure.origins, allow_methods=("GET", "HEAD", "POST"), allow_headers=_TAKEN,
            expose_headers=_EXPOSED,
        )  # fmt: skip
    app.add_middleware(
        RequestObserver, routes=app.router.routes, listeners=exposure.listeners, headers=_HEADERS
    )
    trust_proxies(app, exposure.proxies)
    app.state.listeners = exposure.listeners
    app.state.has_tokens = exposure.policy is not None and exposure.policy.tokens is not None


def trust_proxies(app: App, proxies: Sequence[str]) -> None:
    """Believe the X-Forwarded-For of these addresses or networks, from here on outwards."""
    if proxies:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(proxies))
