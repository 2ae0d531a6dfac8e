"""A small app with real sockets, and clients that send exactly the bytes that a test names."""

import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

from pupila.artifacts.web.app import App, Request, make_app, parsed_by
from pupila.artifacts.web.background import BackgroundServer
from pupila.artifacts.web.guard import Admit
from pupila.artifacts.web.image_request import ImageBody, ImageRequest, Options
from pupila.artifacts.web.limits import BodyLimits, ConnectionLimits

BODIES = BodyLimits(body=1_000_000, held=1_500_000, files=2, fields=3, field_bytes=1000)
HEALTH = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /file HTTP/1.1\r\nHost: x\r\n"
PROBLEM_FIELDS = {
    "type", "title", "status", "detail", "instance", "error", "actual", "expected", "remedy", "request_id",
}  # fmt: skip
CHUNKED = POST + b"Content-Type: multipart/form-data; boundary=m\r\nTransfer-Encoding: chunked\r\n\r\n"


class NoteOptions(Options):
    """The options of the small app."""

    note: str | None = None


@contextlib.asynccontextmanager
async def _lifespan(app: App) -> AsyncIterator[None]:
    yield


def small_app(bodies: BodyLimits = BODIES, admit: Admit | None = None) -> App:
    """An app that says what reached it."""
    app = make_app("a test", _lifespan, bodies, admit)
    single, several = (
        parsed_by(ImageBody(NoteOptions, bodies, bodies.body, batch=batch)) for batch in (False, True)
    )

    @app.get("/health")
    def health(request: Request) -> dict[str, Any]:
        return {"headers": sorted(request.headers)}

    @app.get("/large")
    def large() -> dict[str, str]:
        return {"text": "x" * 10_000_000}

    @app.post("/file")
    async def file(request: Request, sent: ImageRequest[NoteOptions] = single) -> dict[str, Any]:
        (image,) = sent.images
        return {"size": len(image.read()), "name": image.name, "headers": sorted(request.headers)}

    @app.post("/files")
    async def files(sent: ImageRequest[NoteOptions] = several) -> dict[str, Any]:
        return {"names": [image.name for image in sent.images]}

    return app


@contextlib.contextmanager
def serving(app: App, limits: ConnectionLimits | None = None) -> Iterator[int]:
    """The port of the served app."""
    server = BackgroundServer(app, "127.0.0.1", 0, limits)
    try:
        yield server.port
    finally:
        server.stop()


def connect(port: int, *pieces: bytes) -> socket.socket:
    """A connection that has sent these bytes; a server that no longer reads them is no error."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    with contextlib.suppress(OSError):
        for piece in pieces:
            connection.sendall(piece)
    return connection


def read_response(connection: socket.socket) -> tuple[int, bytes]:
    """Status and the rest of what the server sends until it closes; 0 where it closes without a word."""
    received = b""
    with connection, contextlib.suppress(ConnectionResetError):
        while chunk := connection.recv(65_536):
            received += chunk
    return (int(received.split(b" ", 2)[1]) if received else 0), received


def ask(port: int, *pieces: bytes) -> tuple[int, bytes]:
    """The answer to a request with "Connection: close", or to one that is refused."""
    return read_response(connect(port, *pieces))


def form(*parts: tuple[str, bytes], kind: str = "multipart/form-data; boundary=m") -> bytes:
    """The end of a request's head, which closes the connection, and a form of these parts."""
    body = b"".join(
        f"--m\r\nContent-Disposition: form-data; {name}\r\n\r\n".encode() + data + b"\r\n"
        for name, data in parts
    )
    body += b"--m--\r\n"
    head = f"Connection: close\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
