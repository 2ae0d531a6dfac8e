"""Requests that are refused before a route sees them, and forms, as a client sees them."""

import errno
import json
import logging
import os
import re
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import Any, get_args

import pytest
from starlette.formparsers import MultiPartParser

from pupila.artifacts.web.limits import BodyLimits
from pupila.artifacts.web.reasons import STATUS, TITLES, Reason, find_reason
from pupila.artifacts.web.refusals import RETRY_LATER, Refusal, to_response
from tests.artifacts.web.clients import (
    HEALTH,
    POST,
    PROBLEM_FIELDS,
    ask,
    connect,
    form,
    read_response,
    serving,
    small_app,
)

FILE = ('name="file"; filename="a.png"', b"12345")
FILES = ('name="files"; filename="a.png"', b"12345")
CLOSE = b"\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(small_app()) as port:
        yield port


def parsed(response: bytes) -> tuple[dict[str, str], dict[str, str]]:
    """Headers and body of a response."""
    head, _, body = response.partition(b"\r\n\r\n")
    lines = [line.split(": ", 1) for line in head.decode().split("\r\n")[1:]]
    return {name.lower(): value for name, value in lines}, json.loads(body) if body else {}


@pytest.mark.parametrize(("encoding", "status"), [("gzip", 415), ("gzip, gzip", 415), ("identity", 200)])
def test_a_compressed_request_is_refused(port: int, encoding: str, status: int) -> None:
    got, response = ask(port, POST + f"Content-Encoding: {encoding}\r\n".encode() + form(FILE))
    assert got == status
    assert (parsed(response)[0].get("accept-encoding") == "identity") == (status == 415)


@pytest.mark.parametrize(
    "charset", ["utf-7", "punycode", "unicode_escape", "undefined", "rot13", "x" * 300, "\xff"]
)
def test_a_charset_of_half_characters_or_of_slow_decoding_is_refused(port: int, charset: str) -> None:
    name = 'name="file"; filename="+2AA-\\ud800.png"'
    kind = f"multipart/form-data; boundary=m; charset={charset}"
    status, response = ask(port, POST + form((name, b"12345"), kind=kind))
    assert (status, parsed(response)[1]["expected"]) == (415, "utf-8")


@pytest.mark.parametrize("value", ["x", "utf-8''utf-8", "utf-8'en'%FF"])
def test_a_charset_in_the_parts_of_rfc_2231_is_refused(port: int, value: str) -> None:
    head = f"Host: x\r\nConnection: close\r\nContent-Type: x; charset*={value}\r\n\r\n"
    assert ask(port, b"GET /health HTTP/1.1\r\n" + head.encode())[0] == 415


@pytest.mark.parametrize("charsets", [("utf-8", "utf-7"), ("utf-7", "utf-8"), ("utf-8", "utf-8", "punycode")])
def test_every_charset_that_is_named_counts(port: int, charsets: tuple[str, ...]) -> None:
    kind = "; ".join(["multipart/form-data", *(f"charset={name}" for name in charsets), "boundary=m"])
    assert ask(port, POST + form(FILE, kind=kind))[0] == 415


def test_a_type_whose_parameters_take_quadratic_time_is_refused_unread(port: int) -> None:
    for kind in (
        'a; charset="' + ";" * 60_000,
        "multipart/form-data; boundary=m; charset=utf-8" + "; a=b" * 1000,
    ):
        status, response = ask(port, POST + form(FILE, kind=kind))
        assert (status, len(parsed(response)[1]["actual"])) == (415, 201)


@pytest.mark.parametrize("charset", ["utf-8", "UTF8", '"utf-8"', "us-ascii", "iso-8859-1", "windows-1252"])
def test_the_usual_charsets_are_read(port: int, charset: str) -> None:
    kind = f"multipart/form-data; boundary=m; charset={charset}"
    assert ask(port, POST + form(FILE, kind=kind))[0] == 200


