"""Run an app until it is stopped; accepted requests are completed first."""

import signal
import sys

import uvicorn

from pupila.artifacts.web.app import App
from pupila.core.errors import PupilaError
from pupila.core.messages import say

GRACE = 30  # seconds that accepted requests have after SIGTERM
_LAST_PORT = 65_535


def run(app: App, host: str, port: int) -> None:
    """Serve until SIGINT or SIGTERM, then exit with code 0.

    Raises:
        PupilaError: no port.
    """
    check_port(port)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # uvicorn raises it again after the last response
    uvicorn.run(
        app, host=host, port=port, log_level="warning", access_log=False, timeout_graceful_shutdown=GRACE
    )


def check_port(port: int) -> None:
    """Refuse what is no port, which sockets answer with errors of three types.

    Raises:
        PupilaError: it is none.
    """
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= _LAST_PORT:
        raise PupilaError(
            say("Can't listen on port {port}", port=port), expected=say("a port from 0 to {last}", last=_LAST_PORT),
            remedy=say("port 0, which picks a free one"),
        )  # fmt: skip
