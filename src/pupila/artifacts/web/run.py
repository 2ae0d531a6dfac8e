"""Running an app until it is told to end; accepted requests are answered first."""

import signal
import sys

import uvicorn

from pupila.artifacts.web.app import App

GRACE = 30  # seconds that accepted requests have after SIGTERM


def run(app: App, host: str, port: int) -> None:
    """Serve until SIGINT or SIGTERM, and leave with 0 then."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # uvicorn raises it again once all is answered
    uvicorn.run(
        app, host=host, port=port, log_level="warning", access_log=False, timeout_graceful_shutdown=GRACE
    )
