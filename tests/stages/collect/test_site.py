"""Site settings: the built-in ones are valid, and an invalid one is refused with all its faults."""

from pathlib import Path
from typing import Any

import pytest

from pupila.core.errors import PupilaError
from pupila.stages.collect.reader import Reader
from pupila.stages.collect.site import list_sites, read_site


@pytest.mark.parametrize("name", list_sites())
def test_every_built_in_site_is_valid(name: str) -> None:
    site = read_site(name, {"start": "https://shop.example/all"})
    assert Reader(site).item
    assert site.browser == (name != "static")
    assert not site.allow_private
    assert site.name == name


def test_three_sites_are_built_in() -> None:
    assert list_sites() == ["disco", "static", "vtex"]
    assert read_site("disco", {}).start == ("https://www.disco.com.uy/almacen",)


def test_the_user_agent_names_the_crawler_and_the_contact() -> None:
    assert read_site("disco", {"contact": "mailto:me@example.org"}).user_agent.endswith(
        "+mailto:me@example.org)"
    )
    assert "Pupila/" in read_site("disco", {}).user_agent


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start": ""}, "is not a web address"),
        ({"start": "ftp://shop.example"}, "is not a web address"),
        ({"start": "http://a.b:99999/"}, "is not a web address"),
        ({"start": "http://["}, "is not a web address"),
        ({"item": ""}, "missing settings: item"),
        ({"pice": "b"}, "did you mean price"),
        ({"browser": False}, "more: scroll needs a browser"),
        ({"more": "next"}, "needs the setting next"),
        ({"more": "pages"}, "expected scroll, next, page or none"),
        ({"numbers": "many"}, "such as 1.234,50"),
        ({"id_pattern": "("}, "not a valid regular expression"),
        ({"rate": 0}, "rate=0 (expected above 0)"),
    ],
)  # fmt: skip
def test_an_invalid_site_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PupilaError) as fault:
        read_site("disco", changes)
    assert message in str(fault.value)


def test_an_unknown_site_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PupilaError, match="disco, static, vtex"):
        read_site(str(tmp_path / "none.yaml"), {})
    (tmp_path / "list.yaml").write_text("- a\n")
    with pytest.raises(PupilaError, match="NAME: VALUE"):
        read_site(str(tmp_path / "list.yaml"), {})


def test_an_invalid_selector_is_refused_by_its_name() -> None:
    with pytest.raises(PupilaError) as fault:
        Reader(read_site("disco", {"brand": "[[", "price": "b >>> "}))
    assert "brand: [[" in str(fault.value)
    assert "price: b >>>" in str(fault.value)
