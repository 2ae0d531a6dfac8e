"""Which addresses are on the public internet: the special-purpose registries of IANA, and IPv4 carried in IPv6."""

import ipaddress
from collections.abc import Callable
from functools import cache

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# The IANA IPv4 Special-Purpose Address Registry (RFC 6890, RFC 8190) as of 2025, with every entry, also those that it
# calls globally reachable: none of them is a shop. Kept here, for the tables of `ipaddress` differ between Pythons.
# https://www.iana.org/assignments/iana-ipv4-special-registry
SPECIAL_IPV4 = (
    "0.0.0.0/8",  # this network
    "0.0.0.0/32",  # this host on this network
    "10.0.0.0/8",  # private use
    "100.64.0.0/10",  # shared address space of carriers; Alibaba's metadata at 100.100.100.200
    "127.0.0.0/8",  # loopback
    "169.254.0.0/16",  # link local; metadata of most clouds at 169.254.169.254
    "172.16.0.0/12",  # private use
    "192.0.0.0/24",  # IETF protocol assignments; Oracle's metadata at 192.0.0.192
    "192.0.0.0/29",  # IPv4 service continuity
    "192.0.0.8/32",  # dummy address
    "192.0.0.9/32",  # Port Control Protocol anycast: the nearest router
    "192.0.0.10/32",  # TURN anycast: the nearest relay
    "192.0.0.170/32",  # NAT64 and DNS64 discovery
    "192.0.0.171/32",  # NAT64 and DNS64 discovery
    "192.0.2.0/24",  # documentation
    "192.31.196.0/24",  # AS112
    "192.52.193.0/24",  # AMT: the nearest relay
    "192.88.99.0/24",  # 6to4 relay anycast, deprecated
    "192.88.99.2/32",  # 6a44 relay anycast
    "192.168.0.0/16",  # private use
    "192.175.48.0/24",  # AS112
    "198.18.0.0/15",  # benchmarking
    "198.51.100.0/24",  # documentation
    "203.0.113.0/24",  # documentation
    "240.0.0.0/4",  # reserved
    "255.255.255.255/32",  # limited broadcast
)
# The IANA IPv6 Special-Purpose Address Registry as of 2025, likewise.
# https://www.iana.org/assignments/iana-ipv6-special-registry
SPECIAL_IPV6 = (
    "::1/128",  # loopback
    "::/128",  # unspecified
    "::ffff:0:0/96",  # IPv4-mapped
    "64:ff9b::/96",  # NAT64
    "64:ff9b:1::/48",  # NAT64 of a local network
    "100::/64",  # discard only
    "100:0:0:1::/64",  # dummy prefix
    "2001::/23",  # IETF protocol assignments
    "2001::/32",  # Teredo
    "2001:1::1/128",  # Port Control Protocol anycast
    "2001:1::2/128",  # TURN anycast
    "2001:1::3/128",  # DNS-SD registration anycast
    "2001:2::/48",  # benchmarking
    "2001:3::/32",  # AMT
    "2001:4:112::/48",  # AS112
    "2001:10::/28",  # ORCHID, deprecated
    "2001:20::/28",  # ORCHIDv2
    "2001:30::/28",  # drones' remote ID
    "2001:db8::/32",  # documentation
    "2002::/16",  # 6to4
    "2620:4f:8000::/48",  # AS112
    "3fff::/20",  # documentation
    "5f00::/16",  # segment routing
    "fc00::/7",  # unique local; metadata of Amazon at fd00:ec2::254
    "fe80::/10",  # link local
)
# Addresses that look public and lead into a cloud's own network, and those for groups of hosts.
NOT_PUBLIC = (
    "168.63.129.16/32",  # Azure's wire server: https://learn.microsoft.com/azure/virtual-network
    "161.26.0.0/16",  # IBM Cloud's services, reachable from inside only
    "166.8.0.0/14",  # IBM Cloud's services, reachable from inside only
    "224.0.0.0/4",  # multicast
)
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")  # all that IANA has given out of IPv6 (RFC 4291, 2.4)


def _last_bits(value: int) -> int:
    return value & 0xFFFFFFFF


# IPv6 networks whose packets end at the IPv4 address that they carry -> where it stands in the address.
CARRIERS: dict[str, Callable[[int], int]] = {
    "::/96": _last_bits,  # IPv4-compatible, deprecated
    "::ffff:0:0/96": _last_bits,  # IPv4-mapped
    "::ffff:0:0:0/96": _last_bits,  # IPv4-translated (RFC 2765)
    "64:ff9b::/96": _last_bits,  # NAT64 (RFC 6052)
    "2002::/16": lambda value: _last_bits(value >> 80),  # 6to4 (RFC 3056)
}
_ISATAP = (0x00005EFE, 0x02005EFE)  # bits 64 to 95 of an address whose last 32 bits are IPv4 (RFC 5214, 6.1)


def is_public(address: str) -> bool:
    """Whether the address is on the public internet: not local, private, special or multicast.

    An IPv6 address that carries an IPv4 address is public where that one is.

    Args:
        address: as `socket.getaddrinfo` gives it; one with a zone is local.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv4Address):
        return ip.is_global and not _is_in(ip, _special())
    if ip.scope_id is not None:
        return False
    value = int(ip)
    for network, carried in _carriers():
        if ip in network:
            return is_public(str(ipaddress.IPv4Address(carried(value))))
    if _last_bits(value >> 32) in _ISATAP and not is_public(str(ipaddress.IPv4Address(_last_bits(value)))):
        return False
    return ip in GLOBAL_UNICAST and ip.is_global and not _is_in(ip, _special())


def _is_in(ip: Address, networks: tuple[Network, ...]) -> bool:
    return any(ip in network for network in networks if network.version == ip.version)


@cache
def _special() -> tuple[Network, ...]:
    return tuple(map(ipaddress.ip_network, (*SPECIAL_IPV4, *SPECIAL_IPV6, *NOT_PUBLIC)))


@cache
def _carriers() -> tuple[tuple[Network, Callable[[int], int]], ...]:
    return tuple((ipaddress.ip_network(network), carried) for network, carried in CARRIERS.items())
