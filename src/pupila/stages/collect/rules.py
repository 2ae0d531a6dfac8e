"""What may be asked: hosts and addresses that are allowed, and what sites say to robots."""

import asyncio
import fnmatch
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Iterable
from urllib.parse import SplitResult, urlsplit

from pupila.core.messages import say
from pupila.stages.collect.site import AGENT, Site

Resolve = Callable[[str, int], Awaitable[list[str]]]  # host and port to addresses

# What speaks against taking images. `noindex` does not: it is about search results.
OPT_OUTS = frozenset({"none", "noimageindex", "noai", "noimageai"})
_WITH_VALUE = ("unavailable_after", "max-snippet", "max-image-preview", "max-video-preview")
_PORTS = {"http": 80, "https": 443}
# IPv6 networks that carry IPv4 addresses in their last 32 bits: IPv4-compatible ones, and those of a NAT64.
_CARRIERS = (ipaddress.IPv6Network("::/96"), ipaddress.IPv6Network("64:ff9b::/96"))


class Refused(Exception):
    """What must not be asked, or not be kept; the text says why."""


class Failed(Exception):
    """What could not be had, perhaps another time; the text says why."""


async def resolve(host: str, port: int) -> list[str]:
    """All addresses of the host.

    Raises:
        OSError: it has none.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


def is_public(address: str) -> bool:
    """Whether the address is one of the whole internet: not this machine's, a private network's, or a group's."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner: ipaddress.IPv4Address | ipaddress.IPv6Address = ip
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.is_site_local:
            return False
        carried = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if any(ip in net for net in _CARRIERS) else ip
        inner = ip.ipv4_mapped or ip.sixtofour or carried
    return inner.is_global and not inner.is_multicast


def origin(url: str) -> str:
    """Scheme, host and port: what a robots.txt speaks for."""
    told = urlsplit(url)
    return f"{told.scheme}://{told.netloc.rpartition('@')[2].lower()}"


class Addresses:
    """The hosts of the start pages and of the setting, on the internet unless allowed otherwise."""

    def __init__(self, site: Site, resolve: Resolve = resolve) -> None:
        self._site, self._resolve = site, resolve
        self._own = {(told.hostname or "", port_of(told)) for told in map(urlsplit, site.start)}

    async def check(self, url: str) -> None:
        """Pass an address that may be asked.

        Raises:
            Refused: another kind of address, another host, or a private one.
            Failed: the host is not known.
        """
        try:
            told = urlsplit(url)
            host, port = told.hostname or "", port_of(told)
        except ValueError as fault:
            raise Refused(say("no web address: {url}", url=url)) from fault
        if told.scheme not in _PORTS or not host:
            raise Refused(say("no web address: {url}", url=url))
        if not self._ours(host, port):
            raise Refused(say("{host} is none of the site's hosts", host=told.netloc))
        await self.behind(host, port)

    def is_ours(self, url: str) -> bool:
        """Whether the site's own hosts answer there, and no stranger."""
        try:
            told = urlsplit(url)
            return self._ours(told.hostname or "", port_of(told))
        except ValueError:
            return False

    async def behind(self, host: str, port: int) -> list[str]:
        """The addresses behind a host's name.

        Raises:
            Refused: one of them is private, and that is not allowed.
            Failed: the host is not known.
        """
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError) as fault:
            raise Failed(say("{host} can't be found: {fault}", host=host, fault=fault)) from fault
        private = [address for address in addresses if not is_public(address)]
        if private and not self._site.allow_private:
            raise Refused(say("{host} is at the private address {address}", host=host, address=private[0]))
        return addresses

    def _ours(self, host: str, port: int) -> bool:
        usual = set(_PORTS.values())
        for own, own_port in self._own:  # from http to https is no other host, from port 80 to 9000 it is
            if host == own and (port == own_port or {port, own_port} <= usual):
                return True
        return any(fnmatch.fnmatchcase(host, pattern.lower()) for pattern in self._site.hosts)


def port_of(told: SplitResult) -> int:
    """The port that the address names or means."""
    return told.port or _PORTS.get(told.scheme, 0)


def opted_out(lines: Iterable[str]) -> str:
    """The word by which a page or an image says no, or "".

    Args:
        lines: each an `X-Robots-Tag` or the content of a robots `<meta>`; `NAME: ...` is for robots of that name.
    """
    for line in lines:
        agent, colon, rest = line.partition(":")
        named = (
            bool(colon) and re.fullmatch(r"\s*[\w.-]+\s*", agent) and agent.strip().lower() not in _WITH_VALUE
        )
        if named and agent.strip().lower() != AGENT.lower():
            continue
        for word in (rest if named else line).lower().split(","):
            if word.strip() in OPT_OUTS:
                return word.strip()
    return ""
