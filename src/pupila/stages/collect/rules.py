"""What may be requested: the allowed hosts and addresses, and the opt-outs of sites."""

import asyncio
import fnmatch
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Iterable
from urllib.parse import urlsplit

import httpx

from pupila.core.messages import say
from pupila.stages.collect.addresses import is_public
from pupila.stages.collect.site import ROBOT_NAME, Site

Resolve = Callable[[str, int], Awaitable[list[str]]]  # host and port to addresses

# Robots directives that opt out of downloading images. `noindex` does not: it is about search results.
OPT_OUTS = frozenset({"none", "noimageindex", "noai", "noimageai"})
_WITH_VALUE = ("unavailable_after", "max-snippet", "max-image-preview", "max-video-preview")
_PORTS = {"http": 80, "https": 443}
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?"  # of a host name; shops have names with underscores
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)  # a last label that makes the host an IPv4 address


class FetchRefused(Exception):
    """A request that must not be made, or content that must not be stored; the text says why."""


class FetchFailed(Exception):
    """A request that failed and may succeed later; the text says why."""


async def resolve(host: str, port: int) -> list[str]:
    """All addresses of the host.

    Raises:
        OSError: it has none.
    """
    entries = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in entries]


def read_host(url: str) -> tuple[str, int]:
    """The host and the port that a request for the address connects to.

    The host is ASCII in small letters: a name without a final dot, an IPv4 address of four decimal numbers, or an
    IPv6 address without a zone. What only some libraries take for an address (`0x7f.1`, `2130706433`) is refused, so
    that what is checked is what is connected to.

    Raises:
        ValueError: no web address, or a host in another notation.
    """
    try:
        parts = httpx.URL(url)
        host, port = parts.raw_host.decode("ascii").lower(), parts.port or _PORTS.get(parts.scheme, 0)
    except (httpx.InvalidURL, UnicodeError, TypeError) as fault:
        raise ValueError(url) from fault
    if not 0 < port < 65_536:
        raise ValueError(url)
    if ":" in host:
        ipaddress.IPv6Address(host if "%" not in host else "")
    elif _NUMBER.fullmatch(host.rpartition(".")[2]):
        ipaddress.IPv4Address(host)
    elif not _HOST.fullmatch(host):
        raise ValueError(url)
    return host, port


def origin(url: str) -> str:
    """Scheme, host and port: the scope of a robots.txt."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}"


class AddressPolicy:
    """Allows the hosts of the start pages and of the setting `hosts`, at public addresses unless `allow_private`."""

    def __init__(self, site: Site, resolve: Resolve = resolve) -> None:
        self._site, self._resolve = site, resolve
        self._own = {place for start in site.start if (place := _place(start))}

    async def check(self, url: str) -> None:
        """Accept an address that may be requested.

        Raises:
            FetchRefused: not a web address, another host, or a private address.
            FetchFailed: the host is unknown.
        """
        if (place := _place(url)) is None:
            raise FetchRefused(say("not a web address: {url}", url=url))
        host, port = place
        if not self._is_site_host(host, port):
            raise FetchRefused(say("{host} is not one of the site's hosts", host=urlsplit(url).netloc))
        await self.resolve_allowed(host, port)

    def is_site_host(self, url: str) -> bool:
        """Whether the address belongs to one of the site's own hosts."""
        place = _place(url)
        return place is not None and self._is_site_host(*place)

    async def resolve_allowed(self, host: str, port: int) -> list[str]:
        """Resolve a host and check its addresses.

        Raises:
            FetchRefused: one of them is private, and that is not allowed.
            FetchFailed: the host is unknown.
        """
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError) as fault:
            raise FetchFailed(say("{host} can't be resolved: {fault}", host=host, fault=fault)) from fault
        private = [address for address in addresses if not is_public(address)]
        if private and not self._site.allow_private:
            raise FetchRefused(
                say("{host} resolves to the private address {address}", host=host, address=private[0])
            )
        return addresses

    def _is_site_host(self, host: str, port: int) -> bool:
        usual = set(_PORTS.values())
        for own, own_port in self._own:  # http and https are one host; another port is another host
            if host == own and (port == own_port or {port, own_port} <= usual):
                return True
        names = {host, httpx.URL(scheme="http", host=host).host}  # an IDN also in its own letters
        return any(
            fnmatch.fnmatchcase(name, pattern.lower()) for name in names for pattern in self._site.hosts
        )


def _place(url: str) -> tuple[str, int] | None:
    """Host and port of a web address; None for anything else."""
    try:
        return read_host(url) if urlsplit(url).scheme in _PORTS else None
    except ValueError:
        return None


def find_opt_out(lines: Iterable[str]) -> str:
    """The directive by which a page or an image opts out, or "".

    Args:
        lines: each an `X-Robots-Tag` or the content of a robots `<meta>`; `NAME: ...` is for robots of that name.
    """
    for line in lines:
        agent, colon, rest = line.partition(":")
        named = (
            bool(colon) and re.fullmatch(r"\s*[\w.-]+\s*", agent) and agent.strip().lower() not in _WITH_VALUE
        )
        if named and agent.strip().lower() != ROBOT_NAME.lower():
            continue
        for word in (rest if named else line).lower().split(","):
            if word.strip() in OPT_OUTS:
                return word.strip()
    return ""
