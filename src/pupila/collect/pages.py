"""Listings that need no browser: pages asked one after the other."""

from collections.abc import AsyncGenerator
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pupila.collect.fetch import Fetcher
from pupila.collect.listing import Listing
from pupila.collect.reader import Reader, robots_metas
from pupila.collect.rules import Failed, Refused, opted_out
from pupila.collect.site import Site
from pupila.messages import say


async def read_pages(
    site: Site, reader: Reader, fetcher: Fetcher, listing: Listing
) -> AsyncGenerator[None, None]:
    """Fill the listing page by page, and stop after each; a page that brings nothing new is the last one."""
    for start in site.start:
        address, number, seen = start, site.first_page, set[str]()
        while address and address not in seen:
            seen.add(address)
            try:
                html = await _page(fetcher, address)
            except (Refused, Failed) as fault:
                listing.missed(address, str(fault))
                break
            if not listing.take(*reader.page(html[0], html[1])):
                break
            yield
            number += 1
            address = _onward(site, reader, start, number, html)


async def _page(fetcher: Fetcher, address: str) -> tuple[str, str]:
    """The HTML, and the address where it was found.

    Raises:
        Refused: the page says no.
        Failed: no page.
    """
    answer = await fetcher.get(address)
    if answer.status >= 400:
        raise Failed(say("the server answered {status}", status=answer.status))
    html = answer.text
    if word := opted_out(robots_metas(html)):
        raise Refused(say("its robots meta says {word}", word=word))
    return html, answer.url


def _onward(site: Site, reader: Reader, start: str, number: int, html: tuple[str, str]) -> str:
    if site.more == "page":
        return numbered(start, site.page, number)
    return reader.next_page(*html) if site.more == "next" else ""


def numbered(address: str, parameter: str, number: int) -> str:
    """The address with the parameter set to the number."""
    told = urlsplit(address)
    query = [(key, value) for key, value in parse_qsl(told.query, keep_blank_values=True) if key != parameter]
    return urlunsplit(told._replace(query=urlencode([*query, (parameter, str(number))])))
