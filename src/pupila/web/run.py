"""Running an app until it is told to end; accepted requests are answered first."""

import uvicorn

from pupila.web.app import App

GRACE = 30  # seconds that accepted requests have after SIGTERM


def run(app: App, host: str, port: int) -> None:
    """Serve until SIGINT or SIGTERM."""
    uvicorn.run(
        app, host=host, port=port, log_level="warning", access_log=False, timeout_graceful_shutdown=GRACE
    )
