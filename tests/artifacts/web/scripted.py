"""A server on this machine that sends scripted responses, one for each request, and remembers the requests."""

import contextlib
import socketserver
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

Response = bytes | Iterable[bytes]  # in pieces, each sent once it is taken from the iterable
CLOSE = b""  # instead of a response: the connection is closed


@dataclass
class Scripted:
    """What it sends, and what it was sent."""

    responses: list[Response]
    url: str = ""
    requests: list[tuple[int, bytes, bytes]] = field(
        default_factory=list
    )  # number of the connection, head, body

    @property
    def connections(self) -> list[int]:
        """The connection of each request."""
        return [number for number, _, _ in self.requests]


def response(status: int, body: bytes = b"{}", **headers: str) -> bytes:
    """The bytes of a response."""
    lines = [f"HTTP/1.1 {status} Reason", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


@contextlib.contextmanager
def run_scripted(*responses: Response) -> Iterator[Scripted]:
    """Serve until the end of the block."""
    scripted = Scripted(list(responses))
    count = iter(range(1000))

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            number = next(count)
            while head := self._read_head():
                length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                body = self.rfile.read(int(length[0].split(b":")[1])) if length else b""
                scripted.requests.append((number, head, body))
                content = scripted.responses.pop(0)
                try:
                    for piece in [content] if isinstance(content, bytes) else content:
                        self.wfile.write(piece)
                except OSError:  # the client is gone
                    return
                if content == CLOSE:
                    return

        def _read_head(self) -> bytes:
            lines = []
            while (line := self.rfile.readline()) not in (b"", b"\r\n"):
                lines.append(line)
            return b"".join(lines)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Handler) as server:
        scripted.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield scripted
        finally:
            server.shutdown()
