"""Crawling listings without a browser: one page after the other, as plain HTML."""

from collections.abc import AsyncGenerator
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pupila.core.messages import say
from pupila.stages.collect.fetch import Fetcher, Response
from pupila.stages.collect.listing import Listing
from pupila.stages.collect.reader import Reader, read_robots_metas
from pupila.stages.collect.rules import FetchFailed, FetchRefused, find_opt_out
from pupila.stages.collect.site import Site


async def crawl_pages(
    site: Site, reader: Reader, fetcher: Fetcher, listing: Listing
) -> AsyncGenerator[None, None]:
    """Fill the listing page by page; yields after each, and ends at the first page without new products."""
    for start in site.start:
        address, number, visited = start, site.first_page, set[str]()
        listing.begin_start_page()
        while address and address not in visited:
            visited.add(address)
            try:
                response = await fetcher.get(address)
                check_page(response)
            except (FetchRefused, FetchFailed) as fault:
                listing.record_failure(address, str(fault))
                break
            html = response.text
            if not listing.add(*reader.parse_page(html, response.url)):
                break
            yield
            number += 1
            if site.more == "page":
                address = set_page_number(start, site.page, number)
            else:
                address = reader.next_page(html, response.url) if site.more == "next" else ""


def check_page(response: Response) -> None:
    """Accept a page that was loaded and does not opt out of being stored.

    Raises:
        FetchRefused: its robots meta opts out.
        FetchFailed: it is an error page.
    """
    if response.status >= 400:
        raise FetchFailed(say("HTTP status {status}", status=response.status))
    if opt_out := find_opt_out(read_robots_metas(response.text)):
        raise FetchRefused(say("its robots meta tag says {word}", word=opt_out))


def set_page_number(address: str, parameter: str, number: int) -> str:
    """The address with the parameter set to the number."""
    parts = urlsplit(address)
    query = [
        (key, value) for key, value in parse_qsl(parts.query, keep_blank_values=True) if key != parameter
    ]
    return urlunsplit(parts._replace(query=urlencode([*query, (parameter, str(number))])))
