"""What one connection may send, and for how long: bytes on real sockets, and other clients are served meanwhile."""

import asyncio
import contextlib
import select
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from pupila.artifacts.web.connection_refusals import too_slow
from pupila.artifacts.web.limits import ConnectionLimits
from pupila.artifacts.web.protocol import bound_protocol
from tests.artifacts.web.clients import (
    CHUNKED,
    HEALTH,
    POST,
    ask,
    connect,
    form,
    read_response,
    serving,
    small_app,
)

FILE = ('name="file"; filename="a.png"', b"12345")
CLOSING = HEALTH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
SOCKET = b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
LARGE = [b"a" * 65_536] * 4


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(small_app()) as port:
        yield port


@pytest.mark.parametrize(
    ("pieces", "status"),
    [
        ([HEALTH[:-2] + b"A: ", *LARGE], 431),
        ([HEALTH[:-2], b"a: b\r\n" * 1000], 431),
        ([HEALTH[:-2], b"a" * 70_000 + b": b\r\n\r\n"], 431),
        ([b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n"], 414),
        ([b"\r\n" * 200_000], 431),
        ([CHUNKED + b"5;", *LARGE], 400),
        ([CHUNKED + b"5;a\r\n--m\r\n\r\n0\r\nA: ", *LARGE], 400),
        ([CHUNKED + b"5\r\n--m\r\n\r\n0\r\n", b"a: b\r\n" * 1000], 431),
        ([CHUNKED + b"zz\r\n12345\r\n"], 400),
        ([POST + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG"], 400),
        ([POST + b"Content-Length: 6\r\nContent-Length: 7\r\n\r\n123456"], 400),
        ([POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"], 400),
        ([POST + b"Content-Length : 6\r\n\r\n123456"], 400),
        ([POST + b"Content-Length: 99999999999999999999999\r\n\r\n"], 400),
        ([b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"], 405),
        ([b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"], 400),
        ([b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"], 400),
    ],
    ids=[
        "long header", "many headers", "long name", "long address", "empty lines", "long extension",
        "long trailer", "many trailers", "no chunk", "two lengths", "unlike lengths", "unknown encoding",
        "space before colon", "huge length", "tunnel", "HTTP/2", "TLS",
    ],
)  # fmt: skip
def test_what_is_too_much_or_no_request_is_refused_and_others_are_served(
    port: int, pieces: list[bytes], status: int
) -> None:
    attacker = connect(port, *pieces)
    assert ask(port, CLOSING)[0] == 200
    got, response = read_response(attacker)
    assert got == status
    assert b'"request_id":"' in response and b"connection: close" in response


def test_the_largest_allowed_head_and_tiny_chunks_pass(port: int) -> None:
    head = CLOSING[:-2] + b"".join(b"A%d: %s\r\n" % (n, b"a" * 600) for n in range(98)) + b"\r\n"
    assert ask(port, head)[0] == 200
    body = form(FILE).partition(b"\r\n\r\n")[2]
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body * 1)
    assert (
        ask(port, CHUNKED[:-2] + b"Connection: close\r\n\r\n" + chunks + b"0\r\nX-Late: 1\r\n\r\n")[0] == 200
    )


def test_trailers_do_not_become_headers(port: int) -> None:
    body = form(FILE).partition(b"\r\n\r\n")[2]
    late = b"%x\r\n%s\r\n0\r\nX-Request-ID: late\r\n\r\n" % (len(body), body)
    status, response = ask(port, CHUNKED[:-2] + b"Connection: close\r\n\r\n" + late)
    assert (
        status == 200
        and b"late" not in response
        and b"x-request-id" not in response.partition(b"\r\n\r\n")[2]
    )


@pytest.mark.parametrize(
    "upgrade",
    [
        b"Connection: Upgrade\r\n" + SOCKET,
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n",
        b"Connection: keep-alive, Upgrade\r\nUpgrade: nothing\r\n",
    ],
    ids=["websocket", "h2c", "unknown"],
)
def test_an_upgrade_that_is_not_offered_is_ignored_with_its_body_read(port: int, upgrade: bytes) -> None:
    status, response = ask(port, POST + upgrade + form(FILE))
    assert status == 200 and b'"size":5' in response
    assert ask(port, CLOSING[:-2] + upgrade + b"\r\n")[0] == 200
    pieces = [bytes([byte]) for byte in POST + upgrade + form(FILE)]
    assert ask(port, *pieces)[1].partition(b"\r\n\r\n")[2].startswith(b'{"size":5')


def test_an_expectation_without_a_body_is_answered(port: int) -> None:
    status, response = ask(port, POST + b"Expect: 100-continue\r\nConnection: close\r\n\r\n")
    assert b"HTTP/1.1 422" in response and status in (100, 422)


def test_a_few_pipelined_requests_are_answered_in_order_and_many_end_the_connection(port: int) -> None:
    few = ask(port, HEALTH * 20 + POST + form(FILE))[1]
    assert few.count(b"HTTP/1.1 200") == 21 and few.rfind(b'"size":5') > few.rfind(b'"headers":[') - 200
    many = ask(port, HEALTH * 5000, CLOSING)[1]
    assert many.count(b"HTTP/1.1 200") < 5000


SOON = ConnectionLimits(head_seconds=0.2, idle_seconds=0.2, linger_seconds=0.2)


@pytest.mark.parametrize(
    ("pieces", "status"),
    [
        ([], 0),
        ([b"GET /hea"], 408),
        ([HEALTH, b"GET /hea"], 200),  # and then 408
        ([CHUNKED.replace(b"Transfer-Encoding: chunked", b"Content-Length: 100") + b"--m\r\n"], 408),
        ([POST + b"Content-Type: text/plain\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"], 415),
        ([CHUNKED + b"5\r\n--m\r\n\r\n"], 408),
    ],
    ids=["nothing", "half a line", "half a second request", "half a body", "no image", "half a chunk"],
)
def test_a_request_that_never_ends_is_closed(pieces: list[bytes], status: int) -> None:
    with serving(small_app(), SOON) as port:
        attackers = [connect(port, *pieces) for _ in range(8)]
        assert ask(port, CLOSING)[0] == 200
        for attacker in attackers:
            got, response = read_response(attacker)
            assert got == status
            assert response.endswith(b"}") or not response
            assert (b"HTTP/1.1 408" in response) == (status == 408 or pieces[:1] == [HEALTH])


def test_above_the_limit_slow_clients_make_room_for_others() -> None:
    limits = ConnectionLimits(connections=4, fresh_seconds=0.0)
    with serving(small_app(), limits) as port:
        attackers = [connect(port, b"GET /hea") for _ in range(16)]
        assert ask(port, CLOSING)[0] == 200
        assert read_response(attackers[0])[0] in (0, 503)
        for attacker in attackers[1:]:
            attacker.close()


SLOW = POST + b"Content-Type: multipart/form-data; boundary=m\r\nExpect: 100-continue\r\n"


@pytest.mark.parametrize("framing", [b"Content-Length: 100000", b"Transfer-Encoding: chunked"])
def test_fast_clients_are_served_while_sixty_four_send_their_bodies_slowly(
    framing: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    limits = ConnectionLimits(connections=64, fresh_seconds=0.0)
    with serving(small_app(), limits) as port:
        attackers = [connect(port, SLOW + framing + b"\r\n\r\n") for _ in range(64)]
        for attacker in attackers:
            assert attacker.recv(100).startswith(b"HTTP/1.1 100")  # all are in their bodies now
            attacker.sendall(b"1\r\n-\r\n" if framing.endswith(b"chunked") else b"-")
        fast = [connect(port) for _ in range(8)]
        for client in fast:
            client.sendall(POST + form(FILE))
        assert [read_response(client)[0] for client in fast] == [200] * 8
        closed, _, _ = select.select(attackers, [], [], 0)
        assert {read_response(attacker)[0] for attacker in closed} == {503}
        assert len(closed) <= len(fast)  # no more made room than had to
        for attacker in attackers:
            attacker.close()
    assert not caplog.text


def test_a_body_that_arrives_fast_enough_is_not_closed_for_another() -> None:
    for size, status in ((5000, b""), (3000, b"503")):
        protocol, loop, transport = connection(connections=1, fresh_seconds=1.0)
        protocol.data_received(POST + b"Content-Length: 10000000\r\n\r\n" + b"a" * size)
        loop.now = 1.0
        other = type(protocol)(protocol.config, ServerState(), {}, loop)
        other.connections = protocol.connections
        other.connection_made(Transport())
        assert (transport.sent[9:12], other.transport.sent[9:12]) == (status, b"" if status else b"503")


def test_refused_clients_that_linger_make_room_first() -> None:
    limits = ConnectionLimits(connections=3, linger_seconds=60.0)
    with serving(small_app(), limits) as port:
        attackers = []
        for _ in range(12):
            attackers.append(connect(port, b"no HTTP\r\n\r\n"))
            assert attackers[-1].recv(12) == b"HTTP/1.1 400"
        assert ask(port, CLOSING)[0] == 200
        for attacker in attackers:
            attacker.close()


def test_where_all_connections_are_busy_a_new_one_gets_a_time_to_come_back() -> None:
    with serving(small_app(), ConnectionLimits(connections=2, fresh_seconds=60.0)) as port:
        others = [connect(port, b"GET /hea") for _ in range(2)]
        status, response = read_response(connect(port))
        assert status == 503 and b"retry-after: 1\r\n" in response
        for other in others:
            other.close()


def test_a_client_that_still_sends_reads_the_whole_refusal() -> None:
    limits = ConnectionLimits(connections=2, fresh_seconds=60.0)
    with serving(small_app(), limits) as port:
        others = [connect(port, b"GET /hea") for _ in range(2)]
        client = connect(port)
        select.select([client], [], [])  # the refusal is there before the request
        client.sendall(POST + b"Content-Length: 4000000\r\n\r\n")
        for _ in range(40):
            client.sendall(b"a" * 100_000)  # fails where the server has closed both sides
        status, response = read_response(client)
        assert status == 503 and response.endswith(b"}")
        for other in others:
            other.close()


class Loop:
    """The loop's clock and timers, which the test sets."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[tuple[float, Any]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, call: Any) -> Any:
        self.timers.append((self.now + seconds, call))
        return type("Timer", (), {"cancel": lambda _: None})()

    def create_task(self, coroutine: Any, **_: Any) -> Any:
        coroutine.close()
        return type("Task", (), {"add_done_callback": lambda *_: None})()

    def advance(self, seconds: float) -> None:
        self.now += seconds
        due, self.timers = self.timers, []
        for _, call in due:
            call()


class Transport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.sent, self.ended = b"", ""

    def write(self, data: Any) -> None:
        assert not self.ended  # uvloop raises
        self.sent += data

    def is_closing(self) -> bool:
        return bool(self.ended)

    def close(self) -> None:
        self.ended = "closed"

    def abort(self) -> None:
        self.ended = "aborted"

    def can_write_eof(self) -> bool:
        return False

    def pause_reading(self) -> None:
        assert not self.ended

    def resume_reading(self) -> None:
        assert not self.ended


def connection(**limits: Any) -> tuple[Any, Loop, Transport]:
    loop, transport = Loop(), Transport()
    config = uvicorn.Config(small_app(), ws="none", log_level="warning", access_log=False)
    config.load()
    protocol: Any = bound_protocol(ConnectionLimits(**limits))(config, ServerState(), {}, loop)  # type: ignore[arg-type]
    protocol.connection_made(transport)
    return protocol, loop, transport


def test_a_slow_body_is_measured_by_its_average_and_by_the_whole_time() -> None:
    head = POST + b"Content-Length: 10000000\r\n\r\n"
    for rate, seconds, status in ((5000, 90, b""), (3000, 90, b"408"), (5000, 700, b"408")):
        protocol, loop, transport = connection()
        protocol.data_received(head)
        for _ in range(seconds):
            if transport.sent:
                break
            loop.advance(1.0)
            protocol.cycle.body.clear()
            protocol.flow.read_paused = False
            protocol.data_received(b"a" * rate)
        assert transport.sent[9:12] == status


def test_a_pause_of_the_server_is_not_the_clients() -> None:
    protocol, loop, transport = connection()
    protocol.data_received(POST + b"Content-Length: 10000000\r\n\r\n" + b"a" * 70_000)
    assert protocol.flow.read_paused
    for _ in range(900):
        loop.advance(1.0)
    assert not transport.sent
    protocol.flow.resume_reading()
    for _ in range(25):
        loop.advance(1.0)
    assert transport.sent[9:12] == b"408"


def above_the_limit(first: Any, loop: Loop) -> tuple[Any, Any]:
    """One more connection than the limit of the first one allows, and its transport."""
    other, transport = type(first)(first.config, ServerState(), {}, loop), Transport()
    other.connections = first.connections
    other.connection_made(transport)
    return other, transport


def test_a_refused_client_is_read_for_a_limited_time_and_up_to_a_limit_of_bytes() -> None:
    first, loop, _ = connection(connections=1, fresh_seconds=60.0, linger_bytes=1000)
    loop.advance(1.0)
    slow, waiting = above_the_limit(first, loop)
    assert waiting.sent[9:12] == b"503" and not waiting.ended
    for _ in range(2):
        slow.data_received(b"a" * 500)
        loop.advance(1.0)
    assert not waiting.ended
    loop.advance(1.0)
    assert waiting.ended == "aborted"
    fast, flooded = above_the_limit(first, loop)
    fast.data_received(b"a" * 1000)
    assert not flooded.ended
    fast.data_received(b"a")
    assert flooded.ended == "aborted"
    assert first.connections == {first}  # neither counts


def test_of_many_refused_clients_the_oldest_ones_are_reset_and_connections_beyond_the_limit_stay_few() -> (
    None
):
    first, loop, _ = connection(connections=1, fresh_seconds=60.0, lingering=3)
    refused = [above_the_limit(first, loop) for _ in range(8)]
    assert [transport.ended for _, transport in refused] == ["aborted"] * 5 + [""] * 3
    assert len(first.lingering) == 3
    for protocol, _ in refused:
        protocol.connection_lost(None)
    assert not first.lingering


def test_a_response_after_the_clients_reset_is_dropped() -> None:
    protocol, _, transport = connection()
    protocol.data_received(POST + b"Content-Length: 100000\r\n\r\n" + b"a" * 70_000)
    transport.ended = "by the client"  # the protocol has not heard of it yet
    protocol.cycle.message_event.set()
    asyncio.run(protocol.cycle.receive())
    asyncio.run(protocol.cycle.send({"type": "http.response.start", "status": 200, "headers": []}))
    protocol.refuse(too_slow())
    assert not transport.sent


def test_a_response_that_nobody_reads_ends_the_connection() -> None:
    protocol, loop, transport = connection()
    protocol.pause_writing()
    for _ in range(15):
        loop.advance(1.0)
    assert not transport.is_closing()
    protocol.resume_writing()
    protocol.pause_writing()
    for _ in range(15):
        loop.advance(1.0)
    assert not transport.is_closing()
    for _ in range(10):
        loop.advance(1.0)
    assert transport.ended == "aborted"


@pytest.mark.parametrize("wait", [0.0, 0.05])
def test_who_sends_no_more_gets_the_response_to_a_complete_request(port: int, wait: float) -> None:
    request = POST + form(FILE).replace(b"Connection: close\r\n", b"")
    connection = connect(port, request)
    time.sleep(wait)  # so that the end comes with the request, or after it
    connection.shutdown(socket.SHUT_WR)
    status, response = read_response(connection)
    assert status == 200 and b'"size":5' in response


def test_who_sends_no_more_in_the_middle_of_a_request_is_disconnected(port: int) -> None:
    connection = connect(port, POST + b"Content-Length: 100\r\n\r\nhalf")
    connection.shutdown(socket.SHUT_WR)
    with contextlib.suppress(ConnectionResetError):
        assert connection.recv(100) == b""
    connection.close()


def test_a_refusal_while_the_app_waits_for_the_body_leaves_no_trace(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    head = CHUNKED.replace(b"Transfer", b"Expect: 100-continue\r\nTransfer")
    connection = connect(port, head)
    assert connection.recv(100).startswith(b"HTTP/1.1 100")
    connection.sendall(b"zz\r\n")
    assert read_response(connection)[0] == 400
    assert ask(port, CLOSING)[0] == 200
    assert not caplog.records
