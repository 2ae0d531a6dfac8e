"""Which failures of a page in a browser may lose products; without a browser, with a real fetcher and shop."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pupila.demo.shop import Reply, Shop
from pupila.stages.collect import browser
from pupila.stages.collect.browser import BrowserCrawler
from pupila.stages.collect.fetch import Fetcher
from pupila.stages.collect.listing import Listing
from pupila.stages.collect.page_reader import PageReader
from tests.stages.collect.shops import FakeClock, make_reply, open_shop, site_of


class FakeRoute:
    """A route of Playwright with its request."""

    def __init__(self, url: str, kind: str) -> None:
        self.request = self
        self.url, self.resource_type, self.method, self.post_data_buffer = url, kind, "GET", None

    async def all_headers(self) -> dict[str, str]:
        return {}

    async def abort(self) -> None:
        """Do nothing."""

    async def fulfill(self, **response: Any) -> None:
        """Do nothing."""


def crawl_request(shop: Shop, url: str, kind: str = "xhr", **more: Any) -> Listing:
    """The listing after one request of the page."""
    site, listing = site_of(shop, "disco", tries=1, **more), Listing()

    async def run() -> None:
        async with Fetcher(site, FakeClock().clock) as fetcher, PageReader(site) as reader:
            await BrowserCrawler(site, reader, fetcher, listing)._handle_route(
                cast(Any, FakeRoute(url, kind))
            )

    asyncio.run(run())
    return listing


@pytest.mark.parametrize(
    ("path", "reply", "reason"),
    [
        (
            "/robots.txt",
            make_reply(body="User-agent: *\nDisallow: /items", kind="text/plain"),
            "disallows it",
        ),
        ("/robots.txt", make_reply(503), "nothing may be fetched"),
        ("/items", make_reply(403), "HTTP status 403"),
        ("/items", make_reply(404), "HTTP status 404"),
        ("/items", make_reply(500), "HTTP status 500"),
        ("/items", make_reply(body="x" * 5000), "larger than 4000 bytes"),
        ("/items", make_reply(302, location="http://stranger.example/"), "not one of the site's hosts"),
    ],
)
def test_a_failed_request_to_the_site_may_lose_products(path: str, reply: Reply, reason: str) -> None:
    with open_shop(lambda requested: reply if requested == path else None) as shop:
        listing = crawl_request(shop, f"{shop.address}/items", max_bytes=4000)
        assert reason in listing.failures[f"{shop.address}/items"]
    assert not listing.complete


def test_so_may_a_failed_request_to_a_host_of_the_setting() -> None:
    with open_shop(lambda requested: make_reply(503) if requested == "/robots.txt" else None) as shop:
        url = shop.address.replace("127.0.0.1", "localhost") + "/items?from=0"
        assert not crawl_request(shop, url, hosts="localhost").complete


def test_third_parties_and_successful_requests_lose_no_products() -> None:
    with open_shop() as shop:
        listing = crawl_request(shop, "http://stranger.example/count")
        assert (listing.complete, len(listing.failures)) == (True, 1)
        listing = crawl_request(shop, f"{shop.address}/items?from=0")
        assert (listing.complete, listing.failures) == (True, {})


@pytest.mark.parametrize(
    ("end", "pending", "complete"),
    [(True, 0, True), (False, 0, False), (True, 1, False)],
    ids=["quiet", "keeps growing", "keeps waiting"],
)
def test_a_page_that_keeps_changing_may_lose_products(
    end: bool, pending: int, complete: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browser, "_STALL_LIMIT", 0.1)

    async def evaluate(*arguments: Any) -> dict[str, Any]:
        return {"fresh": [], "end": end, "base": "http://shop.example/"}

    async def run(shop: Shop, listing: Listing) -> None:
        site = site_of(shop, "disco", tries=1, timeout=0.4, longest_wait=0.1, idle_timeout=0.2)
        async with Fetcher(site) as fetcher, PageReader(site) as reader:
            crawler = BrowserCrawler(site, reader, fetcher, listing)
            crawler._pending_requests = pending
            page = SimpleNamespace(evaluate=evaluate, url="http://shop.example/")
            async for _ in crawler._scroll_to_end(cast(Any, page)):
                raise AssertionError

    listing = Listing()
    with open_shop() as shop:
        asyncio.run(run(shop, listing))
    assert listing.complete == complete
    assert list(listing.failures.values()) == ([] if complete else ["the page kept changing"])
