"""The login of a site: sent to where its start pages are, and to nobody else."""

import asyncio
import base64
from pathlib import Path

import pytest

from pupila.core.errors import PupilaError
from pupila.stages.collect.fetch import Fetcher
from pupila.stages.collect.site import read_site
from pupila.stages.collect.visit import VisitOptions, visit
from tests.artifacts.web.scripted import Scripted, response, run_scripted

LOGIN = "ann:open-sesame"
HEADER = b"authorization: Basic " + base64.b64encode(LOGIN.encode())
ROBOTS = response(404)


def with_login(server: Scripted) -> list[bool]:
    """Whether each request to the server had the login."""
    return [HEADER.lower() in head.lower() for _, head, _ in server.requests]


def test_the_login_is_sent_to_the_hosts_of_the_start_pages_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_LOGIN", LOGIN)

    async def fetch(*addresses: str) -> list[int]:
        async with Fetcher(site) as fetcher:
            return [(await fetcher.get(address)).status for address in addresses]

    with run_scripted(ROBOTS, *[response(200)] * 2) as images:
        moved = response(302, location=f"{images.url}/moved")
        with run_scripted(ROBOTS, response(200), moved) as shop:
            site = read_site("static", {"start": f"{shop.url}/a", "allow_private": True, "rate": 1000,
                                        "login": "SHOP_LOGIN", "hosts": ["127.0.0.1"]})  # fmt: skip
            assert asyncio.run(fetch(f"{shop.url}/a", f"{shop.url}/b", f"{images.url}/c")) == [200, 200, 200]
    assert with_login(shop) == [True, True, True]
    assert with_login(images) == [False, False, False]


def test_a_login_that_is_missing_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    site = read_site("static", {"start": "http://127.0.0.1:1/", "allow_private": True, "login": "SHOP_LOGIN"})
    with pytest.raises(PupilaError, match="the environment variable SHOP_LOGIN is empty"):
        visit(site, str(tmp_path / "shop"), VisitOptions())
    assert not (tmp_path / "shop").exists()


def test_a_password_in_the_address_of_a_start_page_is_refused_without_showing_it() -> None:
    with pytest.raises(
        PupilaError, match=r"http://\*\*\*@shop\.example/ has a password in it.*login"
    ) as fault:
        read_site("static", {"start": "http://ann:open-sesame@shop.example/"})
    assert "sesame" not in str(fault.value)
