"""Pages for the person at this machine: nobody else's page or name reaches them."""

import contextlib
import socket
from collections.abc import Callable

import uvicorn
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from pupila.artifacts.web.app import App
from pupila.artifacts.web.run import GRACE
from pupila.core.errors import PupilaError
from pupila.core.messages import say

HOST = "127.0.0.1"
_NAMES = (HOST, "localhost")


class Local:
    """Refuses requests under another host's name (DNS rebinding) and from another site's page.

    Args:
        app: what answers.
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
        body = {"error": say("This page is for the person at this machine alone")}
        await JSONResponse(body, 403)(scope, receive, send)


def _is_own(method: str, headers: Headers) -> bool:
    """A browser always says where a request that changes something comes from."""
    host, origin = headers.get("host", ""), headers.get("origin")
    if host.partition(":")[0] not in _NAMES:
        return False
    return method in ("GET", "HEAD") if origin is None else origin == f"http://{host}"


def run_local(make: Callable[[Callable[[], None]], App], port: int, ready: Callable[[str], None]) -> None:
    """Serve this machine alone until Ctrl-C, or until the app says that it is done.

    Args:
        make: the app, given what it calls to end the service after the answer under way.
        port: to listen on; 0 takes a free one.
        ready: told the address as soon as it takes requests.

    Raises:
        PupilaError: the port is taken.
    """
    try:
        listening = socket.create_server((HOST, port))
    except OSError as fault:
        raise PupilaError(
            say("Can't listen on port {port}", port=port), found=fault.strerror or str(fault),
            wanted=say("a free port"), remedy="--port 0",
        ) from fault  # fmt: skip
    ends: list[uvicorn.Server] = []

    def stop() -> None:
        ends[0].should_exit = True

    app = make(stop)
    app.add_middleware(Local)
    settings = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=GRACE)
    ends.append(uvicorn.Server(settings))
    with listening, contextlib.suppress(KeyboardInterrupt):
        ready(f"http://{HOST}:{listening.getsockname()[1]}/")
        ends[0].run(sockets=[listening])
