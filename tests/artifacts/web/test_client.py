"""What a client sends, when it tries again, and what it raises: by hand as steps, and over real sockets."""

import asyncio
import json
import pickle
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from pupila.artifacts.web.client import AsyncSender, SyncSender, check_address
from pupila.artifacts.web.client_errors import Reply, ServiceError, ServiceUnreachable
from pupila.artifacts.web.client_flow import (
    HttpRequest,
    NoReply,
    NotSent,
    RetryPolicy,
    Send,
    Service,
    Together,
    Wait,
    Work,
    exchange,
)
from pupila.core.errors import PupilaError
from pupila.core.secrets import Secret
from tests.artifacts.web.scripted import CLOSE, response, run_scripted

TOKEN = "open-sesame"
REQUEST = HttpRequest("POST", "/predict/single", {"explain": "true"}, (("file", b"pixels"),))
BUSY = Reply(503, {"retry-after": "1"}, b'{"error": "Queue full", "request_id": "r1"}')


class Clock:
    """Time that only waiting passes."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def service(
    address: str = "http://x", retries: int = 4, deadline: float = 60.0, clock: Any = None
) -> Service:
    policy = RetryPolicy(retries, deadline, *[clock] if clock else [])
    return Service(address, Secret("PUPILA_TOKEN", value=TOKEN), policy)


def drive(outcomes: Sequence[Reply | Exception], **policy: Any) -> tuple[Any, list[float]]:
    """What `exchange` gives or raises for these outcomes of its requests, and how long it waits between them."""
    clock = Clock()
    flow = exchange(REQUEST, service(clock=clock, **policy))
    waits: list[float] = []
    left = iter(outcomes)
    value: Any = None
    try:
        step = next(flow)
        while True:
            if isinstance(step, Wait):
                waits.append(step.seconds)
                clock.now += step.seconds
                value = None
            else:
                value = next(left)
            step = flow.throw(value) if isinstance(value, Exception) else flow.send(value)
    except StopIteration as end:
        return end.value, waits
    except PupilaError as fault:
        return fault, waits


@pytest.fixture
def highest_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", lambda low, high: high)


@pytest.mark.usefixtures("highest_jitter")
def test_the_pauses_double_and_are_at_least_what_the_service_demands() -> None:
    success = Reply(200, {}, b"{}")
    assert drive([NotSent("refused")] * 4 + [success]) == (success, [0.5, 1, 2, 4])
    assert drive([BUSY, BUSY, success]) == (success, [1 + 0.5, 1 + 1])
    assert drive([Reply(429, {}, b""), success]) == (success, [0.5])
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    _, (pause,) = drive([Reply(429, {"retry-after": soon}, b""), success])
    assert 15 < pause <= 20.5


def test_jitter_takes_at_most_half_of_a_pause() -> None:
    pauses = [drive([NotSent("x"), Reply(200, {}, b"")])[1][0] for _ in range(50)]
    assert 0.25 <= min(pauses) < max(pauses) <= 0.5


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 413, 422, 500, 502, 504, 301])
def test_no_other_status_is_tried_again(status: int) -> None:
    fault, waits = drive([Reply(status, {}, b"")])
    assert (type(fault), fault.status, waits) == (ServiceError, status, [])


def test_a_request_that_may_have_been_taken_is_not_sent_again() -> None:
    fault, waits = drive([NoReply("timed out")])
    assert isinstance(fault, ServiceUnreachable)
    assert waits == []


@pytest.mark.usefixtures("highest_jitter")
def test_it_gives_up_after_the_retries_and_before_a_pause_that_ends_after_the_deadline() -> None:
    fault, waits = drive([BUSY] * 3, retries=2)
    assert (fault.problem, fault.status, fault.request_id, len(waits)) == ("Queue full", 503, "r1", 2)
    assert drive([BUSY], retries=0)[1] == []
    fault, waits = drive([BUSY] * 3, deadline=4.0)  # pauses of 1.5 and 2, then one of 3
    assert (fault.status, waits) == (503, [1.5, 2.0])
    hour = Reply(429, {"retry-after": "3600"}, b"")
    assert drive([hour])[1] == []


def test_each_try_has_the_time_that_is_left() -> None:
    clock = Clock()
    flow = exchange(REQUEST, service(clock=clock, deadline=10))
    first = next(flow)
    assert isinstance(first, Send)
    assert first.seconds == 10
    wait = flow.throw(NotSent("x"))
    assert isinstance(wait, Wait)
    clock.now += 3
    second = flow.send(None)
    assert isinstance(second, Send)
    assert second.seconds == 7


def test_an_error_has_the_words_of_the_service_and_never_the_token() -> None:
    body = {"error": "The file is large.", "actual": f"9 bytes for {TOKEN}", "expected": "at most 8",
            "remedy": "send less", "request_id": "abc", "type": "urn:pupila:problem:large-body"}  # fmt: skip
    fault, _ = drive([Reply(413, {}, json.dumps(body).encode())])
    assert str(fault) == (
        "The file is large: found 9 bytes for ***; expected at most 8.\n  Try: send less\n  HTTP 413, request abc"
    )
    again = pickle.loads(pickle.dumps(fault))
    assert (str(again), again.status, again.request_id, again.reason) == (
        str(fault),
        413,
        "abc",
        "large-body",
    )


def test_problem_details_and_pages_of_proxies_are_read_as_well() -> None:
    body = {"type": "about:blank", "title": "Forbidden", "status": 403, "detail": "no scope"}
    fault, _ = drive([Reply(403, {"x-request-id": "h"}, json.dumps(body).encode())])
    assert (fault.problem, fault.request_id) == ("Forbidden", "h")
    fault, _ = drive([Reply(502, {}, b"<html>Bad\n gateway</html>")])
    assert (fault.problem, fault.actual) == ("The service refused the request", "<html>Bad gateway</html>")
    fault, _ = drive([Reply(301, {"location": f"https://other/?t={TOKEN}"}, b"[" * 10_000)])
    assert fault.actual == "a redirection to https://other/?t=***"


def test_an_unreachable_service_says_where_and_what_to_do() -> None:
    fault, _ = drive([NotSent("Connection refused")], retries=0)
    assert str(fault).startswith("Can't reach the service at http://x: found Connection refused")
    assert "pupila serve BUNDLE" in str(fault)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("example.org:8000", "Not the address"), ("ftp://x", "Not the address"), ("http://", "Not the address"),
        ("http://x:99999", "Not the address"), ("http://[::1", "Not the address"), ("http://x/?a=1", "Not the address"),
        ("http://a b/", "Not the address"), ("http://ann:pass@x", r"user or a password in it: found http://\*\*\*@x"),
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(url: str, message: str) -> None:
    with pytest.raises(PupilaError, match=message) as fault:
        check_address(url, token=False)
    assert "pass@" not in str(fault.value)


def test_a_token_for_another_machine_without_encryption_is_a_warning() -> None:
    with pytest.warns(
        UserWarning, match=r"^The token is sent to example\.org without encryption.*use https\.$"
    ):
        check_address("http://example.org:8000", token=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for url in ("https://example.org", "http://127.0.0.1:1", "http://localhost", "http://[::1]:8000/"):
            assert check_address(url, token=True) == url.rstrip("/")
        check_address("http://example.org", token=False)


def run_sync(flow: Any, known: Service) -> Any:
    sender = SyncSender(known)
    try:
        return sender.run(flow)
    finally:
        sender.close()


def run_async(flow: Any, known: Service) -> Any:
    async def run() -> Any:
        sender = AsyncSender(known)
        try:
            return await sender.run(flow)
        finally:
            await sender.close()

    return asyncio.run(run())


Run = Callable[[Any, Service], Any]


def skip_waits(flow: Any) -> Any:
    """The flow without its pauses."""
    resume, value = flow.send, None
    while True:
        try:
            step = resume(value)
        except StopIteration as end:
            return end.value
        resume, value = flow.send, None
        if not isinstance(step, Wait):
            try:
                value = yield step
            except (NotSent, NoReply, PupilaError) as fault:
                resume, value = flow.throw, fault


@pytest.fixture(params=[run_sync, run_async])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a flow without waiting between tries."""
    return lambda flow, known: request.param(skip_waits(flow), known)


