"""Parsing HTML into records: prices in the format of the site, absolute addresses, incomplete items."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pupila.demo.shop import format_spanish
from pupila.stages.collect.reader import Reader, parse_number, read_robots_metas
from pupila.stages.collect.site import Site

PAGE = """
<html><head><base href="/mirror/"></head><body>
<article class="p"><a href="bread/p?x=1"><img src="data:image/gif;base64,R0" data-src="b1.jpg"><img data-src="b2.jpg">
  <img data-src="b1.jpg"><h2> Rye <b>bread</b>
  500 g</h2></a><i>Mill</i><s>$ 1.234,50</s></article>
<article class="p"><a><h2>Nameless</h2></a></article>
<article class="p"><a href="https://else.example/salt/p"><h2>Salt</h2></a></article>
</body></html>
"""


def site(**more: object) -> Site:
    return Site.model_validate(
        {"start": "https://shop.example/all", "item": ".p", "id": "a@href", "id_pattern": "([^/]+)/p", "title": "h2",
         "brand": "i", "price": "s", "image": "img@src|data-src"} | more
    )  # fmt: skip


def test_a_page_is_parsed_into_products() -> None:
    products, without_id = Reader(site()).parse_page(PAGE, "https://shop.example/all")
    bread, salt = products
    assert (bread.id, bread.name, bread.brand, bread.price) == ("bread", "Rye bread 500 g", "Mill", 1234.5)
    assert bread.link == "https://shop.example/mirror/bread/p?x=1"
    assert bread.images == ("https://shop.example/mirror/b1.jpg", "https://shop.example/mirror/b2.jpg")
    assert (salt.id, salt.brand, salt.price, salt.images) == ("salt", "", None, ())
    assert salt.link == "https://else.example/salt/p"
    assert without_id == ["Nameless"]


def test_invalid_addresses_are_returned_unchanged() -> None:
    html = '<base href="http://["><div class="p"><a href="x/p"><img src="https://[[cdn]]/x.jpg"><img src="y.jpg">'
    (product,), _ = Reader(site()).parse_page(html, "https://shop.example/all")
    assert product.images == ("https://[[cdn]]/x.jpg", "https://shop.example/y.jpg")
    again = '<a class="on" href="http://[">'
    assert Reader(site(more="next", next="a.on")).next_page(again, "https://shop.example/") == "http://["


def test_fragments_are_parsed_like_the_whole_page() -> None:
    whole, _ = Reader(site()).parse_page(PAGE, "https://shop.example/all")
    parts = PAGE.split("\n<")[2:5]
    cut, without_id = Reader(site()).parse_fragments(
        ["<" + part for part in parts], "https://shop.example/mirror/"
    )
    assert cut == whole
    assert without_id == ["Nameless"]


def test_an_attribute_of_the_item_itself_and_a_whole_id() -> None:
    html = '<li class="p" data-sku=" 7 "></li>'
    (product,), _ = Reader(site(id="@data-sku", id_pattern="")).parse_page(html, "https://shop.example/")
    assert product.id == "7"


@pytest.mark.parametrize(
    ("text", "example", "value"),
    [
        ("$ 1.234,50", "1.234,50", 1234.5),
        ("$ 1.234", "1.234,50", 1234.0),
        ("$ 89", "1.234,50", 89.0),
        ("$89,5 x kg", "1.234,50", 89.5),
        ("$ 1.234.567,89", "1.234,50", 1234567.89),
        ("$ 12345", "1.234,50", 12345.0),
        ("$1,234.50", "1,234.50", 1234.5),
        ("1 234,50 kr", "1 234,50", 1234.5),
        ("1\u00a0234,50 €", "1 234,50", 1234.5),
        ("CHF 1'234.50", "1'234.50", 1234.5),
        ("¥1,234", "1,234", 1234.0),
        ("9.99", "1234.50", 9.99),
        ("from $ 5,00 to $ 9,00", "1.234,50", 5.0),
        ("ask in the shop", "1.234,50", None),
    ],
)
def test_prices_are_parsed_in_the_number_format_of_the_site(
    text: str, example: str, value: float | None
) -> None:
    assert parse_number(text, example) == value


@given(st.integers(0, 10**9))
def test_every_price_of_the_shop_is_parsed_back(cents: int) -> None:
    assert parse_number(f"$ {format_spanish(cents / 100)} c/u", "1.234,50") == pytest.approx(
        cents / 100, abs=1e-9
    )


def test_the_next_page_is_the_target_of_its_link() -> None:
    reader = Reader(site(more="next", next="a.on"))
    assert (
        reader.next_page('<a class="on" href="?p=2">', "https://shop.example/all")
        == "https://shop.example/all?p=2"
    )
    assert reader.next_page('<a class="on">no address</a>', "https://shop.example/all") == ""


def test_robots_metas_for_all_crawlers_and_for_this_one_are_read() -> None:
    html = (
        '<meta name="ROBOTS" content="a"><meta name="pupila" content="b"><meta name="otherbot" content="c">'
    )
    assert read_robots_metas(html) == ["a", "b"]
