"""The sockets that a service listens on, and uvicorn's server with our limits."""

import asyncio
import errno
import ipaddress
import logging
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from types import FrameType
from typing import Any

import uvicorn

from pupila.artifacts.web.app import App
from pupila.artifacts.web.exposure import Certificate
from pupila.artifacts.web.limits import ConnectionLimits
from pupila.artifacts.web.protocol import bound_protocol
from pupila.core.errors import PupilaError
from pupila.core.messages import say

_LAST_PORT = 65_535
_UNAVAILABLE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class Server(uvicorn.Server):
    """A server that, after SIGTERM, still takes requests for some time while it says that it is draining.

    A load balancer needs that time to send no more requests. A second signal, or Ctrl-C, ends it.

    Args:
        config: of uvicorn.
        drain_seconds: between SIGTERM and the end of the port.
        handshake_seconds: that a client has for the handshake of TLS.
    """

    def __init__(self, config: uvicorn.Config, drain_seconds: float, handshake_seconds: float) -> None:
        super().__init__(config)
        self._handshake_seconds = handshake_seconds
        self._drain_seconds = drain_seconds
        self._end = 0.0  # of draining
        self._signal: tuple[int, FrameType | None] | None = None  # that started it

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start on the sockets; with TLS a client has as long for its handshake as for a request's headers."""
        if self.config.ssl is None or sockets is None:
            await super().startup(sockets)
            return
        await super().startup([])
        loop = asyncio.get_running_loop()
        config = self.config
        protocol_class: Any = config.http_protocol_class
        protocol = partial(
            protocol_class, config=config, server_state=self.server_state, app_state=self.lifespan.state
        )  # fmt: skip
        self.servers = [
            await loop.create_server(protocol, sock=each, ssl=config.ssl, backlog=config.backlog,
                                     ssl_handshake_timeout=self._handshake_seconds)
            for each in sockets
        ]  # fmt: skip

    @property
    def is_draining(self) -> bool:
        """Whether it is stopping."""
        return self.should_exit or self._signal is not None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal that ends the process."""
        if sig != signal.SIGTERM or self.is_draining or not self._drain_seconds:
            super().handle_exit(sig, frame)
            return
        self._end = time.monotonic() + self._drain_seconds
        self._signal = sig, frame

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether to end."""
        if self._signal is not None and not self.should_exit and time.monotonic() >= self._end:
            super().handle_exit(*self._signal)
        return await super().on_tick(counter)


def listen(host: str, port: int, remedy: str) -> list[socket.socket]:
    """Sockets that accept connections from now on: one for each address of the host, all on one port.

    Args:
        host: to listen on; "" are all addresses of this machine.
        port: to listen on; 0 picks a free one.
        remedy: of the error: how to listen on a free port.

    Raises:
        PupilaError: no port, no host of this machine, or the port is in use.
    """
    _check_port(port)
    missing = OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    try:
        with ExitStack() as opened:
            sockets: list[socket.socket] = []
            for family, address in _addresses(host, port):
                # Port 0: the first address picks the port for all.
                number = sockets[0].getsockname()[1] if sockets else port
                try:
                    sockets.append(
                        opened.enter_context(socket.create_server((address, number), family=family))
                    )
                except OSError as fault:  # "localhost" names IPv6 on machines without it
                    if fault.errno not in _UNAVAILABLE:
                        raise
                    missing = fault
            if not sockets:
                raise missing
            opened.pop_all()
            return sockets
    except (OSError, ValueError, OverflowError) as fault:  # UnicodeError and an embedded null are ValueErrors
        raise PupilaError(
            say("Can't listen on {host}, port {port}", host=host, port=port),
            actual=getattr(fault, "strerror", None) or str(fault),
            expected=say("an address of this machine and a free port"), remedy=remedy,
        ) from fault  # fmt: skip


def _addresses(host: str, port: int) -> Iterator[tuple[socket.AddressFamily, str]]:
    """Family and address of everything that the host's name stands for."""
    resolved = set()
    for family, _, _, _, address in socket.getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    ):
        if (family, address[0]) not in resolved:
            resolved.add((family, address[0]))
            yield family, str(address[0])


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a service that listens on the host."""
    try:
        return all(ipaddress.ip_address(address).is_loopback for _, address in _addresses(host, 0))
    except (OSError, ValueError):  # `listen` says what is wrong with it
        return False


def make_server(app: App, limits: ConnectionLimits, certificate: Certificate | None = None) -> Server:
    """A server for the app, to be run with the sockets of `listen`; with a certificate it speaks TLS."""
    logging.getLogger("python_multipart").setLevel(
        logging.ERROR
    )  # it warns of what is refused with an answer
    config = uvicorn.Config(
        app, http=bound_protocol(limits, app.state.listeners), ws="none", log_level="warning", access_log=False,
        timeout_graceful_shutdown=limits.grace_seconds, proxy_headers=False, server_header=False,
        ssl_certfile=certificate.chain if certificate else None, ssl_keyfile=certificate.key if certificate else None,
    )  # fmt: skip
    app.state.server = server = Server(config, limits.drain_seconds, limits.head_seconds)
    return server


def is_draining(app: App) -> bool:
    """Whether the server of this app is stopping."""
    server = getattr(app.state, "server", None)
    return isinstance(server, Server) and server.is_draining


def count_connections(app: App) -> int:
    """Open connections to the server of this app."""
    server = getattr(app.state, "server", None)
    return len(server.server_state.connections) if isinstance(server, Server) else 0


def _check_port(port: int) -> None:
    """Refuse what is no port, which sockets answer with errors of three types.

    Raises:
        PupilaError: it is none.
    """
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= _LAST_PORT:
        raise PupilaError(
            say("Can't listen on port {port}", port=port), expected=say("a port from 0 to {last}", last=_LAST_PORT),
            remedy=say("port 0, which picks a free one"),
        )  # fmt: skip
