"""Run an app in a thread of this process, on a free port, until it is stopped: for notebooks and tests."""

import threading
from typing import Any

from pupila.artifacts.web.app import App
from pupila.artifacts.web.exposure import Certificate
from pupila.artifacts.web.limits import ConnectionLimits
from pupila.artifacts.web.listening import listen, make_server
from pupila.core.errors import PupilaError
from pupila.core.messages import say

_STEP = 0.01  # seconds between two looks at whether the server is up


class BackgroundServer:
    """A server in a thread; it accepts requests when the constructor returns.

    Args:
        app: the application.
        host: to listen on.
        port: to listen on; 0 picks a free one.
        limits: of the connections; None are those of `pupila serve`.
        certificate: None: plain HTTP.

    Raises:
        PupilaError: no port, no host of this machine, the port is in use, or the app did not start.
    """

    def __init__(
        self, app: App, host: str, port: int, limits: ConnectionLimits | None = None,
        certificate: Certificate | None = None,
    ) -> None:  # fmt: skip
        self._sockets = listen(host, port, "port=0")
        self.port: int = self._sockets[0].getsockname()[1]
        self._server = make_server(app, limits or ConnectionLimits(), certificate)
        run: Any = self._server.run
        self._thread = threading.Thread(target=run, kwargs={"sockets": self._sockets}, daemon=True)
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            self._thread.join(_STEP)
        if not self._server.started:
            self._close()
            raise PupilaError(say("The service did not start"), remedy=say("see the messages above"))

    @property
    def is_running(self) -> bool:
        """Whether it accepts requests."""
        return self._thread.is_alive() and not self._server.should_exit

    def stop(self) -> None:
        """Complete the accepted requests, then end."""
        self._server.should_exit = True
        self._thread.join()
        self._close()

    def _close(self) -> None:
        for listening in self._sockets:
            listening.close()
