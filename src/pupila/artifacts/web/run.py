"""Run an app until it is stopped; accepted requests are completed first."""

import signal
import sys

import uvicorn

from pupila.artifacts.web.app import App

GRACE = 30  # seconds that accepted requests have after SIGTERM


def run(app: App, host: str, port: int) -> None:
    """Serve until SIGINT or SIGTERM, then exit with code 0."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # uvicorn raises it again after the last response
    uvicorn.run(
        app, host=host, port=port, log_level="warning", access_log=False, timeout_graceful_shutdown=GRACE
    )
