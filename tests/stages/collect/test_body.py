"""Compressed bodies: one encoding at a time, never more than the limit in memory, and damage is a failure."""

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from pupila.stages.collect.body import ACCEPT_ENCODING, read_body
from pupila.stages.collect.browser import BrowserCrawler
from pupila.stages.collect.fetch import Fetcher, RequestOptions
from pupila.stages.collect.listing import Listing
from pupila.stages.collect.page_reader import PageReader
from pupila.stages.collect.rules import FetchFailed, FetchRefused
from tests.stages.collect.shops import FakeClock, make_reply, open_shop, site_of
from tests.stages.collect.test_fetch import fetch_paths, reply_in_turn

TEXT = b"hello, hello, hello" * 50
ZIPPED = gzip.compress(TEXT, mtime=0)  # the same in every process that collects the tests
LIMIT = 1_000_000


class Pieces(httpx.AsyncByteStream):
    """A body that arrives in pieces."""

    def __init__(self, body: bytes, size: int) -> None:
        self.body, self.size, self.sent = body, size, 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self.body), self.size):
            self.sent += 1
            yield self.body[start : start + self.size]


def read(body: bytes, *encodings: str, size: int = 65_536, max_bytes: int = LIMIT, length: str = "") -> bytes:
    headers = [("content-encoding", encoding) for encoding in encodings]
    headers += [("content-length", length)] if length else []
    response = httpx.Response(200, headers=headers, stream=Pieces(body, size))
    return asyncio.run(read_body(response, max_bytes))


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize("size", [1, 7, 65_536])
@pytest.mark.parametrize(
    ("encodings", "body"),
    [
        ((), TEXT),
        (("identity",), TEXT),
        (("gzip",), ZIPPED),
        (("GZip",), ZIPPED),
        (("x-gzip",), ZIPPED),
        (("gzip, identity",), ZIPPED),
        (("gzip",), ZIPPED + b"what follows is ignored"),
        (("deflate",), zlib.compress(TEXT)),
        (("deflate",), raw_deflate(TEXT)),
    ],
)
def test_each_encoding_is_read_in_pieces_of_any_size(
    encodings: tuple[str, ...], body: bytes, size: int
) -> None:
    assert read(body, *encodings, size=size) == TEXT


@pytest.mark.parametrize(
    "encodings",
    [("gzip, gzip",), ("gzip", "gzip"), ("deflate,gzip",), ("identity, gzip, , deflate",), ("br",), ("zstd",),
     ("none",), ("gzip\x1b[31m",)],
)  # fmt: skip
def test_several_or_unknown_encodings_are_refused_before_the_body_is_read(encodings: tuple[str, ...]) -> None:
    with pytest.raises(FetchRefused, match="content encoding"):
        read(gzip.compress(ZIPPED), *encodings)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("size", [100, 65_536])
def test_a_bomb_never_takes_more_memory_than_the_limit(encoding: str, size: int) -> None:
    zeros = bytes(32_000_000)
    bomb = gzip.compress(zeros, 1) if encoding == "gzip" else raw_deflate(zeros)
    del zeros
    tracemalloc.start()
    try:
        with pytest.raises(FetchRefused, match="larger than 1000000 bytes"):
            read(bomb, encoding, size=size)
        assert tracemalloc.get_traced_memory()[1] < 3 * LIMIT
    finally:
        tracemalloc.stop()


def test_the_limit_is_exact_for_what_arrives_and_for_what_it_becomes() -> None:
    assert len(read(gzip.compress(bytes(LIMIT)), "gzip")) == LIMIT
    assert len(read(bytes(LIMIT))) == LIMIT
    for body, encodings in ((gzip.compress(bytes(LIMIT + 1)), ("gzip",)), (bytes(LIMIT + 1), ())):
        with pytest.raises(FetchRefused, match="larger than"):
            read(body, *encodings)


