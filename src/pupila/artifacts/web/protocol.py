"""One connection: uvicorn's protocol, with limits on what a client may send and on how long it may take."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, ClassVar

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from pupila.artifacts.web import connection_refusals
from pupila.artifacts.web.limits import ConnectionLimits
from pupila.artifacts.web.observing import REFUSED_BEFORE, Listener, RequestRecord, find_address
from pupila.artifacts.web.refusals import Refusal, new_request_id, to_response

_STEP = 1.0  # seconds between two looks at a connection, at most
_FRAMING = 8  # bytes of framing that each byte of a chunked body may have: one-byte chunks have five
_FRESH, _IDLE, _HEAD, _BODY = (
    "fresh",
    "idle",
    "head",
    "body",
)  # before the first byte; between, within requests
_UPGRADING = (b"upgrade", b"http2-settings")


class _Transport:
    """A transport that drops what is sent once it closes.

    uvloop's raises then, until the protocol hears of the end: a client's reset would fail the request.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport, self._ended = transport, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send the data, where this side of the connection is open."""
        if not self._ended and not self._transport.is_closing():
            self._transport.write(data)

    def write_eof(self) -> None:
        """End what is sent, where the connection is open."""
        if not self._transport.is_closing():
            self._ended = True
            self._transport.write_eof()

    def pause_reading(self) -> None:
        """Read no more for now, where the connection is open."""
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on, where the connection is open."""
        if not self._transport.is_closing():
            self._transport.resume_reading()


