"""Sends a client's requests, in threads or in an event loop: the door of httpx, which comes with the extra `client`."""

import asyncio
import ipaddress
import re
import ssl
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from pupila.artifacts.web.client_errors import Reply, describe_misfit
from pupila.artifacts.web.client_flow import (
    Alone,
    Flow,
    HttpRequest,
    NoReply,
    NotSent,
    Result,
    Send,
    Service,
    Step,
    Together,
    Wait,
    Work,
)
from pupila.core.addresses import scrub_addresses
from pupila.core.errors import PupilaError
from pupila.core.messages import integer, say
from pupila.core.version import __version__

_CONNECT_SECONDS = 10.0  # until a host that does not respond counts as unreachable
MOST_BYTES = 256_000_000  # of a response's body, decompressed
_ERRNO = re.compile(r"^\[Errno -?\d+\] ")
_ENCODINGS = ("", "identity", "gzip", "deflate")  # whose pieces grow by a bounded factor
_CONNECTING, _RESPONDING = (
    "connection.connect",
    "http11.receive_response_headers.complete",
)  # events of httpcore
_FAILURES = (PupilaError, NotSent, NoReply)


class SyncSender:
    """Runs flows in the calling thread; several at once in threads of their own.

    Args:
        service: its address was checked.

    Raises:
        ModuleNotFoundError: httpx is not installed.
    """

    def __init__(self, service: Service) -> None:
        import httpx

        self._service = service
        self._client = httpx.Client(**_options(service))
        self._alone = threading.Lock()
        self._request = threading.local()  # `end` of the thread's request, time of the clock

    def run(self, flow: Flow[Result]) -> Result:
        """The result of a flow.

        Raises:
            PupilaError: of the flow, or the client was closed.
        """
        _check_open(self._client)
        resume, value = flow.send, None
        while True:
            try:
                step = resume(value)
            except StopIteration as end:
                result: Result = end.value
                return result
            try:
                resume, value = flow.send, self._perform(step)
            except _FAILURES as fault:
                resume, value = flow.throw, fault

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _perform(self, step: Step) -> Any:
        match step:
            case Send():
                return self._send(step.request, step.seconds)
            case Wait():
                return time.sleep(step.seconds)
            case Work():
                return step.call()
            case Together():
                return self._run_together(step)
            case Alone():
                with self._alone:
                    return self.run(step.flow)

    def _run_together(self, step: Together) -> list[Any]:
        stop = threading.Event()  # set by a failure, after which no other flow begins

        def run(flow: Flow[Any]) -> Any:
            if stop.is_set():
                return None
            try:
                return self.run(flow)
            except BaseException:
                stop.set()
                raise

        with ThreadPoolExecutor(step.most) as pool:
            try:
                return list(pool.map(run, step.flows))
            finally:
                stop.set()

    def _send(self, request: HttpRequest, seconds: float) -> Reply:
        events: list[str] = []

        def trace(name: str, details: Mapping[str, Any]) -> None:
            events.append(name)
            if name.endswith((".connect_tcp.complete", ".start_tls.complete")):
                self._bound(details["return_value"])

        self._request.end = time.monotonic() + seconds
        _check_open(self._client)
        with (
            _translate_faults(events, self._service),
            self._client.stream(**_arguments(request, seconds), extensions={"trace": trace}) as response,
        ):
            body = _Body(response, self._service)
            for piece in response.iter_bytes():
                body.add(piece)
        return body.to_reply()

    def _bound(self, stream: Any) -> None:
        """Let a connection's reads and writes end with the request; the limits of httpx are those of each one."""
        read, write = stream.read, stream.write

        def left() -> float:
            if (seconds := self._request.end - time.monotonic()) <= 0:
                raise TimeoutError
            return float(seconds)

        stream.read = lambda size, timeout=None: read(size, left())
        stream.write = lambda data, timeout=None: write(data, left())


