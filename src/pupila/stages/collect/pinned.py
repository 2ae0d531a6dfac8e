"""Connections to checked addresses only: a host is resolved once, its addresses are checked and then connected to."""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx

ResolveHost = Callable[[str, int], Awaitable[list[str]]]  # host and port to the addresses that are allowed


class PinnedTransport(httpx.AsyncBaseTransport):
    """HTTP over connections to checked addresses; certificates are still verified against the host name.

    Args:
        resolve: returns the allowed addresses of a host; what it raises replaces the connection.
    """

    def __init__(self, resolve: ResolveHost) -> None:
        context = httpx.create_ssl_context(trust_env=False)
        self._pool = httpcore.AsyncConnectionPool(
            context, max_connections=100, keepalive_expiry=5, network_backend=_Backend(resolve)
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The response, its body not read yet."""
        url = request.url
        pinned_request = httpcore.Request(
            request.method, httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw, content=request.stream, extensions=request.extensions,
        )  # fmt: skip
        with _map_errors():
            response = await self._pool.handle_async_request(pinned_request)
        return httpx.Response(
            response.status, headers=response.headers, stream=_Body(response), extensions=response.extensions
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        assert isinstance(self._response.stream, AsyncIterable)
        with _map_errors():
            async for part in self._response.stream:
                yield part

    async def aclose(self) -> None:
        await self._response.aclose()


class _Backend(httpcore.AsyncNetworkBackend):
    def __init__(self, resolve: ResolveHost) -> None:
        self._resolve, self._inner = resolve, httpcore.AnyIOBackend()

    async def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:  # fmt: skip
        """A connection to the first address that accepts it; each gets an equal share of the timeout."""
        last_error: Exception = httpcore.ConnectError(host)
        addresses = await self._resolve(host, port)
        for address in addresses:
            share = timeout / len(addresses) if timeout is not None else None
            try:
                return await self._inner.connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last_error = error
        raise last_error


@contextmanager
def _map_errors() -> Iterator[None]:
    try:
        yield
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as fault:
        raise httpx.TransportError(str(fault) or type(fault).__name__) from fault
