"""Run an app until it is stopped; accepted requests are completed first."""

import signal
from collections.abc import Callable

from pupila.artifacts.web.app import App
from pupila.artifacts.web.exposure import Certificate
from pupila.artifacts.web.limits import ConnectionLimits
from pupila.artifacts.web.listening import listen, make_server


def run(
    app: App, host: str, port: int, ready: Callable[[int], None], limits: ConnectionLimits,
    certificate: Certificate | None = None,
) -> None:  # fmt: skip
    """Serve until SIGINT or SIGTERM, then exit with code 0.

    Args:
        app: the application.
        host: to listen on.
        port: to listen on; 0 picks a free one.
        ready: called with the port once it accepts connections.
        limits: of the connections.
        certificate: None: plain HTTP.

    Raises:
        PupilaError: no port, no host of this machine, or the port is in use.
    """
    sockets = listen(host, port, "--port 0")
    server = make_server(app, limits, certificate)
    # A signal before the server runs; uvicorn raises it again after the last response.
    signal.signal(signal.SIGTERM, server.handle_exit)
    ready(sockets[0].getsockname()[1])
    server.run(sockets)
