"""An S3 server of its own on loopback (moto's), which counts requests and fails or waits on demand."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock, Thread
from typing import Any

import fsspec
import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.models import s3_backends
from werkzeug.serving import WSGIRequestHandler, make_server

from pupila.core import stores

BUCKET, ACCOUNT = "shop", "123456789012"  # moto's own account
_FAULT = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{code}</Message></Error>'
Ask = Callable[[str, str, str], tuple[int, str] | None]  # method, path, query -> status and code of a fault


def no_fault(method: str, path: str, query: str) -> None:
    pass


@dataclass
class Server:
    """What a test knows of the server, and tells it."""

    url: str = ""
    requests: list[tuple[str, str, str]] = field(default_factory=list)  # method, path, query
    fault: Ask = no_fault
    wait: float = 0.0  # seconds before each answer, as a network would take

    def counts(self) -> Counter[str]:
        """Requests of each method."""
        return Counter(method for method, _, _ in self.requests)


class _Door:
    """Stands between the network and moto."""

    def __init__(self, server: Server) -> None:
        self.server, self.lock = server, Lock()
        self.app = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: dict[str, Any], start: Any) -> Any:
        request = environ["REQUEST_METHOD"], environ["PATH_INFO"], environ.get("QUERY_STRING", "")
        with self.lock:
            self.server.requests.append(request)
            fault = self.server.fault(*request)
        if self.server.wait:
            time.sleep(self.server.wait)
        if fault is None:
            return self.app(environ, start)
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if request[0] == "HEAD":
            start(f"{fault[0]} fault", [("Content-Length", "0")])
            return []
        body = _FAULT.format(code=fault[1]).encode()
        start(f"{fault[0]} fault", [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
        return [body]


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        pass


@contextmanager
def s3_server(patch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server that the environment names as a user of MinIO would; `emptied` gives it a bucket."""
    server = Server()
    http = make_server("127.0.0.1", 0, _Door(server), threaded=True, request_handler=_Quiet)
    server.url = f"http://127.0.0.1:{http.server_port}"
    Thread(target=http.serve_forever, daemon=True).start()
    patch.setenv("AWS_ENDPOINT_URL", server.url)
    patch.setenv("AWS_ACCESS_KEY_ID", "test")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    patch.setenv("AWS_CONFIG_FILE", "/dev/null")
    patch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    forget()
    try:
        yield server
    finally:
        forget()
        http.shutdown()
        http.server_close()


def emptied(server: Server) -> Server:
    """The server as it was when it began, with an empty bucket."""
    backend = s3_backends[ACCOUNT]["aws"]
    backend.reset()
    backend.create_bucket(BUCKET, "us-east-1")
    server.requests.clear()
    stores.is_writable.cache_clear()
    server.fault, server.wait = no_fault, 0.0
    return server


def many(names: list[str]) -> None:
    """Put objects of one byte into the bucket, without a request for each."""
    for name in names:
        s3_backends[ACCOUNT]["aws"].put_object(BUCKET, name, b"x")


def forget() -> None:
    """A new process would ask for address and credentials again."""
    fsspec.get_filesystem_class("s3").clear_instance_cache()
