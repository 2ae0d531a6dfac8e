"""Connections that lead where was checked: a name is looked up once, and what came is checked and then called."""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx

Behind = Callable[[str, int], Awaitable[list[str]]]  # host and port to the addresses that may be asked


class Pinned(httpx.AsyncBaseTransport):
    """HTTP over connections to checked addresses; certificates are still those of the names.

    Args:
        behind: tells the addresses of a host; what it raises is raised in place of a connection.
    """

    def __init__(self, behind: Behind) -> None:
        context = httpx.create_ssl_context(trust_env=False)
        self._pool = httpcore.AsyncConnectionPool(
            context, max_connections=100, keepalive_expiry=5, network_backend=_Backend(behind)
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer, its body not read yet."""
        url = request.url
        asked = httpcore.Request(
            request.method, httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw, content=request.stream, extensions=request.extensions,
        )  # fmt: skip
        with _faults_of_httpx():
            came = await self._pool.handle_async_request(asked)
        return httpx.Response(
            came.status, headers=came.headers, stream=_Body(came), extensions=came.extensions
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        assert isinstance(self._response.stream, AsyncIterable)
        with _faults_of_httpx():
            async for part in self._response.stream:
                yield part

    async def aclose(self) -> None:
        await self._response.aclose()


class _Backend(httpcore.AsyncNetworkBackend):
    def __init__(self, behind: Behind) -> None:
        self._behind, self._inner = behind, httpcore.AnyIOBackend()

    async def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:  # fmt: skip
        """A connection to the first address that answers; each has its share of the time."""
        fault: Exception = httpcore.ConnectError(host)
        addresses = await self._behind(host, port)
        for address in addresses:
            share = timeout / len(addresses) if timeout is not None else None
            try:
                return await self._inner.connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as one:
                fault = one
        raise fault


@contextmanager
def _faults_of_httpx() -> Iterator[None]:
    try:
        yield
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as fault:
        raise httpx.TransportError(str(fault) or type(fault).__name__) from fault