@pytest.mark.parametrize(
    "name",
    [
        b"\xed\xa0\x80",
        b"\xff\xfe",
        b"%ED%A0%80",
        b"a\\x00b",
        "日本.png".encode(),
        b"..\\..\\a",
        b"\x80" * 2000,
    ],
)
def test_odd_bytes_in_a_file_name_are_no_failure(port: int, name: bytes) -> None:
    body = (
        b'--m\r\nContent-Disposition: form-data; name="file"; filename="' + name + b'"\r\n\r\n1\r\n--m--\r\n'
    )
    head = b"Connection: close\r\nContent-Type: multipart/form-data; boundary=m\r\nContent-Length: %d\r\n\r\n"
    assert ask(port, POST + head % len(body) + body)[0] == 200


def test_half_characters_in_a_refusal_are_shown_by_their_number() -> None:
    body = json.loads(bytes(to_response(Refusal("invalid-request", "bad \ud800"), "x").body))
    assert body["error"] == "bad \\ud800"


def test_a_refusal_is_a_problem_of_rfc_9457() -> None:
    response = to_response(Refusal("queue-full", "Queue full", "9 images", "at most 8", "try again"), "a b/1")
    assert (response.status_code, response.headers["content-type"]) == (503, "application/problem+json")
    assert json.loads(bytes(response.body)) == {
        "type": "urn:pupila:problem:queue-full", "title": "The queue is full", "status": 503,
        "detail": "Queue full: found 9 images; expected at most 8.", "instance": "urn:pupila:request:a%20b%2F1",
        "error": "Queue full", "actual": "9 images", "expected": "at most 8", "remedy": "try again",
        "request_id": "a b/1",
    }  # fmt: skip


def test_every_reason_has_one_status_and_one_title() -> None:
    assert set(STATUS) == set(TITLES) == set(get_args(Reason)) and len(STATUS) == len(get_args(Reason))
    assert len(set(TITLES.values())) == len(TITLES)
    assert all(re.fullmatch("[a-z0-9-]+", reason) and 400 <= code < 600 for reason, code in STATUS.items())
    assert all(STATUS[find_reason(code)] == code for code in STATUS.values())
    assert (find_reason(418), find_reason(502)) == ("invalid-request", "internal-error")


def test_head_has_the_headers_of_get_and_405_names_what_is_allowed(port: int) -> None:
    status, response = ask(port, b"HEAD /health HTTP/1.1\r\nHost: x" + CLOSE)
    headers, body = parsed(response)
    assert (status, body) == (200, {}) and int(headers["content-length"]) > 0
    for method, path, allowed in (
        ("PUT", "/health", "GET, HEAD, OPTIONS"),
        ("HEAD", "/file", "OPTIONS, POST"),
        ("GET", "/file", "OPTIONS, POST"),
    ):
        status, response = ask(port, f"{method} {path} HTTP/1.1\r\nHost: x".encode() + CLOSE)
        headers, body = parsed(response)
        assert (status, headers["allow"]) == (405, allowed)
        assert method == "HEAD" or (body["actual"], body["expected"]) == (method, allowed)


@pytest.mark.parametrize(
    ("request_", "status", "expected"),
    [
        (form(('name="image"; filename="a"', b"1")), 422, "one image"),
        (form(('name="file"', b"1")), 422, "one image"),
        (b"Content-Type: text/plain\r\nContent-Length: 3" + CLOSE + b"abc", 415, "image/*"),
        (b"Content-Type: application/json\r\nContent-Length: 2" + CLOSE + b"{}", 422, "one image"),
        (form(FILE, FILE), 413, "at most 1"),
        (form(FILE, *[('name="note"', b"1")] * 4), 413, "at most 3"),
        (form(FILE, ('name="note"', b"1" * 1001)), 413, ""),
        (form(FILE, kind="multipart/form-data"), 400, ""),
        (form(("filename=a", b"1")), 400, ""),
        (b"Content-Length: 0" + CLOSE, 422, "one image"),
        (b"Content-Type: multipart/form-data; boundary=m\r\nContent-Length: 5" + CLOSE + b"12345", 400, ""),
        (form(FILE).replace(b"--m--\r\n", b"--m\r\n\r\n"), 400, "ends with its boundary"),
        (b"Content-Length: 1000001" + CLOSE, 413, "at most 1000000"),
    ],
    ids=["another field", "text", "plain text", "JSON", "two files", "many fields", "large field", "no boundary",
         "no name", "no type", "no form", "cut off", "large"],
)  # fmt: skip
def test_a_refused_form_says_what_is_expected(port: int, request_: bytes, status: int, expected: str) -> None:
    got, response = ask(port, POST + request_)
    body = parsed(response)[1]
    assert (got, set(body)) == (status, PROBLEM_FIELDS)
    assert expected in body["expected"] and body["remedy"]


