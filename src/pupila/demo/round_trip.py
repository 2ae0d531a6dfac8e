"""A round trip through the server: start it as a user would, send it a photo, stop it."""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pupila.core.errors import PupilaError
from pupila.core.messages import say

_TIMEOUT = 60  # seconds for the server to start
_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class ServedPrediction:
    """What the stories show of a server's prediction."""

    confidence: float  # 0..1
    processing_time: float  # seconds


@contextmanager
def serve_bundle(bundle: str, *options: str) -> Iterator[str]:
    """The address of a running server of the bundle; SIGTERM stops it at the end.

    Raises:
        PupilaError: it did not start.
    """
    with socket.socket() as free:
        free.bind((_HOST, 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "pupila",
        "serve",
        bundle,
        "--host",
        _HOST,
        "--port",
        str(port),
        *options,
    ]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    address = f"http://{_HOST}:{port}"
    try:
        _wait_until_ready(server, address)
        yield address
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate()


def _wait_until_ready(server: "subprocess.Popen[str]", address: str) -> None:
    until = time.monotonic() + _TIMEOUT
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    server.kill()
    message = server.stderr.read() if server.stderr else ""
    raise PupilaError(
        say("The server did not start"), actual=message.strip()[-300:], expected=say("a response of /health")
    )


def request_prediction(address: str, photo: Path) -> ServedPrediction:
    """The prediction of the server for one photo.

    Raises:
        PupilaError: an HTTP error.
    """
    mark = uuid.uuid4().hex
    head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{photo.name}"\r\n\r\n'
    request = urllib.request.Request(
        f"{address}/predict/single",
        data=head.encode() + photo.read_bytes() + f"\r\n--{mark}--\r\n".encode(),
        headers={"Content-Type": f"multipart/form-data; boundary={mark}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:
            prediction = json.load(response)
    except urllib.error.HTTPError as refused:
        raise PupilaError(say("The server rejected the image"), actual=refused.read().decode()) from refused
    return ServedPrediction(prediction["confidence"], prediction["processing_time"])
