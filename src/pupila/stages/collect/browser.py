"""Listings that a browser draws: Chromium runs the pages' scripts, and all it asks for goes through the fetcher."""

import asyncio
import base64
import os
import shutil
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urldefrag

from playwright.async_api import Browser, Error, Page, Playwright, Request, Route, async_playwright

from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.stages.collect.fetch import Ask, Fetcher
from pupila.stages.collect.listing import Listing
from pupila.stages.collect.pages import check_page, numbered
from pupila.stages.collect.reader import Product, Reader
from pupila.stages.collect.rules import Failed, Refused
from pupila.stages.collect.site import Site

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
_START = 120.0  # seconds for Chromium to start on a busy machine
_STEP = 0.1  # seconds between two looks at a page
_STALLED = (
    60.0  # seconds beyond the patience; a page that grows for so long without a new product is given up
)
_LONGEST_STEP = 60.0  # seconds for one script of ours on the page
_WINDOW = (1280, 1600)  # pixels, wide and high
_NOWHERE = "http://127.0.0.1:9"  # what is not handed to the fetcher gets no further than this proxy
_ASKED = frozenset(
    {"document", "xhr", "fetch"}
)  # work for the server: these keep the pace, scripts and styles do not
_DRAWN = frozenset({"document", "xhr", "fetch", "script", "stylesheet", "manifest", "other"})
# An image is fetched by us alone, and the page is content with a dot.
_DOT = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_NOT_FORWARDED = frozenset({"host", "connection", "content-length", "accept-encoding", "user-agent"})
_NOT_HANDED_ON = frozenset({"content-encoding", "content-length", "transfer-encoding", "connection"})