@pytest.mark.parametrize("start", [b"--x", b"--m\r\nA\x00: b", b"--m\r\nno colon", b"--m?"])
def test_a_refused_form_leaves_nothing_in_the_log(start: bytes, caplog: pytest.LogCaptureFixture) -> None:
    body = start + b"\r\n--m--\r\n"
    kind = b"Content-Type: multipart/form-data; boundary=m\r\nContent-Length: %d" % len(body)
    with serving(small_app()) as port:
        assert ask(port, POST + kind + CLOSE + body)[0] == 400
    assert not caplog.records


def test_a_batch_takes_as_many_files_as_its_limit(port: int) -> None:
    path = POST.replace(b"/file ", b"/files ")
    assert ask(port, path + form(FILES, FILES))[0] == 200
    assert ask(port, path + form(FILES, FILES, FILES))[0] == 413


def test_what_all_open_requests_hold_is_bounded_and_comes_back() -> None:
    with serving(small_app(BodyLimits(body=100_000, held=150_000))) as port:
        large = POST + form(('name="file"; filename="a"', b"1" * 90_000))
        waiting = connect(port, large[:-10])  # almost complete
        while ask(port, large)[0] != 503:  # until the server has read the first
            pass
        status, response = ask(port, large)
        assert (status, parsed(response)[0]["retry-after"]) == (503, "1")
        assert ask(port, POST + form(FILE))[0] == 200  # a small one has room
        waiting.sendall(large[-10:])
        assert read_response(waiting)[0] == 200
        assert ask(port, large)[0] == 200


def test_a_full_queue_refuses_before_the_body_is_sent() -> None:
    def full() -> None:
        raise Refusal("queue-full", "Queue full", headers=RETRY_LATER)

    with serving(small_app(admit=full)) as port:
        head = (
            b"Expect: 100-continue\r\nContent-Type: multipart/form-data; boundary=m\r\nContent-Length: 900000"
        )
        assert ask(port, POST + head + CLOSE)[1].startswith(b"HTTP/1.1 503")
        assert ask(port, HEALTH[:-4] + CLOSE)[0] == 200


@pytest.mark.parametrize(
    ("place", "number", "status"),
    [
        ("write", errno.ENOSPC, 507),
        ("rollover", errno.ENOSPC, 507),
        ("seek", errno.ENOSPC, 507),  # which writes what is buffered
        ("write", errno.EDQUOT, 507),
        ("rollover", errno.EMFILE, 503),
        ("write", errno.EIO, 500),
    ],
)
def test_an_upload_that_the_disk_does_not_take_is_refused_and_logged(
    port: int,
    place: str,
    number: int,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(MultiPartParser, "spool_max_size", 1)
    monkeypatch.setattr(SpooledTemporaryFile, place, fail)
    with caplog.at_level(logging.ERROR, "uvicorn.error"):
        monkeypatch.setattr(logging.getLogger("uvicorn"), "propagate", True)
        got, response = ask(port, POST + form(FILE))
    assert got == status
    body = parsed(response)[1]
    assert (body["actual"], body["request_id"] in caplog.text) == (os.strerror(number), True)
