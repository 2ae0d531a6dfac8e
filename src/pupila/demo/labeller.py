"""A labeller on this machine: it speaks OpenAI's protocol and answers from drawn truth, with known noise and faults."""

import base64
import json
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.imaging.duplicates.signature import shrink
from pupila.imaging.images.decode import decode

INPUT, OUTPUT = 400, 8  # tokens that every answer is said to have used
Truth = Callable[[bytes], str]  # the bytes of a picture, however scaled, to its class


@dataclass(frozen=True, slots=True)
class Fault:
    """What is sent instead of a proper answer."""

    status: int = 200
    body: str = ""  # as it stands
    headers: dict[str, str] = field(default_factory=dict)
    content: str | None = None  # of an answer that is proper otherwise


@dataclass
class Loopback:
    """The server, and what it was asked.

    A wrong answer is one of the other classes that the question allows; the same ask of the same picture gets the
    same answer, whatever else is asked meanwhile.
    """

    truth: Truth
    noise: float = 0.0  # share of answers that are wrong
    seed: int = 0
    key: str | None = None  # that has to be sent; None: any or none
    fault: Callable[[int, str], Fault | None] = lambda number, shown: (
        None
    )  # by request, from 0, and true class
    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)  # bodies of all requests
    _times: Counter[str] = field(default_factory=Counter)
    _lock: Any = field(default_factory=threading.Lock)

    def answer(self, body: dict[str, Any], key: str) -> tuple[int, dict[str, str], str]:
        """(status, headers, body) of the answer to one request."""
        with self._lock:
            number = len(self.asked)
            self.asked.append(body)
        if self.key is not None and key != f"Bearer {self.key}":
            message = f"Incorrect API key provided: {key.removeprefix('Bearer ')}"
            return 401, {}, json.dumps({"error": {"message": message, "code": "invalid_api_key"}})
        parts = {part["type"]: part for part in body["messages"][-1]["content"]}
        picture = base64.b64decode(parts["image_url"]["image_url"]["url"].partition("base64,")[2])
        shown = self.truth(picture)
        fault = self.fault(number, shown)
        if fault is not None and fault.content is None:
            return fault.status, fault.headers, fault.body
        content = fault.content if fault else json.dumps({"label": self._said(body, shown, picture)})
        return 200, {}, json.dumps({
            "id": f"loopback-{number}", "object": "chat.completion", "created": 0, "model": body["model"],
            "choices": [{"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": INPUT, "completion_tokens": OUTPUT, "total_tokens": INPUT + OUTPUT},
        })  # fmt: skip

    def _said(self, body: dict[str, Any], shown: str, picture: bytes) -> str:
        allowed = body["response_format"]["json_schema"]["schema"]["properties"]["label"]["enum"]
        others = [name for name in allowed if name not in (shown, "unsure")]
        digest = shrink(decode(picture)).tobytes()
        with self._lock:
            self._times[digest.hex()] += 1
            times = self._times[digest.hex()]
        rng = np.random.default_rng([self.seed, times, *digest[::97]])
        return str(rng.choice(others)) if others and rng.random() < self.noise else shown


def nearest(data: Dataset, labels: Sequence[str]) -> Truth:
    """The class of the picture of the data that looks most like the one that is shown, by small grey copies.

    Args:
        data: the pictures that may be shown.
        labels: of its rows.
    """
    copies = data.thumbnails(list(range(len(data)))).astype(np.int16)

    def truth(picture: bytes) -> str:
        apart = np.abs(copies - shrink(decode(picture)).astype(np.int16)).mean(axis=(1, 2))
        return labels[int(apart.argmin())]

    return truth


class _Quiet(ThreadingHTTPServer):
    """Takes it without a word where an asker was killed."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@contextmanager
def answering(loopback: Loopback) -> Iterator[Loopback]:
    """The server while it listens on this machine; `url` is what a labeller's `base_url` is set to."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """Answer one request."""
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, headers, text = loopback.answer(body, self.headers.get("Authorization", ""))
            data = text.encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = _Quiet(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    loopback.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield loopback
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
