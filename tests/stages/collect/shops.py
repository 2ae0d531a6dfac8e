"""What the tests of collecting share: a drawn shop, a clock that never waits, and readers of what was stored."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pupila.core import files
from pupila.demo.shop import Meddle, Reply, Shop
from pupila.stages.collect.fetch import Clock
from pupila.stages.collect.site import Site, read_site
from pupila.stages.collect.visit import Visited, Wish, visit

PRODUCTS = 30  # more than one page of the shop, and one picture that comes twice
_DRAWN = Shop(PRODUCTS)  # its pictures are drawn once for all tests


class Still:
    """A clock that moves only by the sleeping of those who read it."""

    def __init__(self) -> None:
        self.at = 0.0
        self.slept: list[float] = []
        self.clock = Clock(lambda: self.at, self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds
        await asyncio.sleep(0)


@contextmanager
def opened(meddle: Meddle | None = None, catalogue: list[int] | None = None) -> Iterator[Shop]:
    """The shop, open, with everything as new but for its drawings."""
    _DRAWN.meddle, _DRAWN.catalogue, _DRAWN.asked = meddle, catalogue or list(range(PRODUCTS)), []
    with _DRAWN.open():
        yield _DRAWN


def site_of(shop: Shop, name: str = "static", **more: Any) -> Site:
    """A shipped site that starts in the shop, at a pace that tests can bear."""
    start = shop.address + ("/static" if name == "static" else "/")
    fast = {"rate": 1000, "concurrency": 4, "patience": 0.4, "timeout": 20}
    return read_site(name, {"start": start, "allow_private": True, **fast, **more})


def collected(
    shop: Shop, out: Path | str, wish: Wish | None = None, name: str = "static", **more: Any
) -> Visited:
    """One visit, without waiting between tries."""
    return visit(site_of(shop, name, **more), str(out), wish or Wish(), Still().clock)


def rows(out: Path | str, name: str) -> list[dict[str, Any]]:
    """The rows of a file of lines; none where there is no such file."""
    uri = files.join(str(out), name)
    return [json.loads(line) for line in files.read_bytes(uri).splitlines()] if files.exists(uri) else []


def assert_whole(out: Path | str, shop: Shop) -> None:
    """Every product of the shop exactly once, every image once, and each where its product says."""
    products = rows(out, "products.jsonl")
    truth = {told["id"]: told for told in map(shop.record, shop.catalogue)}
    assert sorted(row["id"] for row in products) == sorted(truth)
    images = rows(out, "metadata.jsonl")
    names = [row["file_name"] for row in images]
    assert len(names) == len(set(names))
    lying = sorted(f"images/{entry.path}" for entry in files.walk(files.join(str(out), "images")))
    assert lying == sorted(names)
    for row in images:
        assert files.sha256(files.read_bytes(files.join(str(out), row["file_name"]))) == row["sha256"]
    for row in products:
        told = truth[row["id"]]
        assert (row["name"], row["brand"], row["price"]) == (told["name"], told["brand"], told["price"])
        assert [address.removeprefix(shop.address) for address in row["images"]] == told["images"]
        assert row["link"] == shop.address + told["link"]
        assert len(row["files"]) == len(told["images"])
        assert set(row["files"]) <= set(names)


def reply(status: int = 200, body: str | bytes = "", kind: str = "text/html", **headers: str) -> Reply:
    """An answer, its headers with underscores for hyphens."""
    told = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Reply(status, kind, body.encode() if isinstance(body, str) else body, told)
