"""Asking politely, against real servers that are slow, failing, rate-limiting, lying and endless."""

import asyncio
import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from pupila.demo.shop import HOST, Reply, Shop
from pupila.stages.collect.fetch import Answer, Ask, Fetcher
from pupila.stages.collect.rules import Failed, Refused, resolve
from pupila.stages.collect.site import Site
from tests.stages.collect.shops import Still, opened, reply, site_of

Serve = Callable[[str], Reply | None]


async def at_once(host: str, port: int) -> list[str]:
    """Look an address up without a thread, so that requests keep their order on a busy machine."""
    return [host] if host == HOST else await resolve(host, port)


def ask(
    shop: Shop, *paths: str, still: Still | None = None, what: Ask | None = None, **more: Any
) -> list[Answer]:
    """The answers to paths that are asked for at once."""

    async def work() -> list[Answer]:
        async with Fetcher(site_of(shop, **more), (still or Still()).clock, at_once) as fetcher:
            asked = (fetcher.get(p if "://" in p else shop.address + p, what) for p in paths)
            return list(await asyncio.gather(*asked))

    return asyncio.run(work())


def certified(name: str, folder: Path) -> Path:
    """A certificate of the name, signed by itself, with its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder().subject_name(who).issuer_name(who).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    plain = serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    both = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + made.public_bytes(pem)
    (folder / "both.pem").write_bytes(both)
    return folder / "both.pem"


def served(*replies: Reply, path: str = "/x") -> Serve:
    """One reply after the other, the last one for ever; everything else is the shop's."""
    left = list(replies)

    def answer(asked: str) -> Reply | None:
        if asked != path:
            return None
        return left.pop(0) if len(left) > 1 else left[0]

    return answer


def held(until: threading.Event, path: str) -> Serve:
    """Says nothing before its time."""

    def answer(asked: str) -> None:
        if asked == path:
            until.wait(5)

    return answer


def robots(text: str, status: int = 200) -> Serve:
    return served(reply(status, text, "text/plain"), path="/robots.txt")


def test_robots_is_asked_first_and_once() -> None:
    with opened(served(reply(body="hello"))) as shop:
        assert [answer.text for answer in ask(shop, "/x", "/x", "/x")] == ["hello"] * 3
        assert shop.asked == ["/robots.txt", "/x", "/x", "/x"]


@pytest.mark.parametrize(
    ("rules", "status", "says"),
    [
        ("User-agent: *\nDisallow: /x", 200, "forbids it"),
        ("User-agent: pupila\nDisallow: /\nUser-agent: *\nAllow: /", 200, "forbids it"),
        ("", 500, "counts as no: 500"),
        ("", 503, "counts as no: 503"),
        ("", 429, "counts as no: 429"),
    ],
)
def test_what_robots_forbids_is_never_asked_for(rules: str, status: int, says: str) -> None:
    with opened(robots(rules, status)) as shop:
        with pytest.raises(Refused, match=says):
            ask(shop, "/x")
        assert set(shop.asked) == {"/robots.txt"}


@pytest.mark.parametrize(
    ("rules", "status"),
    [("", 404), ("", 403), ("User-agent: otherbot\nDisallow: /", 200), ("<html>no rules", 200)],
)
def test_what_robots_does_not_forbid_is_asked_for(rules: str, status: int) -> None:
    with opened(robots(rules, status)) as shop:
        assert ask(shop, "/items?from=0")[0].status == 200


def test_a_robots_that_does_not_answer_counts_as_no() -> None:
    hold = threading.Event()
    with opened(held(hold, "/robots.txt")) as shop:
        with pytest.raises(Refused, match=r"no answer within 0\.1 s"):
            ask(shop, "/x", timeout=0.1, tries=2)
        hold.set()
        assert "/x" not in shop.asked


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_server_that_fails_twice_is_asked_three_times(status: int) -> None:
    still = Still()
    with opened(served(reply(status), reply(status), reply(body="well"))) as shop:
        assert ask(shop, "/x", still=still)[0].text == "well"
        assert shop.asked.count("/x") == 3
    assert 0 < sum(still.slept) < 10  # by chance, longer each time


def test_retry_after_is_waited_for_in_seconds_and_by_date() -> None:
    still = Still()
    with opened(served(reply(429, retry_after="7"), reply(503, retry_after="11"), reply())) as shop:
        ask(shop, "/x", still=still)
    assert 18 <= still.at < 18.5
    still = Still()
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    with opened(served(reply(429, retry_after=date), reply())) as shop:
        ask(shop, "/x", still=still)
    assert 50 < still.at < 61


