"""Shared helpers of the collect tests: a drawn shop, a fake clock, and readers of the stored files."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pupila.core import files
from pupila.demo.shop import Intercept, Reply, Shop
from pupila.stages.collect.fetch import Clock
from pupila.stages.collect.site import Site, read_site
from pupila.stages.collect.visit import VisitOptions, VisitResult, visit

PRODUCTS = 30  # more than one page of the shop, and one duplicate image
_DRAWN = Shop(PRODUCTS)  # its photos are drawn once for all tests


class FakeClock:
    """A clock that advances only when someone sleeps on it."""

    def __init__(self) -> None:
        self.at = 0.0
        self.slept: list[float] = []
        self.clock = Clock(lambda: self.at, self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds
        await asyncio.sleep(0)


@contextmanager
def open_shop(intercept: Intercept | None = None, catalogue: list[int] | None = None) -> Iterator[Shop]:
    """The shop while it is open; only its drawn photos are shared between tests."""
    _DRAWN.intercept, _DRAWN.catalogue, _DRAWN.requests = intercept, catalogue or list(range(PRODUCTS)), []
    with _DRAWN.open():
        yield _DRAWN


def site_of(shop: Shop, name: str = "static", **more: Any) -> Site:
    """A built-in site that starts in the shop, with fast settings."""
    start = shop.address + ("/static" if name == "static" else "/")
    fast = {"rate": 1000, "concurrency": 4, "idle_timeout": 0.4, "timeout": 20}
    return read_site(name, {"start": start, "allow_private": True, **fast, **more})


def visit_shop(
    shop: Shop, out: Path | str, options: VisitOptions | None = None, name: str = "static", **more: Any
) -> VisitResult:
    """One visit, without waiting between attempts."""
    return visit(site_of(shop, name, **more), str(out), options or VisitOptions(), FakeClock().clock)


def read_rows(out: Path | str, name: str) -> list[dict[str, Any]]:
    """The rows of a JSON Lines file; none if there is no such file."""
    uri = files.join(str(out), name)
    return [json.loads(line) for line in files.read_bytes(uri).splitlines()] if files.exists(uri) else []


def assert_complete(out: Path | str, shop: Shop) -> None:
    """Every product of the shop is stored exactly once, every image once, and their rows agree."""
    products = read_rows(out, "products.jsonl")
    records = {record.id: record for record in map(shop.record, shop.catalogue)}
    assert sorted(row["id"] for row in products) == sorted(records)
    images = read_rows(out, "metadata.jsonl")
    names = [row["file_name"] for row in images]
    assert len(names) == len(set(names))
    stored = sorted(f"images/{entry.path}" for entry in files.walk(files.join(str(out), "images")))
    assert stored == sorted(names)
    for row in images:
        assert files.sha256(files.read_bytes(files.join(str(out), row["file_name"]))) == row["sha256"]
    for row in products:
        record = records[row["id"]]
        assert (row["name"], row["brand"], row["price"]) == (record.name, record.brand, record.price)
        assert [address.removeprefix(shop.address) for address in row["images"]] == record.images
        assert row["link"] == shop.address + record.link
        assert len(row["files"]) == len(record.images)
        assert set(row["files"]) <= set(names)


def make_reply(status: int = 200, body: str | bytes = "", kind: str = "text/html", **headers: str) -> Reply:
    """A reply; header names have underscores for hyphens."""
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Reply(status, kind, body.encode() if isinstance(body, str) else body, pairs)