class AsyncSender:
    """Runs flows in the event loop; files are read and masks decoded in threads.

    Args:
        service: its address was checked.

    Raises:
        ModuleNotFoundError: httpx is not installed.
    """

    def __init__(self, service: Service) -> None:
        import httpx

        self._service = service
        self._client = httpx.AsyncClient(**_options(service))
        self._alone = asyncio.Lock()

    async def run(self, flow: Flow[Result]) -> Result:
        """The result of a flow.

        Raises:
            PupilaError: of the flow, or the client was closed.
        """
        _check_open(self._client)
        resume, value = flow.send, None
        while True:
            try:
                step = resume(value)
            except StopIteration as end:
                result: Result = end.value
                return result
            try:
                resume, value = flow.send, await self._perform(step)
            except _FAILURES as fault:
                resume, value = flow.throw, fault

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _perform(self, step: Step) -> Any:
        match step:
            case Send():
                return await self._send(step.request, step.seconds)
            case Wait():
                return await asyncio.sleep(step.seconds)
            case Work():
                return await asyncio.to_thread(step.call)
            case Together():
                return await self._run_together(step)
            case Alone():
                async with self._alone:
                    return await self.run(step.flow)

    async def _run_together(self, step: Together) -> list[Any]:
        free = asyncio.Semaphore(step.most)

        async def run(flow: Flow[Any]) -> Any:
            async with free:
                return await self.run(flow)

        tasks = [asyncio.create_task(run(flow)) for flow in step.flows]
        try:
            return await asyncio.gather(*tasks)
        finally:  # after a failure the others are not begun
            for task in tasks:
                task.cancel()

    async def _send(self, request: HttpRequest, seconds: float) -> Reply:
        events: list[str] = []

        async def trace(name: str, _: Any) -> None:
            events.append(name)

        _check_open(self._client)
        with _translate_faults(events, self._service):
            async with (
                asyncio.timeout(seconds),
                self._client.stream(**_arguments(request, seconds), extensions={"trace": trace}) as response,
            ):
                body = _Body(response, self._service)
                async for piece in response.aiter_bytes():
                    body.add(piece)
        return body.to_reply()


class _Body:
    """The body of a response of httpx, while it comes.

    Raises:
        ServiceError: it is compressed in a way that could hide any size.
    """

    def __init__(self, response: Any, service: Service) -> None:
        self._head = Reply(response.status_code, _lowercase_names(response.headers), b"")
        self._token, self._content = service.token, bytearray()
        if (encoding := self._head.headers.get("content-encoding", "").lower()) not in _ENCODINGS:
            raise describe_misfit(self._head, say("the encoding {name}", name=encoding), self._token)

    def add(self, piece: bytes) -> None:
        """Append the next bytes.

        Raises:
            ServiceError: they are too many.
        """
        self._content += piece
        if len(self._content) > MOST_BYTES:
            raise describe_misfit(self._head, say("more than {n} bytes", n=integer(MOST_BYTES)), self._token)

    def to_reply(self) -> Reply:
        """The response."""
        return replace(self._head, body=bytes(self._content))


def _check_open(client: Any) -> None:
    """Refuse a client of httpx that was closed.

    Raises:
        PupilaError: it was.
    """
    if client.is_closed:
        raise PupilaError(
            say("The client is closed"), expected=say("calls before close() and within the with block"),
            remedy=say("build a new client"),
        )  # fmt: skip


