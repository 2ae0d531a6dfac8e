"""Crawling listings in a headless Chromium: it runs the pages' scripts, and every request goes through the fetcher."""

import asyncio
import base64
import os
import shutil
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urldefrag

from playwright.async_api import Browser, Error, Page, Playwright, Request, Route, async_playwright

from pupila.core.errors import PupilaError
from pupila.core.messages import number, say
from pupila.stages.collect.fetch import Fetcher, RequestOptions
from pupila.stages.collect.listing import Listing
from pupila.stages.collect.page_reader import PageReader, Parsed
from pupila.stages.collect.pages import check_page, set_page_number
from pupila.stages.collect.reader import Product
from pupila.stages.collect.rules import FetchFailed, FetchRefused
from pupila.stages.collect.site import Site

BROWSER_NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
)
_START_TIMEOUT = 120.0  # seconds for Chromium to start on a busy machine
_POLL_INTERVAL = 0.1  # seconds between two scans of a page
# seconds beyond idle_timeout; a page that grows for this long without a new product is abandoned
_STALL_LIMIT = 60.0
_SCRIPT_TIMEOUT = 60.0  # seconds for one of our scripts on the page
_WINDOW = (1280, 1600)  # width and height in pixels
_DEAD_PROXY = "http://127.0.0.1:9"  # a request that bypasses the fetcher ends at this proxy
# Requests that count towards the rate limit; scripts and styles do not.
_PACED_TYPES = frozenset({"document", "xhr", "fetch"})
_FETCHED_TYPES = frozenset({"document", "xhr", "fetch", "script", "stylesheet", "manifest", "other"})
# Images are downloaded separately; the page gets a 1 x 1 GIF in their place.
_PLACEHOLDER_GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_DROPPED_REQUEST_HEADERS = frozenset(
    {"host", "connection", "content-length", "accept-encoding", "user-agent"}
)
_DROPPED_RESPONSE_HEADERS = frozenset(
    {"content-encoding", "content-length", "transfer-encoding", "connection"}
)

# Returns the items that are new or changed since the last scan, the base address, and whether the page is at its end;
# then scrolls on by most of a window, or up and down again at the end.
_SCAN_SCRIPT = """
([selector, nudge]) => {
  const known = (window.__pupila ??= new WeakMap()), fresh = [];
  const items = document.querySelectorAll(selector);
  for (const item of items) {
    const html = item.outerHTML;
    if (known.get(item) !== html) { known.set(item, html); fresh.push(html); }
  }
  const end = window.scrollY + window.innerHeight >= document.documentElement.scrollHeight - 4;
  if (!end) window.scrollBy(0, 0.8 * window.innerHeight);
  else if (nudge) {
    window.scrollBy(0, -0.5 * window.innerHeight);
    items[items.length - 1]?.scrollIntoView({block: "end"});
    window.scrollBy(0, document.documentElement.scrollHeight);
  }
  return {fresh, end, base: document.baseURI};
}
"""


@dataclass(frozen=True, slots=True)
class _Scan:
    """What the scan script returns."""

    fresh: list[str]  # HTML of the items that are new or have changed
    end: bool  # whether the page is scrolled to its end
    base: str  # address that relative ones are resolved against


def find_browser(path: str | None) -> str:
    """The path of Chromium.

    Args:
        path: of the executable; None: the first of `BROWSER_NAMES` that is on PATH.

    Raises:
        PupilaError: there is none.
    """
    executable = shutil.which(path) if path else next(filter(None, map(shutil.which, BROWSER_NAMES)), None)
    if executable is None:
        raise PupilaError(
            say("Browser not found"), actual=path or say("none of {names} on PATH", names=", ".join(BROWSER_NAMES)),
            expected=say("Chromium or a Chromium-based browser"),
            remedy=say("sudo apt-get install chromium, or --chromium PATH, or --no-browser for pages that need none"),
        )  # fmt: skip
    return executable


@asynccontextmanager
async def open_browser(site: Site, executable: str) -> AsyncIterator[Browser]:
    """A running Chromium, closed afterwards.

    Raises:
        PupilaError: it does not start.
    """
    async with async_playwright() as driver:
        browser = await _launch(driver, site, executable)
        try:
            yield browser
        finally:
            await browser.close()


