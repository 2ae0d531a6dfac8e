"""A visit to a site: crawl its listing, then download and store what is new."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from pupila.core import files
from pupila.core.display import Displayed, Summary
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count
from pupila.core.progress import progress
from pupila.core.vocabulary import VISITS_FILE
from pupila.imaging.images.decode import FORMATS, ImageFault, ImageLimits, decode, probe
from pupila.stages.collect.collection import RETRYABLE, Collection, FetchedImage, Rejection
from pupila.stages.collect.fetch import Clock, Fetcher, RequestOptions, read_login
from pupila.stages.collect.listing import Listing
from pupila.stages.collect.page_reader import PageReader
from pupila.stages.collect.pages import crawl_pages
from pupila.stages.collect.reader import Product
from pupila.stages.collect.rules import FetchFailed, FetchRefused, Resolve, resolve
from pupila.stages.collect.site import Site

_MAX_CONCURRENT_PRODUCTS = 16  # products whose images are fetched; the rate limits of the hosts still apply
_ACCEPT = {"accept": "image/jpeg,image/png,image/webp,image/*;q=0.5"}
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class VisitOptions:
    """The options of one visit."""

    limit: int | None = None  # the first products of the listing; None: all
    resume: bool = False  # resume an interrupted visit, or visit again
    chromium: str | None = None  # path of Chromium; None: search PATH


@dataclass(frozen=True, slots=True, repr=False)
class VisitResult(Displayed):
    """The result of a visit, and the totals of the collection after it."""

    folder: str
    products: int  # in the collection
    images: int  # stored
    duplicates: int  # addresses whose bytes were stored already
    rejected: int  # addresses without a usable image, and items without an id
    listed: int  # products that this visit processed
    new: int  # of these, unknown before
    vanished: int  # no longer listed
    complete: bool  # the listing was read to its end
    failures: dict[str, str]  # address to the reason why it was not read

    def summary(self) -> Summary:
        """Products, images and folder."""
        products = say_count("{n} product", "{n} products", self.products)
        images = say_count("{n} image in {folder}", "{n} images in {folder}", self.images, folder=self.folder)
        facts = {
            say("new"): str(self.new),
            say("rejected"): str(self.rejected),
            say("failed"): str(len(self.failures)),
        }
        return Summary("VisitResult", f"{products}, {images}", facts)


def visit(
    site: Site, out: str, options: VisitOptions, clock: Clock | None = None, resolve: Resolve = resolve
) -> VisitResult:
    """Collect the new products of a site and their images.

    Args:
        site: start pages, selectors and limits.
        out: folder or URI of the collection.
        options: of this visit.
        clock: for the delays between requests.
        resolve: resolves a host to its addresses.

    Raises:
        PupilaError: the folder has a collection and `resume` is not set, or it is of other pages; no browser; no
            product was found.
    """
    if options.chromium and not site.browser:
        raise PupilaError(say("{site} is crawled without a browser", site=site.name), actual="--chromium",
                          expected=say("--browser with it, or no --chromium"))  # fmt: skip
    collection = Collection(out)
    _check_collection(collection, site, options)
    reader = PageReader(site)
    executable = ""
    if site.browser:
        from pupila.stages.collect.browser import find_browser

        executable = find_browser(options.chromium)
    read_login(site)  # before anything is written
    collection.repair()
    now = datetime.now(UTC).isoformat(timespec="seconds")
    collection.begin(
        {"site": site.name, "start": list(site.start), "started": now, "ended": None, "times_resumed": 0}
    )
    run = _VisitRun(site, reader, collection, options)
    return run_async(run.run(executable, clock, resolve))


def run_async(coroutine: Coroutine[Any, Any, Value]) -> Value:
    """Run a coroutine to its end, also where an event loop is running already, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


def _check_collection(collection: Collection, site: Site, options: VisitOptions) -> None:
    if not collection.is_new and not options.resume:
        raise PupilaError(
            say("The folder already has a collection"),
            actual=say_count(
                "{n} product in {path}",
                "{n} products in {path}",
                len(collection.products), path=collection.folder,
            ),
            expected=say("a new or an empty folder"),
            remedy=say("--resume to resume it or to visit the site again, or another --out FOLDER"),
        )  # fmt: skip
    if not collection.is_new and not collection.visits:
        raise PupilaError(
            say("The collection has no record of its visits"), actual=say("no {file}", file=VISITS_FILE),
            expected=say("a file written by Pupila"), remedy=say("restore a backup of it, or use another --out FOLDER"),
        )  # fmt: skip
    known_pages = [] if collection.is_new else collection.visits[-1]["start"]
    if not set(known_pages) <= set(site.start):
        raise PupilaError(
            say("The collection has other start pages"), actual=listing(list(site.start)),
            expected=listing(known_pages), remedy=say("add these pages to start, or use another --out FOLDER"),
        )  # fmt: skip