def test_a_busy_service_gets_the_same_request_again(run: Run) -> None:
    with run_scripted(response(503, Retry_After="1"), response(429), response(200, b"[1]")) as server:
        reply = run(exchange(REQUEST, service(server.url)), service(server.url))
    assert (reply.status, reply.body) == (200, b"[1]")
    heads = [head for _, head, _ in server.requests]
    assert len(heads) == 3
    for _, head, body in server.requests:
        assert head.startswith(b"POST /predict/single HTTP/1.1")
        assert f"Authorization: Bearer {TOKEN}".encode() in head
        assert b'name="file"; filename="image-0"' in body
        assert b"pixels" in body
        assert b'name="explain"' in body


def test_an_idle_connection_that_the_service_closed_is_opened_again(run: Run) -> None:
    def twice(known: Service) -> Any:
        yield from exchange(REQUEST, known)
        return (yield from exchange(REQUEST, known))

    with run_scripted(response(200), CLOSE, response(200, b"2")) as server:
        known = service(server.url)
        assert run(twice(known), known).body == b"2"
    assert server.connections == [0, 0, 1]


def test_a_new_connection_that_is_lost_is_an_error_and_not_sent_again(run: Run) -> None:
    with run_scripted(CLOSE, response(200)) as server:
        known = service(server.url)
        with pytest.raises(ServiceUnreachable, match="disconnected"):
            run(exchange(REQUEST, known), known)
    assert len(server.requests) == 1