def test_a_body_that_becomes_nothing_ends_at_the_limit() -> None:
    empty_blocks = b"\x00\x00\x00\xff\xff" * 1000  # stored blocks without content, for ever
    with pytest.raises(FetchRefused, match="larger than 1000 bytes"):
        read(empty_blocks, "deflate", max_bytes=1000)
    with pytest.raises(FetchRefused, match="larger than 1000 bytes"):
        read(gzip.compress(b"") + bytes(2000), "gzip", max_bytes=1000, size=100)


@pytest.mark.parametrize("digits", [30, 5000])
def test_a_content_length_of_many_digits_is_too_large(digits: int) -> None:
    with pytest.raises(FetchRefused, match="larger than"):
        read(TEXT, length="9" * digits)


@pytest.mark.parametrize(
    ("body", "encoding", "message"),
    [
        (ZIPPED[:-9], "gzip", "incomplete"),
        (ZIPPED[:5], "gzip", "incomplete"),
        (TEXT, "gzip", "damaged"),
        (TEXT, "deflate", "damaged"),
        (ZIPPED[:-8] + bytes(8), "gzip", "damaged"),
    ],
)
def test_a_body_that_cannot_be_decompressed_is_a_failure(body: bytes, encoding: str, message: str) -> None:
    with pytest.raises(httpx.RequestError, match=message):
        read(body, encoding)
    assert read(b"", encoding) == b""  # a response to HEAD, or without a body


def test_a_browser_gets_no_body_with_several_encodings() -> None:
    class Route:
        """What the browser asks for, as Playwright hands it over."""

        def __init__(self, url: str) -> None:
            self.url, self.method, self.resource_type, self.post_data_buffer = url, "GET", "document", None
            self.responses: list[object] = []

        async def all_headers(self) -> dict[str, str]:
            return {"accept-encoding": "br, zstd", "accept": "text/html"}

        async def abort(self) -> None:
            self.responses.append("aborted")

        async def fulfill(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.responses.append((status, body, "content-encoding" in headers))

    async def forward(body: bytes, encoding: str) -> list[object]:
        reply = make_reply(body=body, content_encoding=encoding)
        with open_shop(reply_in_turn(reply)) as shop:
            site = site_of(shop)
            async with Fetcher(site, FakeClock().clock) as fetcher, PageReader(site) as reader:
                route: Any = Route(f"{shop.address}/x")
                await BrowserCrawler(site, reader, fetcher, Listing())._forward(route, route)
                return list(route.responses)

    assert asyncio.run(forward(gzip.compress(ZIPPED), "gzip, gzip")) == ["aborted"]
    assert asyncio.run(forward(gzip.compress(bytes(30_000_000)), "gzip")) == ["aborted"]  # above max_bytes
    assert asyncio.run(forward(ZIPPED, "gzip")) == [(200, TEXT, False)]


def test_pages_images_and_robots_txt_are_requested_and_refused_alike() -> None:
    twice = make_reply(body=gzip.compress(ZIPPED), content_encoding="gzip, gzip")
    with open_shop(reply_in_turn(twice, path="/x")) as shop, pytest.raises(FetchRefused, match="gzip, gzip"):
        fetch_paths(shop, "/x")
    with open_shop(reply_in_turn(twice, path="/robots.txt")) as shop:
        with pytest.raises(FetchRefused, match=r"robots.txt .* can't be read.*gzip, gzip"):
            fetch_paths(shop, "/x")
        assert set(shop.requests) == {"/robots.txt"}
    damaged = make_reply(body=TEXT, content_encoding="gzip")
    with open_shop(reply_in_turn(damaged)) as shop, pytest.raises(FetchFailed, match="damaged"):
        fetch_paths(shop, "/x")
    small = make_reply(body=ZIPPED, content_encoding="gzip")
    with open_shop(reply_in_turn(small)) as shop:
        options = RequestOptions(headers={"accept": "image/*"})
        assert fetch_paths(shop, "/x", options=options)[0].body == TEXT
    assert ACCEPT_ENCODING == "gzip, deflate"
