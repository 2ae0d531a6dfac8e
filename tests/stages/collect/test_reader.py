"""From HTML to records: prices as sites write them, addresses made whole, and items that say too little."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pupila.demo.shop import spanish
from pupila.stages.collect.reader import Reader, number, robots_metas
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


def test_a_page_is_read_as_its_reader_sees_it() -> None:
    products, nameless = Reader(site()).page(PAGE, "https://shop.example/all")
    bread, salt = products
    assert (bread.id, bread.name, bread.brand, bread.price) == ("bread", "Rye bread 500 g", "Mill", 1234.5)
    assert bread.link == "https://shop.example/mirror/bread/p?x=1"
    assert bread.images == ("https://shop.example/mirror/b1.jpg", "https://shop.example/mirror/b2.jpg")
    assert (salt.id, salt.brand, salt.price, salt.images) == ("salt", "", None, ())
    assert salt.link == "https://else.example/salt/p"
    assert nameless == ["Nameless"]


def test_addresses_that_are_none_stay_as_they_are() -> None:
    html = '<base href="http://["><div class="p"><a href="x/p"><img src="https://[[cdn]]/x.jpg"><img src="y.jpg">'
    (found,), _ = Reader(site()).page(html, "https://shop.example/all")
    assert found.images == ("https://[[cdn]]/x.jpg", "https://shop.example/y.jpg")
    again = '<a class="on" href="http://[">'
    assert Reader(site(more="next", next="a.on")).next_page(again, "https://shop.example/") == "http://["


def test_items_that_are_cut_out_read_like_those_of_the_page() -> None:
    whole, _ = Reader(site()).page(PAGE, "https://shop.example/all")
    parts = PAGE.split("\n<")[2:5]
    cut, nameless = Reader(site()).fragments(["<" + part for part in parts], "https://shop.example/mirror/")
    assert cut == whole
    assert nameless == ["Nameless"]


def test_an_attribute_of_the_item_itself_and_a_whole_id() -> None:
    html = '<li class="p" data-sku=" 7 "></li>'
    (found,), _ = Reader(site(id="@data-sku", id_pattern="")).page(html, "https://shop.example/")
    assert found.id == "7"


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
def test_prices_are_read_as_the_site_writes_them(text: str, example: str, value: float | None) -> None:
    assert number(text, example) == value


@given(st.integers(0, 10**9))
def test_every_price_that_the_shop_writes_is_read_back(cents: int) -> None:
    assert number(f"$ {spanish(cents / 100)} c/u", "1.234,50") == pytest.approx(cents / 100, abs=1e-9)


def test_the_next_page_is_where_its_link_leads() -> None:
    reader = Reader(site(more="next", next="a.on"))
    assert (
        reader.next_page('<a class="on" href="?p=2">', "https://shop.example/all")
        == "https://shop.example/all?p=2"
    )
    assert reader.next_page('<a class="on">no address</a>', "https://shop.example/all") == ""


def test_robots_metas_for_all_and_for_this_one_are_heard() -> None:
    html = (
        '<meta name="ROBOTS" content="a"><meta name="pupila" content="b"><meta name="otherbot" content="c">'
    )
    assert robots_metas(html) == ["a", "b"]
