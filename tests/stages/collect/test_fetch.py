"""The polite HTTP client against real servers that are slow, failing, rate-limiting, wrong and endless."""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from pupila.demo.shop import HOST, Reply, Shop
from pupila.stages.collect.fetch import Fetcher, RequestOptions, Response
from pupila.stages.collect.rules import FetchFailed, FetchRefused, resolve
from pupila.stages.collect.site import Site
from tests.stages.collect.shops import FakeClock, make_reply, open_shop, site_of

Serve = Callable[[str], Reply | None]


async def resolve_inline(host: str, port: int) -> list[str]:
    """Resolve without a thread, so that requests keep their order on a busy machine."""
    return [host] if host == HOST else await resolve(host, port)


def fetch_paths(
    shop: Shop,
    *paths: str,
    clock: FakeClock | None = None,
    options: RequestOptions | None = None,
    **more: Any,
) -> list[Response]:
    """The responses to paths that are requested at once."""

    async def work() -> list[Response]:
        async with Fetcher(site_of(shop, **more), (clock or FakeClock()).clock, resolve_inline) as fetcher:
            requests = (fetcher.get(p if "://" in p else shop.address + p, options) for p in paths)
            return list(await asyncio.gather(*requests))

    return asyncio.run(work())


def write_certificate(name: str, folder: Path) -> Path:
    """A self-signed certificate of the host name, with its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder().subject_name(who).issuer_name(who).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    plain = serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    both = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + certificate.public_bytes(pem)
    (folder / "both.pem").write_bytes(both)
    return folder / "both.pem"


def reply_in_turn(*replies: Reply, path: str = "/x") -> Serve:
    """One reply after the other, the last one for ever; other paths are left to the shop."""
    left = list(replies)

    def respond(request_path: str) -> Reply | None:
        if request_path != path:
            return None
        return left.pop(0) if len(left) > 1 else left[0]

    return respond


def hold_reply(until: threading.Event, path: str) -> Serve:
    """Delay the reply until the event is set."""

    def respond(request_path: str) -> None:
        if request_path == path:
            until.wait(5)

    return respond


def reply_robots(text: str, status: int = 200) -> Serve:
    return reply_in_turn(make_reply(status, text, "text/plain"), path="/robots.txt")


def test_robots_txt_is_requested_first_and_once() -> None:
    with open_shop(reply_in_turn(make_reply(body="hello"))) as shop:
        assert [response.text for response in fetch_paths(shop, "/x", "/x", "/x")] == ["hello"] * 3
        assert shop.requests == ["/robots.txt", "/x", "/x", "/x"]


@pytest.mark.parametrize(
    ("rules", "status", "message"),
    [
        ("User-agent: *\nDisallow: /x", 200, "disallows it"),
        ("User-agent: pupila\nDisallow: /\nUser-agent: *\nAllow: /", 200, "disallows it"),
        ("", 500, "nothing may be fetched: 500"),
        ("", 503, "nothing may be fetched: 503"),
        ("", 429, "nothing may be fetched: 429"),
    ],
)
def test_a_path_disallowed_by_robots_txt_is_never_requested(rules: str, status: int, message: str) -> None:
    with open_shop(reply_robots(rules, status)) as shop:
        with pytest.raises(FetchRefused, match=message):
            fetch_paths(shop, "/x")
        assert set(shop.requests) == {"/robots.txt"}


@pytest.mark.parametrize("path", ["/open/../x", "/open/%2e%2e/x", "/./x", "/x"])
def test_a_disallowed_path_in_another_notation_is_never_requested(path: str) -> None:
    with open_shop(reply_robots("User-agent: *\nDisallow: /x\nAllow: /open")) as shop:
        with contextlib.suppress(FetchRefused):
            fetch_paths(shop, path)
        assert "/x" not in shop.requests


@pytest.mark.parametrize(
    ("rules", "status"),
    [("", 404), ("", 403), ("User-agent: otherbot\nDisallow: /", 200), ("<html>no rules", 200)],
)
def test_a_path_not_disallowed_by_robots_txt_is_requested(rules: str, status: int) -> None:
    with open_shop(reply_robots(rules, status)) as shop:
        assert fetch_paths(shop, "/items?from=0")[0].status == 200


def test_a_robots_txt_that_times_out_forbids_everything() -> None:
    hold = threading.Event()
    with open_shop(hold_reply(hold, "/robots.txt")) as shop:
        with pytest.raises(FetchRefused, match=r"no response within 0\.1 s"):
            fetch_paths(shop, "/x", timeout=0.1, tries=2)
        hold.set()
        assert "/x" not in shop.requests


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_request_that_fails_twice_is_made_three_times(status: int) -> None:
    still = FakeClock()
    with open_shop(reply_in_turn(make_reply(status), make_reply(status), make_reply(body="well"))) as shop:
        assert fetch_paths(shop, "/x", clock=still)[0].text == "well"
        assert shop.requests.count("/x") == 3
    assert 0 < sum(still.slept) < 10  # random, with exponential growth


def test_retry_after_is_obeyed_in_seconds_and_as_a_date() -> None:
    still = FakeClock()
    with open_shop(
        reply_in_turn(make_reply(429, retry_after="7"), make_reply(503, retry_after="11"), make_reply())
    ) as shop:
        fetch_paths(shop, "/x", clock=still)
    assert 18 <= still.at < 18.5
    still = FakeClock()
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    with open_shop(reply_in_turn(make_reply(429, retry_after=date), make_reply())) as shop:
        fetch_paths(shop, "/x", clock=still)
    assert 50 < still.at < 61


def test_retry_after_delays_every_request_to_the_host() -> None:
    still = FakeClock()
    with open_shop(reply_in_turn(make_reply(429, retry_after="30"), make_reply())) as shop:
        fetch_paths(shop, "/x", "/items?from=0", "/items?from=24", clock=still, concurrency=1)
        assert shop.requests[1] == "/x"
    assert still.at >= 30


def test_a_retry_after_that_is_too_long_fails_the_request() -> None:
    with open_shop(reply_in_turn(make_reply(503, retry_after="3600"))) as shop:
        with pytest.raises(FetchFailed, match="pause of 3600 s"):
            fetch_paths(shop, "/x")
        assert shop.requests.count("/x") == 1


def test_a_retry_after_that_is_too_long_fails_the_whole_host_until_it_is_over() -> None:
    still = FakeClock()

    async def work(shop: Shop) -> None:
        async with Fetcher(site_of(shop, concurrency=1), still.clock, resolve_inline) as fetcher:
            paths = ["/x", "/items?from=0", "/items?from=0", "/items?from=24"]
            requests = (fetcher.get(shop.address + path) for path in paths)
            results = await asyncio.gather(*requests, return_exceptions=True)
            assert [str(failure) for failure in results] == [
                "HTTP status 429: the server asks for a pause of 3600 s"
            ] * 4
            assert shop.requests == ["/robots.txt", "/x"]
            still.at += 3600
            assert (await fetcher.get(shop.address + "/items?from=0")).status == 200

    with open_shop(reply_in_turn(make_reply(429, retry_after="3600"))) as shop:
        asyncio.run(work(shop))
    assert sum(still.slept) < 1


def test_after_all_attempts_the_last_response_is_returned() -> None:
    with open_shop(reply_in_turn(make_reply(500))) as shop:
        assert fetch_paths(shop, "/x", tries=3)[0].status == 500
        assert shop.requests.count("/x") == 3
        assert fetch_paths(shop, "/y")[0].status == 404  # requested once
        assert shop.requests.count("/y") == 1


def test_a_slow_server_fails_at_the_timeout() -> None:
    hold = threading.Event()
    with open_shop(hold_reply(hold, "/x")) as shop:
        with pytest.raises(FetchFailed, match=r"no response within 0\.1 s"):
            fetch_paths(shop, "/x", timeout=0.1, tries=2)
        hold.set()


def test_the_rate_limit_is_kept_and_robots_txt_may_lower_it() -> None:
    still = FakeClock()
    with open_shop() as shop:
        fetch_paths(shop, *["/items?from=0"] * 9, clock=still, rate=2)
    assert 4.5 <= still.at <= 5  # ten requests including robots.txt, half a second apart
    still = FakeClock()
    with open_shop(reply_robots("User-agent: *\nCrawl-delay: 3")) as shop:
        fetch_paths(shop, *["/items?from=0"] * 4, clock=still, rate=2)
    assert 9 <= still.at <= 10


@pytest.mark.parametrize(
    ("line", "message"),
    [("Crawl-delay: 86400", "asks for 86400 s"), ("Request-rate: 1/1d", "asks for 86400 s")],
)
def test_a_crawl_delay_that_is_too_long_is_a_refusal(line: str, message: str) -> None:
    still = FakeClock()
    with open_shop(reply_robots(f"User-agent: *\n{line}")) as shop:
        with pytest.raises(FetchRefused, match=f"{message} between requests"):
            fetch_paths(shop, "/x", clock=still)
        assert shop.requests == ["/robots.txt"]
    assert still.at < 1


def test_the_concurrency_limit_is_kept() -> None:
    at_once, most, lock = 0, 0, threading.Lock()
    meet = threading.Barrier(2, timeout=5)

    def count(path: str) -> Reply | None:
        nonlocal at_once, most
        if path != "/x":
            return None
        with lock:
            at_once += 1
            most = max(most, at_once)
        meet.wait()
        with lock:
            at_once -= 1
        return make_reply()

    with open_shop(count) as shop:
        fetch_paths(shop, *["/x"] * 6, concurrency=2)
    assert most == 2


def test_redirects_are_followed_within_the_allowed_paths() -> None:
    def respond(path: str) -> Reply | None:
        return {
            "/x": make_reply(302, location="/y"),
            "/y": make_reply(body="here"),
            "/z": make_reply(301, location="/checkout"),
        }.get(path)

    with open_shop(respond) as shop:
        (response,) = fetch_paths(shop, "/x")
        assert (response.url, response.text) == (f"{shop.address}/y", "here")
        with pytest.raises(FetchRefused, match="disallows it"):
            fetch_paths(shop, "/z")
        assert "/checkout" not in shop.requests


def test_redirects_to_other_hosts_are_refused() -> None:
    with open_shop(
        reply_in_turn(make_reply(302, location="http://169.254.169.254/latest/meta-data"))
    ) as shop:
        with pytest.raises(FetchRefused, match="not one of the site's hosts"):
            fetch_paths(shop, "/x")
        with pytest.raises(FetchRefused, match="private address"):
            fetch_paths(shop, "/items?from=0", allow_private=False)
    with (
        open_shop(reply_in_turn(make_reply(307, location="/x"))) as shop,
        pytest.raises(FetchFailed, match="more than 5 redirects"),
    ):
        fetch_paths(shop, "/x")


def test_dns_rebinding_gets_no_request() -> None:
    addresses = iter(["93.184.216.34", "93.184.216.34"])  # for the page and for its robots.txt

    async def rebound(host: str, port: int) -> list[str]:
        return [next(addresses, "127.0.0.1")]

    async def work(shop: Shop) -> None:
        async with Fetcher(site_of(shop, allow_private=False), FakeClock().clock, rebound) as fetcher:
            await fetcher.get(shop.address + "/x")

    with open_shop() as shop:
        with pytest.raises(FetchRefused, match=r"resolves to the private address 127\.0\.0\.1"):
            asyncio.run(work(shop))
        assert shop.requests == []


def test_a_redirect_to_an_invalid_address_is_a_failure() -> None:
    with (
        open_shop(reply_in_turn(make_reply(302, location="http://["))) as shop,
        pytest.raises(FetchFailed, match="not a web address"),
    ):
        fetch_paths(shop, "/x")


def test_a_connection_goes_to_the_first_resolved_address_that_accepts_it() -> None:
    async def resolve_two(host: str, port: int) -> list[str]:
        return ["127.0.0.2", "127.0.0.1"]  # the shop listens on the second

    async def work(shop: Shop) -> Response:
        start = shop.address.replace("127.0.0.1", "shop.invalid")
        async with Fetcher(site_of(shop, start=start), FakeClock().clock, resolve_two) as fetcher:
            return await fetcher.get(start + "/x")

    with open_shop(reply_in_turn(make_reply(body="here"))) as shop:
        assert asyncio.run(work(shop)).text == "here"


def test_the_certificate_is_verified_against_the_host_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = write_certificate("shop.invalid", tmp_path)
    monkeypatch.setattr("certifi.where", lambda: str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    async def resolve_local(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    async def work() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        names = [f"https://shop.invalid:{port}/", f"https://other.invalid:{port}/"]
        site = Site(start=tuple(names), item="p", id="b", allow_private=True, rate=1000, tries=1)
        async with Fetcher(site, FakeClock().clock, resolve_local) as fetcher:
            assert (await fetcher.get(names[0])).status == 200
            with pytest.raises(FetchRefused, match=r"(?i)certificate verify failed.*other\.invalid"):
                await fetcher.get(names[1])
        server.close()

    asyncio.run(work())


def test_a_host_of_the_setting_is_allowed_under_its_own_robots_txt() -> None:
    with open_shop() as shop:
        port = shop.address.rpartition(":")[2]
        address = f"http://localhost:{port}/items?from=0"
        with pytest.raises(FetchRefused, match="not one of the site's hosts"):
            fetch_paths(shop, address)
        assert shop.requests == []
        fetch_paths(shop, address, hosts="local*")
        assert shop.requests == ["/robots.txt", "/items?from=0"]


def test_a_body_that_is_too_large_is_refused_whether_declared_or_not() -> None:
    large = Reply(200, "image/jpeg", b"x", (("content-length", "9" * 12),))
    undeclared = Reply(200, "image/jpeg", b"x" * 5000, (("content-length", ""), ("connection", "close")))
    for response in (large, undeclared):
        with (
            open_shop(reply_in_turn(response)) as shop,
            pytest.raises(FetchRefused, match="larger than 1000 bytes"),
        ):
            fetch_paths(shop, "/x", max_bytes=1000)


def test_x_robots_tag_is_obeyed_where_the_response_is_stored() -> None:
    with open_shop(reply_in_turn(make_reply(body="image", x_robots_tag="noindex, noimageai"))) as shop:
        with pytest.raises(FetchRefused, match="X-Robots-Tag says noimageai"):
            fetch_paths(shop, "/x")
        assert fetch_paths(shop, "/x", options=RequestOptions(stored=False))[0].text == "image"


def test_a_post_is_never_retried() -> None:
    async def twice(shop: Shop) -> Response:
        async with Fetcher(site_of(shop), FakeClock().clock) as fetcher:
            return await fetcher.get(f"{shop.address}/x", RequestOptions("POST", body=b"{}"))

    with open_shop() as shop:
        assert asyncio.run(twice(shop)).status == 501  # the shop does not support POST
        assert shop.requests == ["/robots.txt"]


@pytest.mark.parametrize(
    "date",
    ["Mon, 01 Jan 2026 00:00:00 +99999999999999", f"Mon, 01 Jan {'1' * 4000} 00:00:00 GMT", "²", "Mon"],
)
def test_a_retry_after_that_is_no_time_is_ignored(date: str) -> None:
    with open_shop(reply_in_turn(make_reply(503, retry_after=date), make_reply())) as shop:
        assert fetch_paths(shop, "/x")[0].status == 200


@pytest.mark.parametrize("place", ["header", "meta"])
@pytest.mark.parametrize("charset", ["punycode", "idna", "unicode_escape", "utf-7", "nowhere", "x\x80"])
def test_an_encoding_that_no_browser_knows_is_not_decoded(charset: str, place: str) -> None:
    body = f"<meta charset={charset if place == 'meta' else 'utf-8'}>{'+AAA' * 500_000}ñandú".encode()
    kind = f"text/html; charset={charset}" if place == "header" else "text/html"
    page = Response("http://shop", 200, httpx.Headers([(b"content-type", kind.encode("latin-1"))]), body)
    assert page.text == body.decode()


@pytest.mark.parametrize(
    ("charset", "codec"),
    [("windows-1251", "cp1251"), ("GBK", "gbk"), ("euc-kr", "euc_kr"), ("Shift_JIS", "cp932"), ("Big5", "big5"),
     ("ISO-8859-15", "iso8859-15"), ("KOI8-R", "koi8-r"), ("utf-16le", "utf-16-le"), ("gb18030", "gb18030"),
     ("EUC-JP", "euc_jp"), ("iso-2022-jp", "iso2022_jp"), ("windows-1252", "cp1252"), ("us-ascii", "ascii")],
)  # fmt: skip
def test_the_encodings_of_browsers_are_decoded(charset: str, codec: str) -> None:
    text = next(t for t in ("дом", "家", "집", "é", "a") if t.encode(codec, "ignore").decode(codec) == t)
    page = Response("http://shop", 200, httpx.Headers({"content-type": f'text/html;CHARSET="{charset}"'}),
                    text.encode(codec))  # fmt: skip
    assert page.text == text


@pytest.mark.parametrize(
    ("kind", "body"),
    [("text/html; charset=hex", "ñandú".encode()), ("text/html", b"<meta charset=hex>" + "ñandú".encode()),
     ("text/html; charset=rot13", b"<meta charset='latin1'>\xf1and\xfa"),
     ("text/html; charset=undefined", "ñandú".encode()),
     ("text/html; charset=iso-8859-1", "ñandú".encode("latin-1")),
     ("text/html", b"<meta charset='latin1'>\xf1and\xfa"),
     ("text/html; charset=windows-1252", "ñandú".encode("cp1252")),
     ("text/html; charset=utf-8", "ñandú".encode())],
)  # fmt: skip
def test_text_is_decoded_by_the_declared_charset(kind: str, body: bytes) -> None:
    with open_shop(reply_in_turn(Reply(200, kind, body))) as shop:
        assert fetch_paths(shop, "/x")[0].text.endswith("ñandú")
