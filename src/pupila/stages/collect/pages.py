"""Crawling listings without a browser: one page after the other, as plain HTML."""

from collections.abc import AsyncGenerator
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pupila.core.messages import say
from pupila.stages.collect.fetch import Fetcher, Response
from pupila.stages.collect.listing import Listing
from pupila.stages.collect.page_reader import PageReader
from pupila.stages.collect.rules import FetchFailed, FetchRefused, find_opt_out
from pupila.stages.collect.site import Site


async def crawl_pages(
    site: Site, reader: PageReader, fetcher: Fetcher, listing: Listing
) -> AsyncGenerator[None, None]:
    """Fill the listing page by page; yields after each, and ends at the first page without new products."""
    for start in site.start:
        address, number, visited = start, site.first_page, set[str]()
        listing.begin_start_page()
        while address and address not in visited:
            visited.add(address)
            try:
                response = await fetcher.get(address)
                await check_page(response, reader)
                html = response.text
                parsed = await reader.parse_page(html, response.url)
                following = await reader.next_page(html, response.url) if site.more == "next" else ""
            except (FetchRefused, FetchFailed) as fault:
                listing.record_failure(address, str(fault))
                break
            if not listing.add(*parsed):
                break
            yield
            number += 1
            address = set_page_number(start, site.page, number) if site.more == "page" else following


async def check_page(response: Response, reader: PageReader) -> None:
    """Accept a page that was loaded and does not opt out of being stored.

    Raises:
        FetchRefused: its robots meta opts out, or takes too long to read.
        FetchFailed: it is an error page.
    """
    if response.status >= 400:
        raise FetchFailed(say("HTTP status {status}", status=response.status))
    if opt_out := find_opt_out(await reader.read_robots_metas(response.text)):
        raise FetchRefused(say("its robots meta tag says {word}", word=opt_out))


def set_page_number(address: str, parameter: str, number: int) -> str:
    """The address with the parameter set to the number."""
    parts = urlsplit(address)
    query = [
        (key, value) for key, value in parse_qsl(parts.query, keep_blank_values=True) if key != parameter
    ]
    return urlunsplit(parts._replace(query=urlencode([*query, (parameter, str(number))])))
