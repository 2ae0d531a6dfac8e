"""Run an app in a thread of this process, on a free port, until it is stopped: for notebooks and tests."""

import socket
import threading
from typing import Any

import uvicorn

from pupila.artifacts.web.app import App
from pupila.artifacts.web.run import GRACE, check_port
from pupila.core.errors import PupilaError
from pupila.core.messages import say

_STEP = 0.01  # seconds between two looks at whether the server is up


class BackgroundServer:
    """A server in a thread; it accepts requests when the constructor returns.

    Args:
        app: the application.
        host: to listen on.
        port: to listen on; 0 picks a free one.

    Raises:
        PupilaError: no port, or it is in use, or the app did not start.
    """

    def __init__(self, app: App, host: str, port: int) -> None:
        check_port(port)
        try:
            self._socket = socket.create_server((host, port))
        except OSError as fault:
            raise PupilaError(
                say("Can't listen on port {port}", port=port), actual=fault.strerror or str(fault),
                expected=say("a free port"), remedy="port=0",
            ) from fault  # fmt: skip
        self.port: int = self._socket.getsockname()[1]
        settings = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=GRACE)
        self._server = uvicorn.Server(settings)
        run: Any = self._server.run
        self._thread = threading.Thread(target=run, kwargs={"sockets": [self._socket]}, daemon=True)
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            self._thread.join(_STEP)
        if not self._server.started:
            self._socket.close()
            raise PupilaError(say("The service did not start"), remedy=say("see the messages above"))

    @property
    def is_running(self) -> bool:
        """Whether it accepts requests."""
        return self._thread.is_alive() and not self._server.should_exit

    def stop(self) -> None:
        """Complete the accepted requests, then end."""
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
