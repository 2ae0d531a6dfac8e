"""Local pages: served to this machine only, and never to other sites' pages or under other host names."""

import contextlib
import re
from collections.abc import Callable

import uvicorn
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from pupila.artifacts.web.app import App
from pupila.artifacts.web.limits import ConnectionLimits
from pupila.artifacts.web.listening import listen, make_server
from pupila.artifacts.web.refusals import Refusal, new_request_id, to_response
from pupila.core.messages import say

HOST = "127.0.0.1"
_OWN_NAME = re.compile(r"(127\.0\.0\.1|localhost)(:[0-9]{1,5})?", re.ASCII)


class LocalOnly:
    """Refuses requests under another host's name (DNS rebinding) and from another site's page.

    Args:
        app: the application behind it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI's call."""
        if scope["type"] == "lifespan" or (
            scope["type"] == "http" and _is_own(scope["method"], Headers(scope=scope))
        ):
            await self.app(scope, receive, send)
            return
        refusal = Refusal("forbidden", say("This page is served to this machine only"))
        await to_response(refusal, new_request_id())(scope, receive, send)


def _is_own(method: str, headers: Headers) -> bool:
    """Whether the request comes from this host's own page: browsers send an origin with every changing request."""
    hosts, origin = headers.getlist("host"), headers.get("origin")
    if len(hosts) != 1 or not _OWN_NAME.fullmatch(hosts[0]):
        return False
    return method in ("GET", "HEAD") if origin is None else origin == f"http://{hosts[0]}"


def run_local(make: Callable[[Callable[[], None]], App], port: int, ready: Callable[[str], None]) -> None:
    """Serve this machine only, until Ctrl-C or until the app calls stop.

    Args:
        make: builds the app from the function that stops the server after the current response.
        port: to listen on; 0 picks a free one.
        ready: called with the URL as soon as the server accepts requests.

    Raises:
        PupilaError: no port, or it is in use.
    """
    sockets = listen(HOST, port, "--port 0")
    servers: list[uvicorn.Server] = []

    def stop() -> None:
        servers[0].should_exit = True

    app = make(stop)
    app.add_middleware(LocalOnly)
    servers.append(make_server(app, ConnectionLimits()))
    with sockets[0], contextlib.suppress(KeyboardInterrupt):
        ready(f"http://{HOST}:{sockets[0].getsockname()[1]}/")
        servers[0].run(sockets)