# The items that are new or changed since the last look, where their addresses start, and how the page lies;
# then it moves on by most of a window, or up and down at its end.
_LOOK = """
([selector, nudge]) => {
  const told = (window.__pupila ??= new WeakMap()), fresh = [];
  const items = document.querySelectorAll(selector);
  for (const item of items) {
    const html = item.outerHTML;
    if (told.get(item) !== html) { told.set(item, html); fresh.push(html); }
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


def find_browser(told: str | None) -> str:
    """Where Chromium lies.

    Args:
        told: its path; None: one on PATH by a usual name.

    Raises:
        PupilaError: there is none.
    """
    found = shutil.which(told) if told else next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise PupilaError(
            say("No browser"), found=told or say("none of {names}", names=", ".join(NAMES)),
            wanted=say("Chromium, or a browser made from it"),
            remedy=say("sudo apt-get install chromium; or --browser PATH; or a site that needs none (browser: false)"),
        )  # fmt: skip
    return found


@asynccontextmanager
async def browsing(site: Site, executable: str) -> AsyncIterator[Browser]:
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
            proxy={"server": _NOWHERE},
            timeout=1000 * _START,
        )
    except Error as fault:
        sandbox = "sandbox" in fault.message.lower()
        raise PupilaError(
            say("The browser does not start"), found=f"{executable}: {fault.message.strip().splitlines()[0]}",
            wanted=say("Chromium, or a browser made from it"),
            remedy="--set sandbox=false" if sandbox else "--browser PATH",
        ) from fault  # fmt: skip


class Drawn:
    """Pages as a browser draws them.

    Args:
        site: what to read.
        reader: reads it.
        fetcher: asks for it.
        listing: takes it.
    """

    def __init__(self, site: Site, reader: Reader, fetcher: Fetcher, listing: Listing) -> None:
        self._site, self._reader, self._fetcher, self._listing = site, reader, fetcher, listing
        self._moved: dict[str, str] = {}  # of documents: where they lie now
        self._longest = site.tries * (site.timeout + site.longest_wait)  # seconds that one answer can take
        self._barred = ""  # why the last document was not had
        self._asked = 0  # requests of the page that wait or run
        self._bare: dict[str, Product] = {}  # items whose images have not come yet

    async def read(self, browser: Browser) -> AsyncGenerator[None, None]:
        """Fill the listing, and stop whenever something new came."""
        context = await browser.new_context(
            user_agent=self._site.agent, service_workers="block", accept_downloads=False,
            viewport={"width": _WINDOW[0], "height": _WINDOW[1]},
        )  # fmt: skip
        await context.route("**/*", self._answer)
        await context.route_web_socket("**/*", lambda socket: socket.close())
        try:
            page = await context.new_page()
            for start in self._site.start:
                async for _ in self._listed(page, start):
                    yield
        finally:
            await context.unroute_all(behavior="ignoreErrors")
            await context.close()

    async def _listed(self, page: Page, start: str) -> AsyncGenerator[None, None]:
        number, address = self._site.first_page, start
        self._listing.begin()
        while True:
            known = len(self._listing.shown)
            if address and not await self._open(page, address):
                return
            async for _ in self._until_quiet(page):
                yield
            if len(self._listing.shown) == known:
                return
            number += 1
            if self._site.more == "page":
                address = numbered(start, self._site.page, number)
            elif self._site.more == "next" and await self._pressed(page):
                address = ""
            else:
                return

    async def _open(self, page: Page, address: str) -> bool:
        """Whether the page is there, and may be kept."""
        for _ in range(2):
            try:  # the fetcher has its own patience
                await page.goto(address, wait_until="domcontentloaded", timeout=1000 * self._longest)
            except Error as fault:
                self._listing.missed(address, self._barred or fault.message.splitlines()[0])
                return False
            if (moved := self._moved.pop(urldefrag(page.url)[0], None)) is None:
                break
            address = moved  # asked again by its own name, or its relative addresses would lead elsewhere
        return True

    async def _until_quiet(self, page: Page) -> AsyncGenerator[None, None]:
        """Scroll on and look until nothing new comes any more: not while something is asked for, and not at once."""
        quiet = idle = waited = 0.0
        while (
            quiet < self._site.patience and idle < _STALLED + self._site.patience and waited < self._longest
        ):
            found = await self._look(page, nudge=quiet > 0)
            if self._took(*self._reader.fragments(found["fresh"], found["base"])):
                quiet = idle = waited = 0.0
                yield
            elif not self._asked:
                idle += _STEP
                quiet += _STEP if found["end"] else 0
            waited += _STEP
            await asyncio.sleep(_STEP)
        if quiet < self._site.patience:
            self._listing.missed(page.url, say("it did not come to rest"))
        if self._listing.take(list(self._bare.values()), []):
            yield
        self._bare.clear()

    def _took(self, products: list[Product], nameless: list[str]) -> int:
        """How many new products came; one whose images have not come yet waits for them."""
        for product in products:
            if product.images:
                self._bare.pop(product.id, None)
            elif product.id not in self._listing.shown:
                self._bare[product.id] = product
        return self._listing.take([p for p in products if p.images], nameless)

    async def _look(self, page: Page, nudge: bool) -> dict[str, Any]:
        try:
            async with asyncio.timeout(_LONGEST_STEP):
                found: dict[str, Any] = await page.evaluate(_LOOK, [self._reader.item, nudge])
                return found
        except TimeoutError as fault:
            raise PupilaError(
                say("The page hangs"), found=page.url, wanted=say("an answer within {n:g} s", n=_LONGEST_STEP),
                remedy="--resume",
            ) from fault  # fmt: skip
        except Error as fault:
            if page.is_closed() or "crash" in fault.message.lower():
                raise PupilaError(
                    say("The browser ended"), found=fault.message.splitlines()[0], remedy="--resume"
                ) from fault
            return {"fresh": [], "end": False, "base": page.url}  # it is on its way to another page

    async def _pressed(self, page: Page) -> bool:
        """Whether there was a button to press."""
        button = page.locator(self._site.next).first
        try:
            if not await button.count() or not await button.is_visible() or not await button.is_enabled():
                return False
            await button.click(timeout=1000 * self._site.timeout)
        except Error as fault:  # it went away, or something such as a banner lies over it
            why = fault.message.splitlines()[0]
            self._listing.missed(page.url, say("the button for more can't be pressed: {fault}", fault=why))
            return False
        return True

    async def _answer(self, route: Route) -> None:
        """Answer a request of the browser."""
        request = route.request
        if request.resource_type == "image":
            await route.fulfill(status=200, content_type="image/gif", body=_DOT)
        elif request.resource_type not in _DRAWN:
            await route.abort()
        else:
            self._asked += 1
            try:
                await self._forward(route, request)
            finally:
                self._asked -= 1

    async def _forward(self, route: Route, request: Request) -> None:
        """Ask by the fetcher, under all its rules; it follows redirects, for the browser would follow them alone."""
        document, works = request.resource_type == "document", request.resource_type in _ASKED
        headers = {name: value for name, value in (await request.all_headers()).items()
                   if name not in _NOT_FORWARDED and not name.startswith((":", "sec-ch-"))}  # fmt: skip
        ask = Ask(request.method, headers, request.post_data_buffer, paced=works, kept=document)
        try:
            answer = await self._fetcher.get(request.url, ask)
            if document:
                check_page(answer)
        except (Refused, Failed) as fault:
            if document:
                self._barred = str(fault)
            elif works:  # what strangers count and show is no loss
                self._listing.missed(request.url, str(fault), lost=self._fetcher.is_ours(request.url))
            await route.abort()
            return
        if works and answer.status >= 400:
            self._listing.missed(request.url, say("the server answered {status}", status=answer.status))
        if document and answer.url != request.url:
            self._moved[urldefrag(request.url)[0]] = answer.url
        handed = {name: ("\n" if name == "set-cookie" else ", ").join(answer.headers.get_list(name))
                  for name in answer.headers if name not in _NOT_HANDED_ON}  # fmt: skip
        await route.fulfill(status=answer.status, headers=handed, body=answer.body)
