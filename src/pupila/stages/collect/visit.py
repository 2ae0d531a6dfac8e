"""A visit to a site: its listing is read, and what is new of it is fetched and stored."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.progress import progress
from pupila.core.vocabulary import VISITS_FILE
from pupila.imaging.images.decode import FORMATS, ImageFault, ImageLimits, decode, probe
from pupila.stages.collect.collection import FOR_NOW, Aside, Collection, Picture
from pupila.stages.collect.fetch import Ask, Clock, Fetcher
from pupila.stages.collect.listing import Listing
from pupila.stages.collect.pages import read_pages
from pupila.stages.collect.reader import Product, Reader
from pupila.stages.collect.rules import Failed, Refused, Resolve, resolve
from pupila.stages.collect.site import Site

_AT_ONCE = 16  # products whose images are fetched; the hosts' gates keep the pace
_ACCEPT = {"accept": "image/jpeg,image/png,image/webp,image/*;q=0.5"}
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Wish:
    """What one visit is to do."""

    limit: int | None = None  # products, the first of the listing; None: all
    resume: bool = False  # go on with a visit, or visit once more
    browser: str | None = None  # path of Chromium; None: found on PATH


@dataclass(frozen=True, slots=True)
class Visited:
    """How a visit went, and what the collection holds after it."""

    folder: str
    products: int  # in the collection
    images: int  # stored
    copies: int  # addresses whose bytes another one had already brought
    set_aside: int  # addresses without a usable image, and items without an id
    listed: int  # products that the visit saw
    new: int  # of these, not known before
    vanished: int  # not seen any more
    complete: bool  # the listing was read to its end
    faults: dict[str, str]  # address to why it was not read


def visit(
    site: Site, out: str, wish: Wish, clock: Clock | None = None, resolve: Resolve = resolve
) -> Visited:
    """Collect what is new.

    Args:
        site: what to read, and how.
        out: folder or URI of the collection.
        wish: what this visit is to do.
        clock: of the pauses between requests.
        resolve: finds the addresses of a host.

    Raises:
        PupilaError: a collection is there and `resume` is not set, or it is of other pages; no browser; the page says
            no; no product was found.
    """
    if wish.browser and not site.browser:
        raise PupilaError(say("{site} is read without a browser", site=site.name), found="--browser",
                          wanted=say("browser: true in SITE.yaml, or no --browser"))  # fmt: skip
    collection = Collection(out)
    _check(collection, site, wish)
    reader = Reader(site)
    executable = ""
    if site.browser:
        from pupila.stages.collect.browser import find_browser

        executable = find_browser(wish.browser)
    collection.mend()
    now = datetime.now(UTC).isoformat(timespec="seconds")
    collection.begin(
        {"site": site.name, "start": list(site.start), "started": now, "ended": None, "times_resumed": 0}
    )
    work = _Visit(site, reader, collection, wish)
    return run(work.run(executable, clock, resolve))


def run(work: Coroutine[Any, Any, Value]) -> Value:
    """The result of the work, also where a loop runs already, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def _check(collection: Collection, site: Site, wish: Wish) -> None:
    if not collection.is_new and not wish.resume:
        raise PupilaError(
            say("A collection is there already"), found=say("{n} products in {path}", n=len(collection.products),
            path=collection.folder), wanted=say("a new or an empty folder"),
            remedy=say("--resume goes on with it, or visits once more; --out FOLDER leaves it alone"),
        )  # fmt: skip
    if not collection.is_new and not collection.visits:
        raise PupilaError(
            say("The collection does not know its visits"), found=say("no {file}", file=VISITS_FILE),
            wanted=say("a file that Pupila wrote"), remedy=say("bring back a copy of it, or another --out FOLDER"),
        )  # fmt: skip
    before = [] if collection.is_new else collection.visits[-1]["start"]
    if not set(before) <= set(site.start):
        raise PupilaError(
            say("The collection is of other pages"), found=listing(list(site.start)), wanted=listing(before),
            remedy=say("name these pages as well, or another --out FOLDER"),
        )  # fmt: skip