def test_while_one_request_waits_so_does_every_other_to_the_host() -> None:
    still = Still()
    with opened(served(reply(429, retry_after="30"), reply())) as shop:
        ask(shop, "/x", "/items?from=0", "/items?from=24", still=still, concurrency=1)
        assert shop.asked[1] == "/x"
    assert still.at >= 30


def test_who_wants_to_be_left_alone_for_long_is() -> None:
    with opened(served(reply(503, retry_after="3600"))) as shop:
        with pytest.raises(Failed, match="left alone for 3600 s"):
            ask(shop, "/x")
        assert shop.asked.count("/x") == 1


def test_the_whole_host_is_left_alone_for_as_long_as_it_wants() -> None:
    still = Still()

    async def work(shop: Shop) -> None:
        async with Fetcher(site_of(shop, concurrency=1), still.clock, at_once) as fetcher:
            paths = ["/x", "/items?from=0", "/items?from=0", "/items?from=24"]
            asked = (fetcher.get(shop.address + path) for path in paths)
            came = await asyncio.gather(*asked, return_exceptions=True)
            assert [str(one) for one in came] == ["429: the server wants to be left alone for 3600 s"] * 4
            assert shop.asked == ["/robots.txt", "/x"]
            still.at += 3600
            assert (await fetcher.get(shop.address + "/items?from=0")).status == 200

    with opened(served(reply(429, retry_after="3600"))) as shop:
        asyncio.run(work(shop))
    assert sum(still.slept) < 1


def test_after_all_tries_the_last_answer_stands() -> None:
    with opened(served(reply(500))) as shop:
        assert ask(shop, "/x", tries=3)[0].status == 500
        assert shop.asked.count("/x") == 3
        assert ask(shop, "/y")[0].status == 404  # is asked for once
        assert shop.asked.count("/y") == 1


def test_a_slow_server_fails_after_its_time() -> None:
    hold = threading.Event()
    with opened(held(hold, "/x")) as shop:
        with pytest.raises(Failed, match=r"no answer within 0\.1 s"):
            ask(shop, "/x", timeout=0.1, tries=2)
        hold.set()


def test_the_pace_is_kept_and_robots_may_slow_it_down() -> None:
    still = Still()
    with opened() as shop:
        ask(shop, *["/items?from=0"] * 9, still=still, rate=2)
    assert 4.5 <= still.at <= 5  # ten requests with that for robots.txt, half a second apart
    still = Still()
    with opened(robots("User-agent: *\nCrawl-delay: 3")) as shop:
        ask(shop, *["/items?from=0"] * 4, still=still, rate=2)
    assert 9 <= still.at <= 10


@pytest.mark.parametrize(
    ("line", "says"),
    [("Crawl-delay: 86400", "asks for 86400 s"), ("Request-rate: 1/1d", "asks for 86400 s")],
)
def test_a_pace_that_nobody_waits_for_is_a_refusal(line: str, says: str) -> None:
    still = Still()
    with opened(robots(f"User-agent: *\n{line}")) as shop:
        with pytest.raises(Refused, match=f"{says} between two requests, longest_wait is 120 s"):
            ask(shop, "/x", still=still)
        assert shop.asked == ["/robots.txt"]
    assert still.at < 1


def test_no_more_requests_at_once_than_allowed() -> None:
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
        return reply()

    with opened(count) as shop:
        ask(shop, *["/x"] * 6, concurrency=2)
    assert most == 2


def test_redirects_are_followed_where_one_may_ask() -> None:
    def answer(path: str) -> Reply | None:
        return {
            "/x": reply(302, location="/y"),
            "/y": reply(body="here"),
            "/z": reply(301, location="/checkout"),
        }.get(path)

    with opened(answer) as shop:
        (found,) = ask(shop, "/x")
        assert (found.url, found.text) == (f"{shop.address}/y", "here")
        with pytest.raises(Refused, match="forbids it"):
            ask(shop, "/z")
        assert "/checkout" not in shop.asked


def test_redirects_elsewhere_are_refused() -> None:
    with opened(served(reply(302, location="http://169.254.169.254/latest/meta-data"))) as shop:
        with pytest.raises(Refused, match="none of the site's hosts"):
            ask(shop, "/x")
        with pytest.raises(Refused, match="private address"):
            ask(shop, "/items?from=0", allow_private=False)
    with (
        opened(served(reply(307, location="/x"))) as shop,
        pytest.raises(Failed, match="more than 5 redirects"),
    ):
        ask(shop, "/x")