def check_address(url: str, token: bool) -> str:
    """The address of a service without the slash at its end.

    Args:
        url: such as https://host:8000, or with a path below which a proxy serves it.
        token: whether one is sent, for which plain HTTP to another machine is a warning.

    Raises:
        PupilaError: no such address, or one with a password in it.
    """
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        valid = None
    if not valid or parts.query or parts.fragment or not url.isascii() or not url.isprintable() or " " in url:
        raise PupilaError(
            say("Not the address of a service"), scrub_addresses(url), say("such as http://127.0.0.1:8000"),
            "" if "://" in url else say("put http:// or https:// before it"),
        )  # fmt: skip
    if "@" in parts.netloc:
        raise PupilaError(
            say("The address has a user or a password in it"), scrub_addresses(url),
            say("an address without them"), 'Client("https://HOST", token="...")',
        )  # fmt: skip
    if token and parts.scheme == "http" and not _is_loopback(url):
        warnings.warn(
            say("The token is sent to {host} without encryption, where anyone on the way can read it: use https.",
                host=parts.hostname), stacklevel=4,
        )  # fmt: skip
    return url.rstrip("/")


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return False


def _options(service: Service) -> dict[str, Any]:
    """How both clients of httpx are built; a request to this machine never goes through a proxy."""
    headers = {"User-Agent": f"pupila/{__version__}", "Accept-Encoding": "gzip, deflate"}
    if service.token.value:
        headers["Authorization"] = f"Bearer {service.token.value}"
    direct = {"http://": None, "https://": None} if _is_loopback(service.address) else {}
    return {"base_url": service.address, "headers": headers, "mounts": direct, "follow_redirects": False}


def _arguments(request: HttpRequest, seconds: float) -> dict[str, Any]:
    """A request as httpx takes it: JSON, or a multipart form in which the files have numbers instead of names."""
    import httpx

    fields: list[Any] = [(name, (None, value)) for name, value in request.fields.items()]
    files = [(field, (f"image-{at}", data)) for at, (field, data) in enumerate(request.files)]
    timeout = httpx.Timeout(max(seconds, 0.001), connect=max(min(_CONNECT_SECONDS, seconds), 0.001))
    return {
        "method": request.method, "url": request.path, "files": [*fields, *files] or None, "json": request.json,
        "timeout": timeout,
    }  # fmt: skip


@contextmanager
def _translate_faults(events: list[str], service: Service) -> Iterator[None]:
    """Turn the errors of httpx into those of a flow.

    Args:
        events: of httpcore; a new connection has those of its opening.
        service: with its address and deadline.

    Raises:
        NotSent: no connection, or one that was idle and that the service closed meanwhile.
        NoReply: any other failure.
    """
    import httpx

    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as fault:
        kind = NoReply if (tls := _find_tls_fault(fault)) else NotSent
        own = isinstance(tls, ssl.SSLCertVerificationError)
        remedy = [say("name the certificate's file in SSL_CERT_FILE")] if own else []
        raise kind(_describe_connection(fault), *remedy) from None
    except (TimeoutError, httpx.TimeoutException):
        raise NoReply(say("no response within {n} s", n=f"{service.policy.deadline:g}")) from None
    except (httpx.InvalidURL, UnicodeError) as fault:  # a name that no host can have
        raise NoReply(str(fault)) from None
    except httpx.HTTPError as fault:
        idle = _RESPONDING not in events and not any(name.startswith(_CONNECTING) for name in events)
        lost = isinstance(fault, httpx.RemoteProtocolError | httpx.NetworkError)
        kind = NotSent if idle and lost else NoReply
        plain = lost and _RESPONDING not in events and service.address.startswith("http://")
        remedy = [
            say(
                "start it with pupila serve BUNDLE, or correct the address: https:// where it has a certificate"
            )
        ]
        raise kind(str(fault) or type(fault).__name__, *remedy if plain else []) from None


def _describe_connection(fault: Exception) -> str:
    """Why there is no connection, without the number of the error."""
    text = _ERRNO.sub("", str(fault)) or type(fault).__name__
    return say("connection refused: no service runs there") if text == "Connection refused" else text


def _find_tls_fault(fault: BaseException | None) -> ssl.SSLError | None:
    while fault is not None and not isinstance(fault, ssl.SSLError):
        fault = fault.__cause__ or fault.__context__
    return fault


def _lowercase_names(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
