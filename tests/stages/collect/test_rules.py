"""What may be requested: hosts, addresses, and the opt-outs of sites."""

import asyncio

import pytest

from pupila.stages.collect.addresses import is_public
from pupila.stages.collect.rules import AddressPolicy, FetchFailed, FetchRefused, find_opt_out, read_host
from pupila.stages.collect.site import Site


def check(url: str, addresses: tuple[str, ...] = ("93.184.216.34",), **more: object) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        if not addresses:
            raise OSError("unknown")
        return list(addresses)

    settings = {"start": "http://shop.example/all", "item": "p", "id": "b", "hosts": ["*.cdn.example"]} | more
    asyncio.run(AddressPolicy(Site.model_validate(settings), resolve).check(url))


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/x",
        "https://shop.example/x",
        "https://SHOP.example:443/",
        "https://a.cdn.example:8443/i.jpg",
    ],
)
def test_hosts_of_the_site_are_allowed(url: str) -> None:
    check(url)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://other.example/x", "not one of the site's hosts"),
        ("http://shop.example:9000/x", "not one of the site's hosts"),
        ("http://cdn.example/x", "not one of the site's hosts"),
        ("http://shop.example@other.example/", "not one of the site's hosts"),
        ("file:///etc/passwd", "not a web address"),
        ("ftp://shop.example/", "not a web address"),
        ("http://shop.example:port/", "not a web address"),
        ("http:///x", "not a web address"),
        ("http://shop.example./x", "not a web address"),
        ("http://shop.example%2eother.example/x", "not a web address"),
        ("http://shop.example\\.other.example/x", "not a web address"),
        ("http://shop.example:99999/", "not a web address"),
        ("http://shop。other/x", "not one of the site's hosts"),
    ],
)
def test_other_hosts_are_refused(url: str, message: str) -> None:
    with pytest.raises(FetchRefused, match=message):
        check(url)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.9.9", "169.254.169.254", "100.64.0.1", "0.0.0.0", "::1",
     "fe80::1%eth0", "fd00::1", "::ffff:10.0.0.1", "2002:7f00:1::", "224.0.0.1", "ff02::1", "nonsense",
     "64:ff9b::a00:1", "64:ff9b::7f00:1", "::7f00:1", "::", "fec0::1"],
)  # fmt: skip
def test_private_addresses_are_refused_whatever_the_host_name(address: str) -> None:
    assert not is_public(address)
    with pytest.raises(FetchRefused, match="private address"):
        check("http://shop.example/", ("93.184.216.34", address))
    check("http://shop.example/", (address,), allow_private=True)


def test_public_addresses_are_public() -> None:
    assert is_public("93.184.216.34")
    assert is_public("64:ff9b::5db8:d822")  # the first one, behind a NAT64
    assert is_public("2606:2800:220:1:248:1893:25c8:1946")


@pytest.mark.parametrize(
    "host",
    ["0x7f.1", "0x7f000001", "2130706433", "0177.0.0.1", "017700000001", "127.1", "127.0.0.1.", "127.0.0.01",
     "1.2.3.0x", "%31%32%37.0.0.1", "①②⑦.0.0.1", "1２7.0.0.1", "[fe80::1%25eth0]", "[fe80::1%eth0]", "[::1",
     "[v1.x]", "a..b", ".shop.example", "-shop.example", "sh op.example", "shop\u200b.example"],
)  # fmt: skip
def test_hosts_in_odd_notations_are_refused_even_by_a_wildcard(host: str) -> None:
    with pytest.raises(FetchRefused, match="not a web address"):
        check(f"http://{host}/x", hosts=["*"], allow_private=True)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("http://127。0．0｡1/", ("127.0.0.1", 80)),
        ("https://CAFÉ.example:8443/", ("xn--caf-dma.example", 8443)),
        ("http://[::FFFF:127.0.0.1]/", ("::ffff:127.0.0.1", 80)),
        ("http://a_b.example/", ("a_b.example", 80)),
        ("https://user:word@shop.example/", ("shop.example", 443)),
    ],
)
def test_a_host_is_read_as_it_is_connected_to(url: str, place: tuple[str, int]) -> None:
    assert read_host(url) == place


def test_idn_dots_and_letters_are_one_host_in_both_spellings() -> None:
    with pytest.raises(FetchRefused, match="private address"):
        check("http://127。0。0。1/", ("127.0.0.1",), hosts=["127.0.0.1"])
    for url in ("http://café.example/", "http://xn--caf-dma.example/"):
        for pattern in ("café.example", "xn--caf-dma.example", "*.example"):
            check(url, hosts=[pattern])
        check(url, start="http://café.example/all")
        check(url, start="http://xn--caf-dma.example/all")


def test_an_unknown_host_is_a_failure_and_not_a_refusal() -> None:
    with pytest.raises(FetchFailed, match="can't be resolved"):
        check("http://shop.example/", ())


@pytest.mark.parametrize(
    ("lines", "word"),
    [
        ([], ""),
        (["noindex, nofollow"], ""),  # about search results and links
        (["noindex, NoImageIndex"], "noimageindex"),
        (["none"], "none"),
        (["all", "noai"], "noai"),
        (["noimageai"], "noimageai"),
        (["otherbot: none"], ""),
        (["Pupila: none"], "none"),
        (["max-image-preview: none"], ""),
        (["max-image-preview: large, noai"], "noai"),
        (["unavailable_after: 2030-01-01"], ""),
    ],
)
def test_opt_outs_are_found_in_robots_directives(lines: list[str], word: str) -> None:
    assert find_opt_out(lines) == word
