"""What may be requested: the allowed hosts and addresses, and the opt-outs of sites."""

import asyncio
import fnmatch
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Iterable
from urllib.parse import SplitResult, urlsplit

from pupila.core.messages import say
from pupila.stages.collect.site import ROBOT_NAME, Site

Resolve = Callable[[str, int], Awaitable[list[str]]]  # host and port to addresses

# Robots directives that opt out of downloading images. `noindex` does not: it is about search results.
OPT_OUTS = frozenset({"none", "noimageindex", "noai", "noimageai"})
_WITH_VALUE = ("unavailable_after", "max-snippet", "max-image-preview", "max-video-preview")
_PORTS = {"http": 80, "https": 443}
# IPv6 networks that carry IPv4 addresses in their last 32 bits: IPv4-compatible ones, and those of a NAT64.
_CARRIERS = (ipaddress.IPv6Network("::/96"), ipaddress.IPv6Network("64:ff9b::/96"))


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


def is_public(address: str) -> bool:
    """Whether the address is on the public internet: not local, private or multicast."""
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
    """Scheme, host and port: the scope of a robots.txt."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}"


class AddressPolicy:
    """Allows the hosts of the start pages and of the setting `hosts`, at public addresses unless `allow_private`."""

    def __init__(self, site: Site, resolve: Resolve = resolve) -> None:
        self._site, self._resolve = site, resolve
        self._own = {(parts.hostname or "", effective_port(parts)) for parts in map(urlsplit, site.start)}

    async def check(self, url: str) -> None:
        """Accept an address that may be requested.

        Raises:
            FetchRefused: not a web address, another host, or a private address.
            FetchFailed: the host is unknown.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", effective_port(parts)
        except ValueError as fault:
            raise FetchRefused(say("not a web address: {url}", url=url)) from fault
        if parts.scheme not in _PORTS or not host:
            raise FetchRefused(say("not a web address: {url}", url=url))
        if not self._is_site_host(host, port):
            raise FetchRefused(say("{host} is not one of the site's hosts", host=parts.netloc))
        await self.resolve_allowed(host, port)

    def is_site_host(self, url: str) -> bool:
        """Whether the address belongs to one of the site's own hosts."""
        try:
            parts = urlsplit(url)
            return self._is_site_host(parts.hostname or "", effective_port(parts))
        except ValueError:
            return False

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
        return any(fnmatch.fnmatchcase(host, pattern.lower()) for pattern in self._site.hosts)


def effective_port(parts: SplitResult) -> int:
    """The port of the address: its own, or the default of its scheme."""
    return parts.port or _PORTS.get(parts.scheme, 0)


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