class _Visit:
    """The parts of one visit."""

    def __init__(self, site: Site, reader: Reader, collection: Collection, wish: Wish) -> None:
        self._site, self._reader, self._collection, self._wish = site, reader, collection, wish
        self._listing = Listing()
        self._most = min(wish.limit or site.max_products, site.max_products)
        self._taken: dict[str, Product] = {}
        self._locks: dict[str, asyncio.Lock] = {}  # by the address of an image
        self._failed: set[str] = set()  # addresses that are not asked for again in this visit
        self._cut = False  # there may be more products than are wanted
        self._one_writer = asyncio.Lock()
        self._new = 0
        self._limits = ImageLimits(max_bytes=site.max_bytes)

    async def run(self, executable: str, clock: Clock | None, resolve: Resolve) -> Visited:
        """Read the listing and store what is new, product by product."""
        try:
            async with Fetcher(self._site, clock, resolve) as fetcher:
                if executable:
                    from pupila.stages.collect.browser import Drawn, browsing

                    drawn = Drawn(self._site, self._reader, fetcher, self._listing)
                    async with browsing(self._site, executable) as browser:
                        await self._take(drawn.read(browser), fetcher)
                else:
                    await self._take(read_pages(self._site, self._reader, fetcher, self._listing), fetcher)
        except BaseExceptionGroup as several:
            raise _first(several) from several
        finally:
            self._collection.flush()
        return self._end()

    async def _take(self, source: AsyncGenerator[None, None], fetcher: Fetcher) -> None:
        slots = asyncio.Semaphore(_AT_ONCE)
        with progress(say("products"), self._wish.limit) as advance:
            async with contextlib.aclosing(source) as pages, asyncio.TaskGroup() as tasks:
                async for _ in pages:
                    while self._listing.waiting and len(self._taken) < self._most:
                        product = self._listing.waiting.popleft()
                        self._taken[product.id] = product
                        await slots.acquire()
                        tasks.create_task(self._store(product, fetcher, slots, advance))
                    if len(self._taken) >= self._most:
                        self._cut = True
                        break

    async def _store(
        self, product: Product, fetcher: Fetcher, slots: asyncio.Semaphore, advance: Callable[[float], None]
    ) -> None:
        try:
            async with contextlib.AsyncExitStack() as stack:
                for url in sorted(product.images):  # an image that several products show is asked for once
                    await stack.enter_async_context(self._locks.setdefault(url, asyncio.Lock()))
                unknown = [
                    u for u in product.images if u not in self._failed and self._collection.fate(u) is None
                ]
                came = await asyncio.gather(*(self._image(url, fetcher) for url in unknown))
                self._failed |= {one.url for one in came if isinstance(one, Aside) and one.code in FOR_NOW}
                if came or product.id not in self._collection.products:
                    async with self._one_writer:
                        self._new += product.id not in self._collection.products
                        await asyncio.to_thread(
                            self._collection.add, product, came, {"licence": self._site.licence}
                        )
            advance(1)
        finally:
            slots.release()

    async def _image(self, url: str, fetcher: Fetcher) -> Picture | Aside:
        try:
            answer = await fetcher.get(url, Ask(headers=_ACCEPT))
        except Refused as no:
            return Aside(url, "refused", str(no))
        except Failed as fault:
            return Aside(url, "failed", str(fault))
        if answer.status >= 400:
            return Aside(url, "failed", say("the server answered {status}", status=answer.status))
        return await asyncio.to_thread(judged, url, answer.body, self._limits, self._site.min_side)

    def _end(self) -> Visited:
        faults = self._listing.faults
        if not self._taken:
            raise PupilaError(
                say("No product was found"),
                found=listing([f"{url}: {why}" for url, why in faults.items()], 3) or listing(
                    [say("an item without an id: {item}", item=item) for item in self._listing.nameless], 1
                ) or say("nothing that fits {item}", item=self._site.item),
                wanted=say("products at {pages}", pages=listing(list(self._site.start))),
                remedy=say("look at the page and at the selectors in SITE.yaml"),
            )  # fmt: skip
        for item in self._listing.nameless:
            self._collection.set_aside(item, "", "no-id", say("an item without an id"))
        complete = self._listing.whole and not self._cut
        vanished = self._collection.end(
            self._listing.seen, complete, {"listed": len(self._taken), "new": self._new}
        )
        held = self._collection
        return Visited(
            folder=held.folder, products=len(held.products), images=held.images, copies=held.aside(copies=True),
            set_aside=held.aside(copies=False), listed=len(self._taken), new=self._new, vanished=vanished,
            complete=complete, faults=faults,
        )  # fmt: skip


def judged(url: str, content: bytes, limits: ImageLimits, min_side: int) -> Picture | Aside:
    """The image if it is one, by its bytes and not by what the server calls them; else why not.

    Args:
        url: where it came from.
        content: its bytes.
        limits: what is too large.
        min_side: pixels that the shorter side has at least.
    """
    try:
        header = probe(content, limits)
        decode(content, limits, header=header)
    except ImageFault as fault:
        return Aside(url, fault.code, fault.reason)
    if min(header.width, header.height) < min_side:
        size = say("{width} x {height} pixels", width=header.width, height=header.height)
        return Aside(url, "tiny", size)
    return Picture(url, files.sha256(content), FORMATS[header.format].split()[0], content)


def _first(several: BaseExceptionGroup[BaseException]) -> BaseException:
    """The fault of the task that failed first."""
    first = several.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
