"""The web app of the page: Gradio behind our own guards."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

from pupila.artifacts.web.app import App, make_app, trust_proxies
from pupila.artifacts.web.listening import is_draining
from pupila.artifacts.web.sessions import Guard, PageGuard
from pupila.imaging.images.budget import set_decode_memory
from pupila.stages.page.connection import Connection
from pupila.stages.page.folder import drop_old
from pupila.stages.page.settings import PageSettings

_PATIENCE = 10.0  # seconds that an image waits for memory
_TICK = 0.2  # seconds between two questions whether the server is stopping
_SWEEP, _OLD = 60, 900  # seconds between two searches for uploads that nobody used, and their age
# What the page needs of Gradio's routes; the others (its API, files of the server, proxies, monitoring) are closed.
_PATHS = ("/", "/config", "/theme.css", "/manifest.json", "/favicon.ico", "/gradio_api/upload",
          "/gradio_api/queue/join", "/gradio_api/queue/data", "/gradio_api/startup-events",
          "/gradio_api/upload_progress",
          "/gradio_api/cancel", "/gradio_api/reset", "/gradio_api/app_id")  # fmt: skip
_FOLDERS = ("/assets/", "/static/", "/svelte/", "/gradio_api/heartbeat/")


def make_page_app(connection: Connection, settings: PageSettings, folder: Path, guard: Guard) -> App:
    """The app.

    Args:
        connection: to the service.
        settings: its limits.
        folder: of uploads, see `upload_folder`.
        guard: who may use the page.
    """
    from pupila.stages.page.mounting import mount

    set_decode_memory(settings.max_decode_memory, strict=True, patience=_PATIENCE)

    @contextlib.asynccontextmanager
    async def lifespan(app: App) -> AsyncIterator[None]:
        async def watch() -> None:
            last = time.monotonic()
            while not is_draining(app):
                await asyncio.sleep(_TICK)
                if time.monotonic() - last > _SWEEP:
                    last = time.monotonic()
                    await asyncio.to_thread(drop_old, folder, _OLD)
            disconnect()

        watching = asyncio.create_task(watch())
        yield
        watching.cancel()

    app = make_app("Pupila", lifespan, settings.body_limits())
    disconnect = mount(app, connection, settings, folder)
    app.add_middleware(PageGuard, guard=guard, is_open=is_open)
    trust_proxies(app, settings.trusted_proxy)
    return app


def is_open(path: str) -> bool:
    """Whether the page needs this path."""
    return path in _PATHS or (path.startswith(_FOLDERS) and ".." not in path)
