"""What may be asked: hosts, addresses, and the words by which sites say no."""

import asyncio

import pytest

from pupila.stages.collect.rules import Addresses, Failed, Refused, is_public, opted_out
from pupila.stages.collect.site import Site


def check(url: str, addresses: tuple[str, ...] = ("93.184.216.34",), **more: object) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        if not addresses:
            raise OSError("unknown")
        return list(addresses)

    told = {"start": "http://shop.example/all", "item": "p", "id": "b", "hosts": ["*.cdn.example"]} | more
    asyncio.run(Addresses(Site.model_validate(told), resolve).check(url))


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/x",
        "https://shop.example/x",
        "https://SHOP.example:443/",
        "https://a.cdn.example:8443/i.jpg",
    ],
)
def test_the_sites_own_hosts_may_be_asked(url: str) -> None:
    check(url)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://other.example/x", "none of the site's hosts"),
        ("http://shop.example:9000/x", "none of the site's hosts"),
        ("http://cdn.example/x", "none of the site's hosts"),
        ("http://shop.example@other.example/", "none of the site's hosts"),
        ("file:///etc/passwd", "no web address"),
        ("ftp://shop.example/", "no web address"),
        ("http://shop.example:port/", "no web address"),
        ("http:///x", "no web address"),
    ],
)
def test_others_may_not(url: str, says: str) -> None:
    with pytest.raises(Refused, match=says):
        check(url)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.9.9", "169.254.169.254", "100.64.0.1", "0.0.0.0", "::1",
     "fe80::1%eth0", "fd00::1", "::ffff:10.0.0.1", "2002:7f00:1::", "224.0.0.1", "ff02::1", "nonsense",
     "64:ff9b::a00:1", "64:ff9b::7f00:1", "::7f00:1", "::", "fec0::1"],
)  # fmt: skip
def test_private_addresses_are_refused_whatever_the_name(address: str) -> None:
    assert not is_public(address)
    with pytest.raises(Refused, match="private address"):
        check("http://shop.example/", ("93.184.216.34", address))
    check("http://shop.example/", (address,), allow_private=True)


def test_public_addresses_are_public() -> None:
    assert is_public("93.184.216.34")
    assert is_public("64:ff9b::5db8:d822")  # the first one, behind a NAT64
    assert is_public("2606:2800:220:1:248:1893:25c8:1946")


def test_a_host_that_nobody_knows_is_a_failure_and_no_refusal() -> None:
    with pytest.raises(Failed, match="can't be found"):
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
def test_the_words_that_speak_against_taking_images(lines: list[str], word: str) -> None:
    assert opted_out(lines) == word
