"""What stands before everything: each request gets an id and its route, and its end is reported to listeners."""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pupila.artifacts.web.refusals import new_request_id
from pupila.artifacts.web.scopes import Access, find_access

CLIENT_ID = "[A-Za-z0-9_.:+-]{1,64}"  # a client's own request id; another one is replaced
_DISCONNECTED = 499  # status of a request whose client left before the response began
REFUSED_BEFORE = "refused"  # state of a request that the connection has refused, and reported


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """A request at its end."""

    time: float  # seconds since 1970, of its beginning
    request_id: str
    address: str  # of the client
    token: str  # id; empty: none
    method: str
    route: str  # template of the path; empty: none has this path
    status: int
    seconds: float
    bytes_in: int  # of the body, as far as it was read
    bytes_out: int  # of the response's body
    reason: str  # of a refusal; empty: it was not refused


Listener = Callable[[RequestRecord], None]


@dataclass(frozen=True, slots=True)
class MatchedRoute:
    """The route of a request."""

    path: str  # its template; empty: none
    access: Access | None  # None: it does not say what it needs


class RequestObserver:
    """Gives every request its id and its route, adds headers to every response, and reports the end.

    Args:
        app: the application behind it.
        routes: of the application.
        listeners: called with the record of every request.
        headers: of every response, but those that a response has already.
    """

    def __init__(
        self, app: ASGIApp, routes: Sequence[BaseRoute], listeners: Sequence[Listener],
        headers: Sequence[tuple[str, str]],
    ) -> None:  # fmt: skip
        self.app, self.routes, self.listeners, self.headers = app, routes, listeners, headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI's call."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        state = scope.setdefault("state", {})
        state["id"] = given if re.fullmatch(CLIENT_ID, given) else new_request_id()
        state["route"] = find_route(self.routes, scope)
        observed = _Observed(state["id"], self.headers, receive, send)
        moment, start = time.time(), time.perf_counter()
        state["start"] = start
        try:
            await self.app(scope, observed.receive, observed.send)
        except BaseException:
            observed.status = observed.status or 500  # the server sends it
            raise
        finally:
            if REFUSED_BEFORE not in state:
                self._report(scope, observed, moment, time.perf_counter() - start)

    def _report(self, scope: Scope, observed: "_Observed", moment: float, seconds: float) -> None:
        state, sent = scope["state"], observed.status
        reason = state.get("reason", "") if sent else ""
        record = RequestRecord(
            moment, state["id"], find_address(scope), state.get("token", ""), scope["method"], state["route"].path,
            sent or _DISCONNECTED, seconds, observed.bytes_in, observed.bytes_out, reason,
        )  # fmt: skip
        for listener in self.listeners:
            listener(record)


class _Observed:
    """The messages of one request."""

    def __init__(
        self, request_id: str, headers: Sequence[tuple[str, str]], receive: Receive, send: Send
    ) -> None:
        self._id, self._headers, self._receive, self._send = request_id, headers, receive, send
        self.status = self.bytes_in = self.bytes_out = 0
        self._left = False  # whether the client did, before the response began

    async def receive(self) -> Message:
        """Count what the client sends."""
        message = await self._receive()
        self.bytes_in += len(message.get("body", b""))
        self._left = self._left or (message["type"] == "http.disconnect" and not self.status)
        return message

    async def send(self, message: Message) -> None:
        """Add the headers, and count what the client gets."""
        if self._left:
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["x-request-id"] = self._id
            for name, value in self._headers:
                headers.setdefault(name, value)
        else:
            self.bytes_out += len(message.get("body", b""))
        await self._send(message)


def find_route(routes: Sequence[BaseRoute], scope: Scope) -> MatchedRoute:
    """The route of the request; where none of its path has its method, the first one of its path."""
    as_get = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
    others = []
    for route in routes:
        match, _ = route.matches(as_get)
        if match is Match.FULL:
            return _describe(route)
        if match is Match.PARTIAL:
            others.append(route)
    return _describe(others[0]) if others else MatchedRoute("", None)


def _describe(route: BaseRoute) -> MatchedRoute:
    return MatchedRoute(getattr(route, "path", ""), find_access(getattr(route, "endpoint", None)))


def find_methods(routes: Sequence[BaseRoute], scope: Scope) -> str:
    """What the address of the request takes, as the header Allow lists it."""
    matching = [route for route in routes if route.matches(scope)[0] is not Match.NONE]
    methods = {"OPTIONS"}.union(*(getattr(route, "methods", None) or () for route in matching))
    return ", ".join(sorted(methods | {"HEAD"} if "GET" in methods else methods))


def find_address(scope: Any) -> str:
    """The client's address; empty where the socket has none."""
    client: Any = scope.get("client")
    return str(client[0]) if client else ""