def test_a_name_that_leads_elsewhere_when_it_is_asked_gets_no_request() -> None:
    answers = iter(
        ["93.184.216.34", "93.184.216.34"]
    )  # for the page's address and for that of its robots.txt

    async def rebound(host: str, port: int) -> list[str]:
        return [next(answers, "127.0.0.1")]

    async def work(shop: Shop) -> None:
        async with Fetcher(site_of(shop, allow_private=False), Still().clock, rebound) as fetcher:
            await fetcher.get(shop.address + "/x")

    with opened() as shop:
        with pytest.raises(Refused, match=r"at the private address 127\.0\.0\.1"):
            asyncio.run(work(shop))
        assert shop.asked == []


def test_a_redirect_to_no_address_is_a_failure() -> None:
    with (
        opened(served(reply(302, location="http://["))) as shop,
        pytest.raises(Failed, match="no web address"),
    ):
        ask(shop, "/x")


def test_a_connection_goes_to_the_address_that_was_looked_up_and_to_the_next_where_one_is_deaf() -> None:
    async def found(host: str, port: int) -> list[str]:
        return ["127.0.0.2", "127.0.0.1"]  # the shop listens at the second

    async def work(shop: Shop) -> Answer:
        start = shop.address.replace("127.0.0.1", "shop.invalid")
        async with Fetcher(site_of(shop, start=start), Still().clock, found) as fetcher:
            return await fetcher.get(start + "/x")

    with opened(served(reply(body="here"))) as shop:
        assert asyncio.run(work(shop)).text == "here"


def test_the_certificate_is_that_of_the_name_and_not_of_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = certified("shop.invalid", tmp_path)
    monkeypatch.setattr("certifi.where", lambda: str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    async def found(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    async def work() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        names = [f"https://shop.invalid:{port}/", f"https://other.invalid:{port}/"]
        site = Site(start=tuple(names), item="p", id="b", allow_private=True, rate=1000, tries=1)
        async with Fetcher(site, Still().clock, found) as fetcher:
            assert (await fetcher.get(names[0])).status == 200
            with pytest.raises(Refused, match=r"(?i)certificate verify failed.*other\.invalid"):
                await fetcher.get(names[1])
        server.close()

    asyncio.run(work())


def test_another_host_is_asked_where_the_site_says_so_after_its_own_robots() -> None:
    with opened() as shop:
        port = shop.address.rpartition(":")[2]
        address = f"http://localhost:{port}/items?from=0"
        with pytest.raises(Refused, match="none of the site's hosts"):
            ask(shop, address)
        assert shop.asked == []
        ask(shop, address, hosts="local*")
        assert shop.asked == ["/robots.txt", "/items?from=0"]


def test_a_length_that_is_too_large_is_believed_and_a_body_that_is_too_long_is_cut_off() -> None:
    large = Reply(200, "image/jpeg", b"x", (("content-length", "9" * 12),))
    unsaid = Reply(200, "image/jpeg", b"x" * 5000, (("content-length", ""), ("connection", "close")))
    for answer in (large, unsaid):
        with opened(served(answer)) as shop, pytest.raises(Refused, match="larger than 1000 bytes"):
            ask(shop, "/x", max_bytes=1000)


def test_an_opt_out_in_the_header_is_heard_where_the_answer_is_kept() -> None:
    with opened(served(reply(body="picture", x_robots_tag="noindex, noimageai"))) as shop:
        with pytest.raises(Refused, match="X-Robots-Tag says noimageai"):
            ask(shop, "/x")
        assert ask(shop, "/x", what=Ask(kept=False))[0].text == "picture"


def test_what_changes_something_is_asked_once() -> None:
    async def twice(shop: Shop) -> Answer:
        async with Fetcher(site_of(shop), Still().clock) as fetcher:
            return await fetcher.get(f"{shop.address}/x", Ask("POST", body=b"{}"))

    with opened() as shop:
        assert asyncio.run(twice(shop)).status == 501  # the shop knows no POST
        assert shop.asked == ["/robots.txt"]


@pytest.mark.parametrize(
    ("kind", "body"),
    [("text/html; charset=hex", "ñandú".encode()), ("text/html", b"<meta charset=hex>" + "ñandú".encode()),
     ("text/html; charset=rot13", b"<meta charset='latin1'>\xf1and\xfa"),
     ("text/html; charset=undefined", "ñandú".encode()),
     ("text/html; charset=iso-8859-1", "ñandú".encode("latin-1")), ("text/html", b"<meta charset='latin1'>\xf1and\xfa"),
     ("text/html; charset=utf-8", "ñandú".encode())],
)  # fmt: skip
def test_text_is_read_by_the_encoding_that_is_told(kind: str, body: bytes) -> None:
    with opened(served(Reply(200, kind, body))) as shop:
        assert ask(shop, "/x")[0].text.endswith("ñandú")
