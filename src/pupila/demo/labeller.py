"""A simulated vision-language model on this machine: OpenAI's protocol, ground-truth labels, known noise and faults."""

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

INPUT_TOKENS, OUTPUT_TOKENS = 400, 8  # usage reported with every response
GroundTruth = Callable[[bytes], str]  # the bytes of an image at any scale to its class


@dataclass(frozen=True, slots=True)
class Fault:
    """A response that is not a proper one."""

    status: int = 200
    body: str = ""  # sent verbatim
    headers: dict[str, str] = field(default_factory=dict)
    content: str | None = None  # of an otherwise proper response


@dataclass
class Loopback:
    """The server and its received requests.

    A wrong response is another class that the question allows; the n-th request for an image always gets the same
    response, whatever the order of other requests.
    """

    ground_truth: GroundTruth
    noise: float = 0.0  # share of wrong responses
    seed: int = 0
    key: str | None = None  # required API key; None: no check
    # of a request number, from 0, and the true class
    fault: Callable[[int, str], Fault | None] = lambda number, label: None
    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)  # bodies of all requests
    _times: Counter[str] = field(default_factory=Counter)
    _lock: Any = field(default_factory=threading.Lock)

    def respond(self, body: dict[str, Any], key: str) -> tuple[int, dict[str, str], str]:
        """(status, headers, body) of the response to one request."""
        with self._lock:
            number = len(self.requests)
            self.requests.append(body)
        if self.key is not None and key != f"Bearer {self.key}":
            message = f"Incorrect API key provided: {key.removeprefix('Bearer ')}"
            return 401, {}, json.dumps({"error": {"message": message, "code": "invalid_api_key"}})
        parts = {part["type"]: part for part in body["messages"][-1]["content"]}
        picture = base64.b64decode(parts["image_url"]["image_url"]["url"].partition("base64,")[2])
        shown = self.ground_truth(picture)
        fault = self.fault(number, shown)
        if fault is not None and fault.content is None:
            return fault.status, fault.headers, fault.body
        content = fault.content if fault else json.dumps({"label": self._choose_label(body, shown, picture)})
        return 200, {}, json.dumps({
            "id": f"loopback-{number}", "object": "chat.completion", "created": 0, "model": body["model"],
            "choices": [{"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": INPUT_TOKENS, "completion_tokens": OUTPUT_TOKENS,
                      "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS},
        })  # fmt: skip

    def _choose_label(self, body: dict[str, Any], shown: str, picture: bytes) -> str:
        allowed = body["response_format"]["json_schema"]["schema"]["properties"]["label"]["enum"]
        others = [name for name in allowed if name not in (shown, "unsure")]
        digest = shrink(decode(picture)).tobytes()
        with self._lock:
            self._times[digest.hex()] += 1
            times = self._times[digest.hex()]
        rng = np.random.default_rng([self.seed, times, *digest[::97]])
        return str(rng.choice(others)) if others and rng.random() < self.noise else shown


def nearest_label(data: Dataset, labels: Sequence[str]) -> GroundTruth:
    """Ground truth by nearest neighbour: the label of the image in the data with the most similar small grey copy.

    Args:
        data: the images that may be sent.
        labels: of its rows.
    """
    copies = data.thumbnails(list(range(len(data)))).astype(np.int16)

    def ground_truth(picture: bytes) -> str:
        distances = np.abs(copies - shrink(decode(picture)).astype(np.int16)).mean(axis=(1, 2))
        return labels[int(distances.argmin())]

    return ground_truth


class _QuietServer(ThreadingHTTPServer):
    """Ignores clients that disconnect."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@contextmanager
def run_loopback(loopback: Loopback) -> Iterator[Loopback]:
    """Serve on this machine until the end of the block; `url` is the `base_url` for a labeller."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """Respond to one request."""
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, headers, text = loopback.respond(body, self.headers.get("Authorization", ""))
            data = text.encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = _QuietServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    loopback.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield loopback
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
