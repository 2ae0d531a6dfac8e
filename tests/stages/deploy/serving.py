"""The service in its container."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.stages.deploy.container import Container, Image, start

USER = 10001


def find_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


@contextmanager
def serve(
    api: Image, folder: Path, model: str, *options: str, volumes: dict[str, Path] | None = None,
    environment: dict[str, str] | None = None,
) -> Iterator[tuple[Container, int]]:  # fmt: skip
    """The service in its container, healthy, and its port."""
    log = folder / "log"
    log.mkdir(exist_ok=True)
    os.chown(log, USER, USER)
    port = find_free_port()
    arguments = [model, f"--port={port}", "--log-predictions=/var/lib/pupila", *options]
    mounted = {"/var/lib/pupila": log, **(volumes or {})}
    with start(api, folder / "output", *arguments, volumes=mounted, environment=environment) as container:
        container.wait_until_healthy(port)
        yield container, port
