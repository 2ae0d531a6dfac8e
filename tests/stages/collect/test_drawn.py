"""What counts as lost of a page that a browser draws, without a browser: the fetcher and the shop are real."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pupila.demo.shop import Reply, Shop
from pupila.stages.collect import browser
from pupila.stages.collect.browser import Drawn
from pupila.stages.collect.fetch import Fetcher
from pupila.stages.collect.listing import Listing
from pupila.stages.collect.reader import Reader
from tests.stages.collect.shops import Still, opened, reply, site_of


class Asked:
    """A request of a browser, and its way to an answer."""

    def __init__(self, url: str, kind: str) -> None:
        self.request = self
        self.url, self.resource_type, self.method, self.post_data_buffer = url, kind, "GET", None

    async def all_headers(self) -> dict[str, str]:
        return {}

    async def abort(self) -> None:
        """Nothing to do."""

    async def fulfill(self, **answer: Any) -> None:
        """Nothing to do."""


def listing_after(shop: Shop, url: str, kind: str = "xhr", **more: Any) -> Listing:
    """What is noted after one request of the page."""
    site, listing = site_of(shop, "disco", tries=1, **more), Listing()

    async def work() -> None:
        async with Fetcher(site, Still().clock) as fetcher:
            await Drawn(site, Reader(site), fetcher, listing)._answer(cast(Any, Asked(url, kind)))

    asyncio.run(work())
    return listing


@pytest.mark.parametrize(
    ("path", "answer", "why"),
    [
        ("/robots.txt", reply(body="User-agent: *\nDisallow: /items", kind="text/plain"), "forbids it"),
        ("/robots.txt", reply(503), "counts as no"),
        ("/items", reply(403), "answered 403"),
        ("/items", reply(404), "answered 404"),
        ("/items", reply(500), "answered 500"),
        ("/items", reply(body="x" * 5000), "larger than 4000 bytes"),
        ("/items", reply(302, location="http://stranger.example/"), "none of the site's hosts"),
    ],
)
def test_a_part_of_the_sites_own_that_does_not_come_is_a_loss(path: str, answer: Reply, why: str) -> None:
    with opened(lambda asked: answer if asked == path else None) as shop:
        listing = listing_after(shop, f"{shop.address}/items", max_bytes=4000)
        assert why in listing.faults[f"{shop.address}/items"]
    assert not listing.whole


def test_so_is_a_part_of_a_host_of_the_setting() -> None:
    with opened(lambda asked: reply(503) if asked == "/robots.txt" else None) as shop:
        url = shop.address.replace("127.0.0.1", "localhost") + "/items?from=0"
        assert not listing_after(shop, url, hosts="localhost").whole


def test_what_strangers_say_is_none_and_neither_is_a_part_that_comes() -> None:
    with opened() as shop:
        listing = listing_after(shop, "http://stranger.example/count")
        assert (listing.whole, len(listing.faults)) == (True, 1)
        listing = listing_after(shop, f"{shop.address}/items?from=0")
        assert (listing.whole, listing.faults) == (True, {})


@pytest.mark.parametrize(
    ("end", "asked", "whole"),
    [(True, 0, True), (False, 0, False), (True, 1, False)],
    ids=["quiet", "grows on", "waits on"],
)
def test_a_page_that_does_not_come_to_rest_is_a_loss(
    end: bool, asked: int, whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browser, "_STALLED", 0.1)

    async def look(*told: Any) -> dict[str, Any]:
        return {"fresh": [], "end": end, "base": "http://shop.example/"}

    async def work(shop: Shop, listing: Listing) -> None:
        site = site_of(shop, "disco", tries=1, timeout=0.4, longest_wait=0.1, patience=0.2)
        async with Fetcher(site) as fetcher:
            drawn = Drawn(site, Reader(site), fetcher, listing)
            drawn._asked = asked
            page = SimpleNamespace(evaluate=look, url="http://shop.example/")
            async for _ in drawn._until_quiet(cast(Any, page)):
                raise AssertionError

    listing = Listing()
    with opened() as shop:
        asyncio.run(work(shop, listing))
    assert listing.whole == whole
    assert list(listing.faults.values()) == ([] if whole else ["it did not come to rest"])
