"""Ports and hosts that can't be listened on are an error before a service is announced."""

import socket
from collections.abc import Callable
from typing import Any

import pytest

from pupila.artifacts.web.background import BackgroundServer
from pupila.artifacts.web.limits import ConnectionLimits
from pupila.artifacts.web.listening import listen
from pupila.artifacts.web.local import run_local
from pupila.artifacts.web.run import run
from pupila.core.errors import PupilaError
from tests.artifacts.web.clients import small_app


def never(*_: Any) -> Any:
    raise AssertionError("not served")


@pytest.mark.parametrize("listening", ["run", "background", "local"])
def test_a_taken_port_is_an_error_before_anything_is_served(listening: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        starts: dict[str, Callable[[], object]] = {
            "run": lambda: run(small_app(), "127.0.0.1", port, never, ConnectionLimits()),
            "background": lambda: BackgroundServer(small_app(), "127.0.0.1", port),
            "local": lambda: run_local(never, port, never),
        }
        with pytest.raises(PupilaError, match=f"Can't listen on 127.0.0.1, port {port}.*a free port"):
            starts[listening]()


@pytest.mark.parametrize(
    "host", ["203.0.113.7", "no.such.host.invalid", "a" * 70 + ".de", "a\0b", "256.1.1.1"]
)
def test_a_host_that_is_not_this_machine_is_an_error(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if host.endswith("invalid"):  # no test asks a name server
        monkeypatch.setattr(
            socket, "getaddrinfo", lambda *_, **__: (_ for _ in ()).throw(socket.gaierror(-2, "unknown"))
        )
    with pytest.raises(PupilaError, match="Can't listen on"):
        run(small_app(), host, 0, never, ConnectionLimits())


def test_every_address_of_a_host_is_listened_on_with_one_port() -> None:
    for host in ("localhost", "127.0.0.1", ""):
        sockets = listen(host, 0, "port=0")
        try:
            assert len({each.getsockname()[1] for each in sockets}) == 1
            port = sockets[0].getsockname()[1]
            socket.create_connection(("127.0.0.1", port), timeout=60).close()
        finally:
            for each in sockets:
                each.close()
