"""Listings that need no browser: pages asked one after the other."""

from collections.abc import AsyncGenerator
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pupila.core.messages import say
from pupila.stages.collect.fetch import Answer, Fetcher
from pupila.stages.collect.listing import Listing
from pupila.stages.collect.reader import Reader, robots_metas
from pupila.stages.collect.rules import Failed, Refused, opted_out
from pupila.stages.collect.site import Site


async def read_pages(
    site: Site, reader: Reader, fetcher: Fetcher, listing: Listing
) -> AsyncGenerator[None, None]:
    """Fill the listing page by page, and stop after each; a page that brings nothing new is the last one."""
    for start in site.start:
        address, number, seen = start, site.first_page, set[str]()
        listing.begin()
        while address and address not in seen:
            seen.add(address)
            try:
                answer = await fetcher.get(address)
                check_page(answer)
            except (Refused, Failed) as fault:
                listing.missed(address, str(fault))
                break
            html = answer.text
            if not listing.take(*reader.page(html, answer.url)):
                break
            yield
            number += 1
            if site.more == "page":
                address = numbered(start, site.page, number)
            else:
                address = reader.next_page(html, answer.url) if site.more == "next" else ""


def check_page(answer: Answer) -> None:
    """Pass a page that is there and says nothing against being kept.

    Raises:
        Refused: its robots meta says no.
        Failed: it is an error's page.
    """
    if answer.status >= 400:
        raise Failed(say("the server answered {status}", status=answer.status))
    if word := opted_out(robots_metas(answer.text)):
        raise Refused(say("its robots meta says {word}", word=word))


def numbered(address: str, parameter: str, number: int) -> str:
    """The address with the parameter set to the number."""
    told = urlsplit(address)
    query = [(key, value) for key, value in parse_qsl(told.query, keep_blank_values=True) if key != parameter]
    return urlunsplit(told._replace(query=urlencode([*query, (parameter, str(number))])))
