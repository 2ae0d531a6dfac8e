"""Sites as data: those that come along are sound, and a bad one is refused with all its faults."""

from pathlib import Path
from typing import Any

import pytest

from pupila.core.errors import PupilaError
from pupila.stages.collect.reader import Reader
from pupila.stages.collect.site import read_site, shipped


@pytest.mark.parametrize("name", shipped())
def test_every_site_that_comes_along_is_sound(name: str) -> None:
    site = read_site(name, {"start": "https://shop.example/all"})
    assert Reader(site).item
    assert site.browser == (name != "static")
    assert not site.allow_private
    assert site.name == name


def test_three_sites_come_along() -> None:
    assert shipped() == ["disco", "static", "vtex"]
    assert read_site("disco", {}).start == ("https://www.disco.com.uy/almacen",)


def test_the_user_agent_says_who_asks_and_how_to_reach_the_sender() -> None:
    assert read_site("disco", {"contact": "mailto:me@example.org"}).agent.endswith("+mailto:me@example.org)")
    assert "Pupila/" in read_site("disco", {}).agent


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"start": ""}, "is no web address"),
        ({"start": "ftp://shop.example"}, "is no web address"),
        ({"start": "http://a.b:99999/"}, "is no web address"),
        ({"start": "http://["}, "is no web address"),
        ({"item": ""}, "item missing"),
        ({"pice": "b"}, "did you mean 'price'"),
        ({"browser": False}, "scrolls in a browser alone"),
        ({"more": "next"}, "needs the selector"),
        ({"more": "pages"}, "more: input should be"),
        ({"numbers": "many"}, "such as 1.234,50"),
        ({"id_pattern": "("}, "no regular expression"),
        ({"rate": 0}, "rate: input should be greater than 0"),
    ],
)  # fmt: skip
def test_a_bad_site_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(PupilaError) as fault:
        read_site("disco", changes)
    assert says in str(fault.value)


def test_what_is_no_site_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PupilaError, match="disco, static, vtex"):
        read_site(str(tmp_path / "none.yaml"), {})
    (tmp_path / "list.yaml").write_text("- a\n")
    with pytest.raises(PupilaError, match="NAME: VALUE"):
        read_site(str(tmp_path / "list.yaml"), {})


def test_a_selector_that_is_no_css_is_refused_by_its_name() -> None:
    with pytest.raises(PupilaError) as fault:
        Reader(read_site("disco", {"brand": "[[", "price": "b >>> "}))
    assert "brand: [[" in str(fault.value)
    assert "price: b >>>" in str(fault.value)
