"""Serve a bundle over HTTP."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

from pupila.api.inputs import ModelInput
from pupila.api.options import ServeOptions
from pupila.core.display import Displayed, Summary
from pupila.core.extras import public
from pupila.core.messages import say

if TYPE_CHECKING:
    from pupila.artifacts.run.source import PredictingSource
    from pupila.artifacts.web.app import App
    from pupila.artifacts.web.background import BackgroundServer
    from pupila.artifacts.web.limits import ConnectionLimits
    from pupila.stages.serve.app import Followed
    from pupila.stages.serve.exposure import Gate

LOCAL = "127.0.0.1"


class Service(Displayed):
    """A bundle that is served by a thread of this process; `with` stops it at the end of its block."""

    __slots__ = ("_server", "folder", "url")

    def __init__(self, server: "BackgroundServer", url: str, folder: str) -> None:
        self._server, self.url, self.folder = server, url, folder

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Complete the accepted requests, then end; stopping twice does nothing."""
        if self._server.is_running:
            self._server.stop()

    def summary(self) -> Summary:
        """Where it is served."""
        state = self.url if self._server.is_running else say("stopped")
        return Summary("Service", state, {"API": f"{self.url}/docs", say("bundle"): self.folder})


def _url_host(host: str) -> str:
    """The host as it stands in a URL that this machine can open."""
    host = {"": LOCAL, "0.0.0.0": LOCAL, "::": "::1"}.get(host, host)
    return f"[{host}]" if ":" in host else host


@public
def serve(
    bundle: ModelInput, *, host: str = LOCAL, port: int = 0, **settings: Unpack[ServeOptions]
) -> Service:
    """Serve a bundle in a thread of this process until it is stopped: `with pupila.serve(bundle) as service: ...`.

    Args:
        bundle: a bundle or a run, or its folder.
        host: to listen on; 0.0.0.0 accepts other machines, and needs tokens, or open=True.
        port: to listen on; 0 picks a free one.
        settings: limits, queue, threads, tokens and logs.

    Returns:
        The running service, with its `url`, such as http://127.0.0.1:43210.

    Raises:
        PupilaError: the bundle is invalid, or the host or port can't be listened on.
    """
    from pupila.artifacts.web.background import BackgroundServer

    with _prepare(bundle, host, settings) as prepared:
        server = BackgroundServer(prepared.app, host, port, prepared.limits, prepared.gate.certificate)
    return Service(server, f"{prepared.gate.scheme}://{_url_host(host)}:{server.port}", prepared.folder)


@public
def serve_forever(
    bundle: ModelInput, *, host: str = LOCAL, port: int = 8000, ready: Callable[[], None] = lambda: None,
    **settings: Unpack[ServeOptions],
) -> None:  # fmt: skip
    """Serve a bundle from the main thread until Ctrl-C or SIGTERM, as `pupila serve` does.

    Args:
        bundle: a bundle or a run, or its folder.
        host: to listen on; 0.0.0.0 accepts other machines, and needs tokens, or open=True.
        port: to listen on; 0 picks a free one.
        ready: called once the bundle is loaded and the port accepts connections.
        settings: limits, queue, threads, tokens and logs.

    Raises:
        PupilaError: the bundle is invalid, or the host or port can't be listened on.
    """
    serve_announced(bundle, host, port, lambda *_: ready(), settings)


def serve_announced(
    bundle: ModelInput, host: str, port: int, ready: Callable[[str, int], None], settings: Mapping[str, Any]
) -> None:
    """`serve_forever`, which tells the scheme (http or https) and the port that it listens on.

    Raises:
        PupilaError: as `serve_forever`.
    """
    from pupila.artifacts.web.run import run

    with _prepare(bundle, host, settings) as prepared:
        announce = partial(ready, prepared.gate.scheme)
        run(prepared.app, host, port, announce, prepared.limits, prepared.gate.certificate)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A service before it listens."""

    app: "App"
    gate: "Gate"
    limits: "ConnectionLimits"
    folder: str


@contextmanager
def _prepare(bundle: ModelInput, host: str, settings: Mapping[str, Any]) -> Iterator[_Prepared]:
    """The service, whose logs end where it can't be started.

    Raises:
        PupilaError: as `serve`.
    """
    from pupila.artifacts.run.source import parse_predicting
    from pupila.stages.serve.app import make_service
    from pupila.stages.serve.exposure import open_gate
    from pupila.stages.serve.settings import ServeSettings

    parsed = ServeSettings.parse(dict(settings), "serve")
    gate = open_gate(parsed, host)
    try:
        source = parse_predicting(bundle)
        app = make_service(source.bundle, parsed, _find_followed(bundle, source), gate)
        yield _Prepared(app, gate, parsed.connection_limits(), source.path)
    except BaseException:
        gate.logs.close()
        raise


def _find_followed(bundle: ModelInput, source: "PredictingSource") -> "Followed | None":
    """What the service follows, if the bundle was named by an alias or by the address of a store."""
    from pupila.artifacts.registry.names import is_reference, parse_reference
    from pupila.artifacts.registry.watch import find_watch
    from pupila.stages.serve.app import Followed

    if (watch := find_watch(bundle, source.bundle.folder)) is None:
        return None
    number = int(parse_reference(source.path).selector) if is_reference(source.path) else None
    return Followed(watch, number)
