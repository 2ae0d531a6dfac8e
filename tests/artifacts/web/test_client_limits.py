"""What a client bounds and hides of what a service sends, and what its errors advise: no service is trusted."""

import gzip
import ssl
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from pupila.artifacts.web.client import _translate_faults
from pupila.artifacts.web.client_errors import Reply, ServiceError, ServiceUnreachable, describe_misfit
from pupila.artifacts.web.client_flow import NoReply, exchange
from pupila.core.secrets import Secret
from tests.artifacts.web.scripted import CLOSE, response, run_scripted
from tests.artifacts.web.test_client import REQUEST, TOKEN, Run, drive, run_async, run_sync, service


@pytest.fixture(params=[run_sync, run_async])
def run(request: pytest.FixtureRequest) -> Run:
    runner: Run = request.param
    return runner


def test_a_pause_that_the_deadline_does_not_leave_is_named_with_a_deadline_that_does() -> None:
    busy = Reply(429, {"retry-after": "60"}, b'{"error": "Too many requests", "actual": "9 a minute"}')
    fault, waits = drive([busy], deadline=60.0)
    assert str(fault) == (
        "Too many requests: found 9 a minute; a pause of 60 s that the service asks for and that the deadline of "
        "60 s does not leave.\n  Try: deadline=121\n  HTTP 429"
    )
    assert (waits, fault.status) == ([], 429)
    fault, waits = drive([busy, busy, Reply(200, {}, b"")], deadline=200)
    assert (type(fault), len(waits)) == (Reply, 2)
    assert "pause" not in str(drive([busy], retries=0)[0])  # the retries are the limit
    assert "pause" not in str(drive([Reply(429, {}, b"")], deadline=0.01)[0])  # the service asks for none
    fault, _ = drive([Reply(429, {"retry-after": "9" * 400}, b"")])
    assert fault.remedy == "deadline=inf"


def endless(encoding: str = "") -> Iterator[bytes]:
    head = f"Content-Encoding: {encoding}\r\n" if encoding else ""
    yield f"HTTP/1.1 200 OK\r\n{head}Content-Length: 99999999999\r\n\r\n".encode()
    while True:
        yield gzip.compress(b"x" * 100_000) if encoding else b"x" * 10_000


@pytest.mark.parametrize(
    "body", [endless, lambda: response(200, gzip.compress(b"x" * 90_000), Content_Encoding="gzip")]
)
def test_a_body_above_the_limit_is_an_error(run: Run, body: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pupila.artifacts.web.client.MOST_BYTES", 50_000)
    with run_scripted(body()) as server:
        known = service(server.url)
        with pytest.raises(ServiceError, match=r"can't be read: found more than 50,000 bytes"):
            run(exchange(REQUEST, known), known)


def test_a_compressed_body_is_read_and_a_stacked_one_is_not(run: Run) -> None:
    twice = gzip.compress(gzip.compress(b"x"))
    with run_scripted(
        response(200, gzip.compress(b"x" * 9000), Content_Encoding="gzip"),
        response(200, twice, Content_Encoding="gzip, gzip"),
    ) as server:
        known = service(server.url)
        assert run(exchange(REQUEST, known), known).body == b"x" * 9000
        with pytest.raises(ServiceError, match="found the encoding gzip, gzip"):
            run(exchange(REQUEST, known), known)
    assert b"accept-encoding: gzip, deflate\r\n" in server.requests[0][1].lower()


def test_a_request_id_is_escaped_and_never_the_token() -> None:
    reply = Reply(200, {"x-request-id": f"\x1b[31m{TOKEN}"}, b"")
    misfit = describe_misfit(reply, f"{TOKEN} \x1b", Secret("PUPILA_TOKEN", value=TOKEN))
    refusal, _ = drive([Reply(400, reply.headers, b"{}")])
    assert misfit.request_id == refusal.request_id == "\\u001b[31m***"
    for fault in (misfit, refusal):
        assert TOKEN not in f"{fault} {fault.args}"
        assert "\x1b" not in f"{fault} {fault.actual}"
    fault, _ = drive([Reply(400, {}, f'{{"type": "urn:{TOKEN}"}}'.encode())])
    assert fault.reason == "***"


def test_an_unknown_certificate_and_encryption_have_their_remedies(run: Run) -> None:
    with pytest.raises(NoReply) as fault, _translate_faults([], service()):
        raise httpx.ConnectError("CERTIFICATE_VERIFY_FAILED") from ssl.SSLCertVerificationError("self-signed")
    unreachable, _ = drive([fault.value])
    assert unreachable.remedy == "name the certificate's file in SSL_CERT_FILE"
    with run_scripted(CLOSE) as server:
        known = service(server.url)
        with pytest.raises(ServiceUnreachable, match=r"disconnected(?s:.*)Try: start it .*https://"):
            run(exchange(REQUEST, known), known)


def test_the_deadline_stands_in_the_error_as_given(run: Run) -> None:
    with run_scripted(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx") as server:
        known = service(server.url, deadline=0.125)
        with pytest.raises(ServiceUnreachable, match=r"no response within 0\.125 s"):
            run(exchange(REQUEST, known), known)