def test_a_service_that_is_down_is_tried_again_and_named(run: Run) -> None:
    with run_scripted() as server:
        pass
    known = service(server.url, retries=2)
    with pytest.raises(ServiceUnreachable, match=f"at {server.url}: found"):
        run(exchange(REQUEST, known), known)


@pytest.mark.parametrize("host", ["a..b", "xn--", "a" * 300])
def test_a_name_that_no_host_can_have_is_an_error(run: Run, host: str) -> None:
    known = service(f"http://{host}", retries=0)
    with pytest.raises(ServiceUnreachable, match=f"at http://{host}"):
        run(exchange(REQUEST, known), known)


def test_a_service_that_does_not_respond_in_time_is_an_error(run: Run) -> None:
    with run_scripted(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx") as server:
        known = service(server.url, deadline=0.1)
        with pytest.raises(ServiceUnreachable, match="no response within"):
            run(exchange(REQUEST, known), known)


@pytest.mark.parametrize(
    "begin",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n"],
)
def test_a_service_that_trickles_has_no_more_time_than_the_deadline(run: Run, begin: bytes) -> None:
    over = threading.Event()

    def trickle() -> Iterator[bytes]:
        yield begin
        for _ in range(400):
            yield b"x"
            over.wait(0.01)
        yield b": y\r\n\r\n"

    with run_scripted(response(200), trickle()) as server:
        known = service(server.url, deadline=0.3)
        assert run(exchange(REQUEST, known), known).status == 200

        def twice() -> Any:  # the second on a connection that is open already
            yield from exchange(REQUEST, known)
            return (yield from exchange(REQUEST, known))

        server.responses.insert(0, response(200))
        with pytest.raises(ServiceUnreachable, match="no response within"):
            run(twice(), known)
        over.set()


def test_a_redirection_never_gets_the_token(run: Run) -> None:
    with run_scripted() as other, run_scripted(response(307, Location=other.url)) as server:
        known = service(server.url)
        with pytest.raises(ServiceError, match=f"a redirection to {other.url}"):
            run(exchange(REQUEST, known), known)
    assert not other.requests


def test_a_proxy_of_the_environment_never_gets_what_is_for_this_machine(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with run_scripted() as proxy, run_scripted(response(200)) as server:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        known = service(server.url)
        run(exchange(REQUEST, known), known)
    assert (len(proxy.requests), len(server.requests)) == (0, 1)


def test_flows_run_together_in_order_and_a_failure_ends_them(run: Run) -> None:
    begun: list[int] = []

    def flow(number: int) -> Any:
        yield Work(lambda: begun.append(number))
        if number == 1:
            raise PupilaError("stop")
        return 10 * number

    def together(numbers: list[int]) -> Any:
        return (yield Together([flow(number) for number in numbers], 1))

    assert run(together([3, 2, 5]), service()) == [30, 20, 50]
    begun.clear()
    with pytest.raises(PupilaError, match="stop"):
        run(together([0, 1, 2, 3, 4, 5]), service())
    assert begun[:2] == [0, 1]
    assert len(begun) < 6


def test_nothing_shows_the_token() -> None:
    known = service()
    sender = SyncSender(known)
    for shown in (known, sender, vars(sender)["_client"].headers, known.token):
        assert TOKEN not in repr(shown)
    sender.close()
