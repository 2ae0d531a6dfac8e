"""Which addresses are public: every entry of IANA's special-purpose registries, and IPv4 carried in IPv6."""

import ipaddress
import random

import pytest

from pupila.stages.collect.addresses import NOT_PUBLIC, SPECIAL_IPV4, SPECIAL_IPV6, Network, is_public

# The registries as IANA published them (IPv4 and IPv6, 2025), copied from there and not from the code:
# block -> whether its page says that it is globally reachable.
IPV4_REGISTRY = {
    "0.0.0.0/8": False, "0.0.0.0/32": False, "10.0.0.0/8": False, "100.64.0.0/10": False, "127.0.0.0/8": False,
    "169.254.0.0/16": False, "172.16.0.0/12": False, "192.0.0.0/24": False, "192.0.0.0/29": False,
    "192.0.0.8/32": False, "192.0.0.9/32": True, "192.0.0.10/32": True, "192.0.0.170/32": False,
    "192.0.0.171/32": False, "192.0.2.0/24": False, "192.31.196.0/24": True, "192.52.193.0/24": True,
    "192.88.99.0/24": False, "192.88.99.2/32": False, "192.168.0.0/16": False, "192.175.48.0/24": True,
    "198.18.0.0/15": False, "198.51.100.0/24": False, "203.0.113.0/24": False, "240.0.0.0/4": False,
    "255.255.255.255/32": False,
}  # fmt: skip
IPV6_REGISTRY = {
    "::1/128": False, "::/128": False, "::ffff:0:0/96": False, "64:ff9b::/96": True, "64:ff9b:1::/48": False,
    "100::/64": False, "100:0:0:1::/64": False, "2001::/23": False, "2001::/32": False, "2001:1::1/128": True,
    "2001:1::2/128": True, "2001:1::3/128": True, "2001:2::/48": False, "2001:3::/32": True, "2001:4:112::/48": True,
    "2001:10::/28": False, "2001:20::/28": True, "2001:30::/28": True, "2001:db8::/32": False, "2002::/16": False,
    "2620:4f:8000::/48": True, "3fff::/20": False, "5f00::/16": False, "fc00::/7": False, "fe80::/10": False,
}  # fmt: skip
# Their first address is 0.0.0.0 or so, their middle one may be public: blocks whose packets end at an IPv4 address.
CARRYING = ("::ffff:0:0/96", "64:ff9b::/96", "2002::/16")
METADATA = [
    "168.63.129.16", "169.254.169.254", "169.254.170.2", "100.100.100.200", "192.0.0.192", "161.26.0.7", "166.8.0.1",
    "fd00:ec2::254", "fd20:ce::254", "fe80::a9fe:a9fe",
]  # fmt: skip
PUBLIC = "93.184.216.34"


def carry(ipv4: str) -> dict[str, str]:
    """The IPv6 addresses whose packets end at the IPv4 address, by the form."""
    value, words = int(ipaddress.IPv4Address(ipv4)), ipaddress.IPv4Address(ipv4)
    high, low = f"{value >> 16:x}", f"{value & 0xFFFF:x}"
    return {
        "mapped": f"::ffff:{words}",
        "mapped in hexadecimal": f"0:0:0:0:0:FFFF:{high}:{low}",
        "compatible": f"::{words}",
        "translated": f"::ffff:0:{words}",
        "NAT64": f"64:ff9b::{words}",
        "6to4": f"2002:{high}:{low}::1",
        "ISATAP": f"2606:2800:220:1:0:5efe:{high}:{low}",
        "ISATAP, universal": f"2606:2800:220:1:200:5efe:{high}:{low}",
        "mapped 6to4 of itself": f"2002:{high}:{low}:0:0:5efe:{high}:{low}",
    }


def ends(block: str) -> list[Network | ipaddress.IPv4Address | ipaddress.IPv6Address]:
    network = ipaddress.ip_network(block)
    return [network[0], network[network.num_addresses // 2], network[-1]]


def test_the_tables_hold_every_entry_of_the_registries() -> None:
    assert set(SPECIAL_IPV4) == set(IPV4_REGISTRY)
    assert set(SPECIAL_IPV6) == set(IPV6_REGISTRY)


@pytest.mark.parametrize(
    "block", [*IPV4_REGISTRY, *(b for b in IPV6_REGISTRY if b not in CARRYING), *NOT_PUBLIC]
)
def test_no_address_of_a_special_block_is_public(block: str) -> None:
    for address in ends(block):
        assert not is_public(str(address)), address


def test_the_neighbours_of_special_blocks_are_public_where_no_other_block_has_them() -> None:
    public = 0
    blocks = [ipaddress.IPv4Network(block) for block in (*IPV4_REGISTRY, *NOT_PUBLIC)]
    for block in blocks:
        for value in (int(block[0]) - 1, int(block[-1]) + 1):
            if 0 <= value < 2**32:
                address = ipaddress.IPv4Address(value)
                assert is_public(str(address)) == (not any(address in other for other in blocks)), address
                public += is_public(str(address))
    assert public > 25
    for neighbour in ("2001:200::", "2001:db7:ffff::1", "2001:db9::", "2003::", "2620:4f:7fff::1", "2620:4f:8001::",
                      "3ffe:ffff::1"):  # fmt: skip
        assert is_public(neighbour), neighbour
    for outside in ("1fff:ffff::1", "4000::", "64:ff9a::1", "64:ff9b:0:1::", "64:ff9b:2::", "101::", "5eff::1",
                    "5f01::", "fbff::1", "fe00::1", "fec0::1", "ff02::1", "ff0e::1"):  # fmt: skip
        assert not is_public(outside), outside


@pytest.mark.parametrize("form", sorted(carry(PUBLIC)))
def test_ipv4_inside_ipv6_counts_as_ipv4(form: str) -> None:
    assert is_public(carry(PUBLIC)[form])
    for block in (*IPV4_REGISTRY, *NOT_PUBLIC):
        for address in ends(block):
            assert not is_public(carry(str(address))[form]), address


def test_teredo_and_nat64_of_a_local_network_are_never_public() -> None:
    for address in ("2001:0:5db8:d822:0:ffff:a247:27dd", "64:ff9b:1::5db8:d822", "64:ff9b:1:5db8:d8:2200::"):
        assert not is_public(address)


@pytest.mark.parametrize("address", METADATA)
def test_metadata_of_clouds_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    ["", "nonsense", "0x7f.0.0.1", "0177.0.0.1", "2130706433", "127.1", "93.184.216.34/32", "93.184.216.034",
     "2606:2800::1%eth0", "2606:2800::1%", " 93.184.216.34", "[2606:2800::1]", "１.1.1.1"],
)  # fmt: skip
def test_other_notations_and_zones_are_not_public(address: str) -> None:
    assert not is_public(address)


def test_what_python_calls_special_is_never_public() -> None:
    draw = random.Random(7)
    for _ in range(1000):
        v4 = ipaddress.IPv4Address(draw.getrandbits(32))
        v6 = ipaddress.IPv6Address(0x2001 << 112 | draw.getrandbits(112))
        for address in (v4, v6):
            if is_public(str(address)):
                assert address.is_global
                assert not (address.is_multicast or address.is_reserved or address.is_private), address


def test_ordinary_addresses_are_public() -> None:
    for address in (PUBLIC, "1.1.1.1", "8.8.8.8", "2606:4700::1111", "2a00:1450:4001::200e", "240e::1"):
        assert is_public(address)