class BoundedProtocol(HttpToolsProtocol):
    """A connection that ends with a refusal where the client sends too much, too slowly or no HTTP."""

    limits = ConnectionLimits()
    listeners: Sequence[Listener] = ()  # of the records of refused requests
    lingering: ClassVar[
        dict["BoundedProtocol", None]
    ] = {}  # refused above the limit of connections, oldest first

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client connected: it must send a request's headers in time."""
        super().connection_made(_Transport(transport))  # type: ignore[arg-type]
        self.phase = _FRESH
        self.refused = False
        self._fault: Refusal | None = None  # raised in a callback of the parser, which hides it
        self._upgrading = self._ended = False
        self._head = self._count = self._fed = self._body = self._dropped = 0
        self._started = self._last = self.loop.time()
        self._unread_since = self._closing_since = 0.0
        self._step = min(_STEP, self.limits.idle_seconds / 4, self.limits.head_seconds / 4)
        self._timer = self.loop.call_later(self._step, self._watch)
        if len(self.connections) > self.limits.connections:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection ended."""
        self._timer.cancel()
        self.lingering.pop(self, None)
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client sends no more: it still gets the response to a complete request."""
        cycle = self.cycle
        if self.phase is not _IDLE or self.pipeline or cycle is None or cycle.response_complete:
            return False
        cycle.keep_alive = False
        return self.transport.can_write_eof()  # not with TLS

    def pause_writing(self) -> None:
        """The client does not read its response."""
        self._unread_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """It does again."""
        self._unread_since = 0.0
        super().resume_writing()

    # What the client sends

    def data_received(self, data: bytes) -> None:
        """Parse what arrived, and refuse what is too much."""
        if self.refused:
            self._drop(len(data))
            return
        self._unset_keepalive_if_required()
        self._last = self.loop.time()
        if self.phase in (_FRESH, _IDLE):
            self.phase, self._started = _HEAD, self._last
        self._ended = False
        self._feed(data)
        self._count_framing(len(data))

    def _count_framing(self, size: int) -> None:
        """Refuse a request most of which is no body, such as endless chunk extensions."""
        if self._ended:  # what follows the end of a request in the same data is not counted
            self._fed = self._body = 0
            return
        self._fed += size
        if not self.refused and self._fed - self._body > self.limits.head_bytes + _FRAMING * self._body:
            self.refuse(self._too_large(self._fed - self._body))

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgrading = False
            self._restart(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self.refuse(self._fault or connection_refusals.invalid_http())

    def _restart(self, rest: bytes) -> None:
        """Read a request again without its upgrade to another protocol, as none is offered, which clients accept."""
        method, headers = self.parser.get_method(), self.headers
        lines = []
        for name, value in headers:
            if name == b"connection":
                value = b", ".join(
                    token for token in value.split(b",") if token.strip().lower() not in _UPGRADING
                )
            if name not in _UPGRADING and (name != b"connection" or value):
                lines.append(b"%s: %s\r\n" % (name, value))
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
        self._feed(b"%s %s HTTP/1.1\r\n%s\r\n%s" % (method, self.url, b"".join(lines), rest))

    # Callbacks of the parser; an error ends the parsing

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self.phase, self._started = _HEAD, self._last
        self._head = self._count = 0

    def on_url(self, url: bytes) -> None:
        """A part of the address."""
        super().on_url(url)
        self._head += len(url)
        if len(self.url) > self.limits.target_bytes:
            self._fail(connection_refusals.long_address(len(self.url), self.limits))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer: those are counted and not used."""
        self._count += 1
        self._head += len(name) + len(value) + 4
        if self._count > self.limits.headers:
            self._fail(connection_refusals.many_headers(self.limits))
        if self._head > self.limits.head_bytes:
            self._fail(self._too_large(self._head))
        if self.phase is _HEAD:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The request is passed on; its body follows."""
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":
                self._fail(connection_refusals.no_tunnel())
            self._upgrading = True
            return
        if len(self.pipeline) >= self.limits.pipelined:
            self._fail(connection_refusals.many_pipelined(self.limits))
        super().on_headers_complete()
        self.phase = _BODY

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is complete."""
        if self._upgrading:
            return
        self.phase, self._ended = _IDLE, True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The response is sent; uvicorn's time for idle connections starts only where no request has begun."""
        super().on_response_complete()
        if self.phase is _HEAD:
            self._unset_keepalive_if_required()

    def _fail(self, refusal: Refusal) -> None:
        """End the parsing of this data.

        Raises:
            ValueError: always; the parser reports it as its own error.
        """
        self._fault = refusal
        raise ValueError(refusal.detail)

    def _too_large(self, size: int) -> Refusal:
        kind = connection_refusals.large_framing if self.phase is _BODY else connection_refusals.large_headers
        return kind(size, self.limits)

    # How a client is refused

    def refuse(self, refusal: Refusal) -> None:
        """Answer, where no response has begun, and end the connection once the client had time to read it."""
        self.refused = True
        self._unset_keepalive_if_required()
        cycle = self.cycle
        if self._has_response():
            self.transport.close()
            return
        if cycle is not None and not cycle.response_complete:
            if self.pipeline or cycle.response_started:
                self.transport.abort()
                return
            if self.phase is not _BODY:  # an earlier request: it still gets its response
                cycle.keep_alive = False
                return
            self._stop_request()
        self._end_with(refusal)

    def _stop_request(self) -> None:
        """Tell the app, which waits for the rest of this request, that none will come."""
        self.cycle.scope.setdefault("state", {})[REFUSED_BEFORE] = True
        self.cycle.disconnected = True
        self.cycle.message_event.set()

    def _end_with(self, refusal: Refusal) -> None:
        """Answer, and end this side of the connection only.

        Closing both sides while the client still sends would reset the connection: the client's own writing fails
        then, and the answer is lost. So what it sends is read and dropped, for a while and up to a limit.
        """
        self.flow.resume_reading()
        self._closing_since = self.loop.time()
        self._write(refusal)
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _drop(self, size: int) -> None:
        """Count what a refused client still sends, and reset the connection of one that does not stop."""
        self._dropped += size
        if self._dropped > self.limits.linger_bytes:
            self.transport.abort()

    def _write(self, refusal: Refusal) -> None:
        """Write the response past the app, which does not know of this request."""
        number = new_request_id()
        response = to_response(refusal, number)
        headers = [*self.server_state.default_headers, *response.raw_headers, (b"connection", b"close")]
        lines = [b"%s: %s\r\n" % header for header in headers]
        self.transport.write(
            b"".join([STATUS_LINE[refusal.status_code], *lines, b"\r\n", bytes(response.body)])
        )
        taken = self.loop.time() - self._started
        record = RequestRecord(
            time.time() - taken, number, find_address({"client": self.client}), "", "", "", refusal.status_code, taken,
            self._body, len(response.body), refusal.reason,
        )  # fmt: skip
        for listener in self.listeners:
            listener(record)

    def _make_room(self) -> None:
        """Above the limit of connections: close the one that is slowest to send its request, or else this one."""
        now = self.loop.time()
        everyone: set[Any] = self.connections
        others = [other for other in everyone if other is not self and other.is_expendable(now)]
        slowest: BoundedProtocol = min(others, key=lambda other: other.order(), default=self)
        self.connections.discard(slowest)
        if slowest.refused:  # it has its response, and only lingers
            slowest.transport.abort()
            return
        slowest.refused = True
        if slowest is self or (slowest.phase in (_HEAD, _BODY) and not slowest._has_response()):
            slowest._linger()
        else:
            slowest.transport.close()

    def _linger(self) -> None:
        """Refuse this connection beside the ones that count, as one of a limited number."""
        while len(self.lingering) >= self.limits.lingering:
            oldest = next(iter(self.lingering))
            del self.lingering[oldest]
            oldest.transport.abort()
        self.lingering[self] = None
        if self.phase is _BODY:
            self._stop_request()
        self._end_with(connection_refusals.many_connections(self.limits))

    def is_expendable(self, now: float) -> bool:
        """Whether no response is lost if this connection ends: the client has sent nothing, or is slow to send all."""
        if self.refused:
            return self._closing_since > 0
        if self.phase is _BODY:
            return self._is_slow_body(now)
        complete = self.cycle is None or self.cycle.response_complete
        return complete and now - self._last >= self.limits.fresh_seconds

    def _is_slow_body(self, now: float) -> bool:
        """Whether a body arrives below the average that it must reach in the end, and no response is being sent."""
        taken = now - self._started
        late = taken >= self.limits.fresh_seconds and self._body < taken * self.limits.bytes_per_second
        silent = not self.cycle.response_started or self.cycle.response_complete
        return late and silent and not self.pipeline and not self.flow.read_paused

    def _has_response(self) -> bool:
        """Whether the request whose body arrives has had its response."""
        return self.phase is _BODY and self.cycle.response_complete

    def order(self) -> tuple[bool, bool, float]:
        """The order in which they are closed for others: refused ones, slow requests by age, idle ones."""
        return not self.refused, self.phase not in (_HEAD, _BODY), self._started

    # How long a client takes

    def _watch(self) -> None:
        """Look at the connection once a step."""
        now = self.loop.time()
        self._timer = self.loop.call_later(self._step, self._watch)
        if self._unread_since:
            if now - self._unread_since > self.limits.idle_seconds:
                self.transport.abort()
        elif self.refused or self.transport.is_closing():
            self._closing_since = self._closing_since or now
            waits = self.limits.linger_seconds if self.refused else self.limits.idle_seconds
            busy = self.cycle is not None and not self.cycle.response_complete and not self.cycle.disconnected
            if now - self._closing_since > waits and not busy:
                self.transport.abort()
        elif self.flow.read_paused:  # the server's time
            self._last, self._started = now, self._started + self._step
        elif self._is_slow(now):
            self._give_up()

    def _is_slow(self, now: float) -> bool:
        taken, limits = now - self._started, self.limits
        if self.phase in (_FRESH, _HEAD):
            return taken > limits.head_seconds
        return self.phase is _BODY and (
            now - self._last > limits.idle_seconds
            or taken > limits.request_seconds
            or taken > limits.idle_seconds + self._body / limits.bytes_per_second
        )

    def _give_up(self) -> None:
        """End a connection whose request did not come in time; who sent nothing at all gets no response."""
        if self._has_response() or self.phase is _FRESH:
            self.transport.close()
            return
        self.refuse(connection_refusals.too_slow())


def bound_protocol(limits: ConnectionLimits, listeners: Sequence[Listener] = ()) -> type[BoundedProtocol]:
    """The protocol with these limits; uvicorn takes a class."""
    fields = {"limits": limits, "listeners": listeners, "lingering": {}}
    return type("LimitedProtocol", (BoundedProtocol,), fields)