async def _launch(driver: Playwright, site: Site, executable: str) -> Browser:
    root = hasattr(os, "geteuid") and os.geteuid() == 0  # root can't have the sandbox
    try:
        return await driver.chromium.launch(
            executable_path=executable,
            chromium_sandbox=site.sandbox and not root,
            proxy={"server": _DEAD_PROXY},
            timeout=1000 * _START_TIMEOUT,
        )
    except Error as fault:
        sandbox = "sandbox" in fault.message.lower()
        raise PupilaError(
            say("The browser failed to start"), actual=f"{executable}: {fault.message.strip().splitlines()[0]}",
            expected=say("Chromium or a Chromium-based browser"),
            remedy="--no-sandbox" if sandbox else "--chromium PATH",
        ) from fault  # fmt: skip


class BrowserCrawler:
    """Crawls the pages of a site in a browser.

    Args:
        site: start pages, selectors and limits.
        reader: parses products from HTML.
        fetcher: makes every request of the browser.
        listing: receives the products.
    """

    def __init__(self, site: Site, reader: PageReader, fetcher: Fetcher, listing: Listing) -> None:
        self._site, self._reader, self._fetcher, self._listing = site, reader, fetcher, listing
        self._redirects: dict[str, str] = {}  # address of a document to its redirect target
        self._max_request_time = site.tries * (site.timeout + site.longest_wait)  # seconds
        self._refusal = ""  # why the last document was not loaded
        self._pending_requests = 0  # requests of the page in flight
        self._without_images: dict[str, Product] = {}  # products whose images have not loaded yet

    async def crawl(self, browser: Browser) -> AsyncGenerator[None, None]:
        """Fill the listing; yields after every batch of new products."""
        context = await browser.new_context(
            user_agent=self._site.user_agent, service_workers="block", accept_downloads=False,
            viewport={"width": _WINDOW[0], "height": _WINDOW[1]},
        )  # fmt: skip
        await context.route("**/*", self._handle_route)
        await context.route_web_socket("**/*", lambda socket: socket.close())
        try:
            page = await context.new_page()
            for start in self._site.start:
                async for _ in self._crawl_from(page, start):
                    yield
        finally:
            await context.unroute_all(behavior="ignoreErrors")
            await context.close()

    async def _crawl_from(self, page: Page, start: str) -> AsyncGenerator[None, None]:
        number, address = self._site.first_page, start
        self._listing.begin_start_page()
        while True:
            known = len(self._listing.start_page_ids)
            if address and not await self._open(page, address):
                return
            async for _ in self._scroll_to_end(page):
                yield
            if len(self._listing.start_page_ids) == known:
                return
            number += 1
            if self._site.more == "page":
                address = set_page_number(start, self._site.page, number)
            elif self._site.more == "next" and await self._click_next(page):
                address = ""
            else:
                return

    async def _open(self, page: Page, address: str) -> bool:
        """Whether the page was loaded and may be stored."""
        for _ in range(2):
            try:  # the fetcher has its own timeouts
                await page.goto(address, wait_until="domcontentloaded", timeout=1000 * self._max_request_time)
            except Error as fault:
                self._listing.record_failure(address, self._refusal or fault.message.splitlines()[0])
                return False
            if (target := self._redirects.pop(urldefrag(page.url)[0], None)) is None:
                break
            address = target  # opened by its final address, so that relative addresses resolve correctly
        return True

    async def _scroll_to_end(self, page: Page) -> AsyncGenerator[None, None]:
        """Scroll until no request is pending and nothing new has appeared for `idle_timeout` seconds."""
        quiet = idle = waited = 0.0
        while (
            quiet < self._site.idle_timeout
            and idle < _STALL_LIMIT + self._site.idle_timeout
            and waited < self._max_request_time
        ):
            scan = await self._scan(page, nudge=quiet > 0)
            if self._add_products(*await self._parse(scan, page.url)):
                quiet = idle = waited = 0.0
                yield
            elif not self._pending_requests:
                idle += _POLL_INTERVAL
                quiet += _POLL_INTERVAL if scan.end else 0
            waited += _POLL_INTERVAL
            await asyncio.sleep(_POLL_INTERVAL)
        if quiet < self._site.idle_timeout:
            self._listing.record_failure(page.url, say("the page kept changing"))
        if self._listing.add(list(self._without_images.values()), []):
            yield
        self._without_images.clear()

    async def _parse(self, scan: _Scan, address: str) -> Parsed:
        try:
            return await self._reader.parse_fragments(scan.fresh, scan.base)
        except FetchRefused as fault:
            self._listing.record_failure(address, str(fault))
            return [], []

    def _add_products(self, products: list[Product], without_id: list[str]) -> int:
        """The number of new products; one whose images have not loaded yet is held back."""
        for product in products:
            if product.images:
                self._without_images.pop(product.id, None)
            elif product.id not in self._listing.start_page_ids:
                self._without_images[product.id] = product
        return self._listing.add([p for p in products if p.images], without_id)

    async def _scan(self, page: Page, nudge: bool) -> _Scan:
        try:
            async with asyncio.timeout(_SCRIPT_TIMEOUT):
                return _Scan(**await page.evaluate(_SCAN_SCRIPT, [self._reader.item, nudge]))
        except TimeoutError as fault:
            raise PupilaError(
                say("The page does not respond"), actual=page.url,
                expected=say("a response within {n} s", n=number(_SCRIPT_TIMEOUT, 0)),
                remedy="--resume",
            ) from fault  # fmt: skip
        except Error as fault:
            if page.is_closed() or "crash" in fault.message.lower():
                raise PupilaError(
                    say("The browser crashed"), actual=fault.message.splitlines()[0], remedy="--resume"
                ) from fault
            return _Scan([], False, page.url)  # it is navigating to another page

    async def _click_next(self, page: Page) -> bool:
        """Whether there was a button, and it was clicked."""
        button = page.locator(self._site.next).first
        try:
            if not await button.count() or not await button.is_visible() or not await button.is_enabled():
                return False
            await button.click(timeout=1000 * self._site.timeout)
        except Error as fault:  # it disappeared, or something such as a banner covers it
            why = fault.message.splitlines()[0]
            self._listing.record_failure(
                page.url, say("the next button can't be clicked: {fault}", fault=why)
            )
            return False
        return True

    async def _handle_route(self, route: Route) -> None:
        """Serve a request of the browser."""
        request = route.request
        if request.resource_type == "image":
            await route.fulfill(status=200, content_type="image/gif", body=_PLACEHOLDER_GIF)
        elif request.resource_type not in _FETCHED_TYPES:
            await route.abort()
        else:
            self._pending_requests += 1
            try:
                await self._forward(route, request)
            finally:
                self._pending_requests -= 1

    async def _forward(self, route: Route, request: Request) -> None:
        """Make the request through the fetcher, which also follows redirects: the browser would bypass its rules."""
        document, paced = request.resource_type == "document", request.resource_type in _PACED_TYPES
        headers = {name: value for name, value in (await request.all_headers()).items()
                   if name not in _DROPPED_REQUEST_HEADERS and not name.startswith((":", "sec-ch-"))}  # fmt: skip
        options = RequestOptions(
            request.method, headers, request.post_data_buffer, paced=paced, stored=document
        )
        try:
            response = await self._fetcher.get(request.url, options)
            if document:
                await check_page(response, self._reader)
        except (FetchRefused, FetchFailed) as fault:
            if document:
                self._refusal = str(fault)
            elif paced:  # a failed request to a third party loses no product
                self._listing.record_failure(
                    request.url, str(fault), lost=self._fetcher.is_site_host(request.url)
                )
            await route.abort()
            return
        if paced and response.status >= 400:
            self._listing.record_failure(request.url, say("HTTP status {status}", status=response.status))
        if document and response.url != request.url:
            self._redirects[urldefrag(request.url)[0]] = response.url
        response_headers = {name: ("\n" if name == "set-cookie" else ", ").join(response.headers.get_list(name))
                  for name in response.headers if name not in _DROPPED_RESPONSE_HEADERS}  # fmt: skip
        await route.fulfill(status=response.status, headers=response_headers, body=response.body)