class _VisitRun:
    """The state of one visit."""

    def __init__(self, site: Site, reader: PageReader, collection: Collection, options: VisitOptions) -> None:
        self._site, self._reader, self._collection, self._options = site, reader, collection, options
        self._listing = Listing()
        self._max_products = min(options.limit or site.max_products, site.max_products)
        self._processed: dict[str, Product] = {}
        self._locks: dict[str, asyncio.Lock] = {}  # by image address
        self._failed: set[str] = set()  # addresses that are not requested again in this visit
        self._truncated = False  # the listing was cut at the limit
        self._write_lock = asyncio.Lock()
        self._new = 0
        self._image_limits = ImageLimits(max_bytes=site.max_bytes)

    async def run(self, executable: str, clock: Clock | None, resolve: Resolve) -> VisitResult:
        """Crawl the listing and store what is new, product by product."""
        try:
            async with Fetcher(self._site, clock, resolve) as fetcher, self._reader:
                if executable:
                    from pupila.stages.collect.browser import BrowserCrawler, open_browser

                    crawler = BrowserCrawler(self._site, self._reader, fetcher, self._listing)
                    async with open_browser(self._site, executable) as browser:
                        await self._process(crawler.crawl(browser), fetcher)
                else:
                    await self._process(
                        crawl_pages(self._site, self._reader, fetcher, self._listing), fetcher
                    )
        except BaseExceptionGroup as group:
            raise _first_failure(group) from group
        finally:
            self._collection.flush()
        return self._finish()

    async def _process(self, source: AsyncGenerator[None, None], fetcher: Fetcher) -> None:
        slots = asyncio.Semaphore(_MAX_CONCURRENT_PRODUCTS)
        with progress(say("products"), self._options.limit) as advance:
            async with contextlib.aclosing(source) as pages, asyncio.TaskGroup() as tasks:
                async for _ in pages:
                    while self._listing.pending and len(self._processed) < self._max_products:
                        product = self._listing.pending.popleft()
                        self._processed[product.id] = product
                        await slots.acquire()
                        tasks.create_task(self._store(product, fetcher, slots, advance))
                    if len(self._processed) >= self._max_products:
                        self._truncated = True
                        break

    async def _store(
        self, product: Product, fetcher: Fetcher, slots: asyncio.Semaphore, advance: Callable[[float], None]
    ) -> None:
        try:
            async with contextlib.AsyncExitStack() as stack:
                for url in sorted(product.images):  # an image of several products is requested once
                    await stack.enter_async_context(self._locks.setdefault(url, asyncio.Lock()))
                unknown = [
                    u
                    for u in product.images
                    if u not in self._failed and self._collection.find_file(u) is None
                ]
                images = await asyncio.gather(*(self._fetch_image(url, fetcher) for url in unknown))
                self._failed |= {
                    image.url for image in images if isinstance(image, Rejection) and image.code in RETRYABLE
                }
                if images or product.id not in self._collection.products:
                    async with self._write_lock:
                        self._new += product.id not in self._collection.products
                        await asyncio.to_thread(
                            self._collection.add, product, images, {"licence": self._site.licence}
                        )
            advance(1)
        finally:
            slots.release()

    async def _fetch_image(self, url: str, fetcher: Fetcher) -> FetchedImage | Rejection:
        try:
            response = await fetcher.get(url, RequestOptions(headers=_ACCEPT))
        except FetchRefused as refusal:
            return Rejection(url, "refused", str(refusal))
        except FetchFailed as fault:
            return Rejection(url, "failed", str(fault))
        if response.status >= 400:
            return Rejection(url, "failed", say("HTTP status {status}", status=response.status))
        return await asyncio.to_thread(
            check_image, url, response.body, self._image_limits, self._site.min_side
        )

    def _finish(self) -> VisitResult:
        failures = self._listing.failures
        if not self._processed:
            raise PupilaError(
                say("No products found"),
                actual=listing([f"{url}: {why}" for url, why in failures.items()], 3) or listing(
                    [say("an item without an id: {item}", item=item) for item in self._listing.without_id], 1
                ) or say("nothing that matches {selector}", selector=self._site.item),
                expected=say("products at {pages}", pages=listing(list(self._site.start))),
                remedy=say("compare the page with the selectors in SITE.yaml"),
            )  # fmt: skip
        for item in self._listing.without_id:
            self._collection.reject(item, "", "no-id", say("item without an id"))
        complete = self._listing.complete and not self._truncated
        vanished = self._collection.finish(
            self._listing.products, complete, {"listed": len(self._processed), "new": self._new}
        )
        collection = self._collection
        return VisitResult(
            folder=collection.folder, products=len(collection.products), images=collection.images,
            duplicates=collection.count_rejected(duplicates=True), rejected=collection.count_rejected(duplicates=False),
            listed=len(self._processed), new=self._new, vanished=vanished, complete=complete, failures=failures,
        )  # fmt: skip


def check_image(url: str, content: bytes, limits: ImageLimits, min_side: int) -> FetchedImage | Rejection:
    """Decode a downloaded image, whatever content type the server sent; a rejection where it can't be used.

    Args:
        url: its address.
        content: its bytes.
        limits: of bytes and pixels.
        min_side: pixels that the shorter side needs.
    """
    try:
        header = probe(content, limits)
        decode(content, limits, header=header)
    except ImageFault as fault:
        return Rejection(url, fault.code, fault.reason)
    if min(header.width, header.height) < min_side:
        size = say("{width} x {height} pixels", width=header.width, height=header.height)
        return Rejection(url, "tiny", size)
    return FetchedImage(url, files.sha256(content), FORMATS[header.format].split()[0], content)


def _first_failure(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The exception of the task that failed first."""
    first = group.exceptions[0]
    return _first_failure(first) if isinstance(first, BaseExceptionGroup) else first
