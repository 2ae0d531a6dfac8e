"""The synthetic shop: reproducible, drawn on request, and marked as synthetic."""

import urllib.request

from pupila.demo.packages import WITH
from pupila.demo.shop import PAGE_SIZE, Shop, format_spanish


def test_a_product_is_the_same_each_time_and_a_fifth_carries_octagons() -> None:
    shop, other = Shop(40), Shop(40)
    assert shop.record(7) == other.record(7)
    assert shop.reply("/photos/0007-0.jpg") == other.reply("/photos/0007-0.jpg")
    assert shop.reply("/photos/0007-0.jpg") != Shop(40, seed=8).reply("/photos/0007-0.jpg")
    assert sum(shop.record(number).label == WITH for number in range(40)) == 8
    assert len({shop.record(number).id for number in range(40)}) == 40


def test_its_pages_are_served_and_marked_as_synthetic() -> None:
    shop = Shop(PAGE_SIZE + 2)
    with shop.open() as address:
        for path in ("/", "/static", shop.record(3).link):
            with urllib.request.urlopen(address + path) as page:
                assert b"synthetic shop" in page.read()
    assert shop.requests == ["/", "/static", shop.record(3).link]


def test_each_page_has_its_products_and_the_last_one_the_rest() -> None:
    shop = Shop(PAGE_SIZE + 2)
    counts = [
        shop.reply(f"/items?from={start}").body.count(b"galleryItem d")
        for start in (0, PAGE_SIZE, PAGE_SIZE + 2)
    ]
    assert counts == [PAGE_SIZE, 2, 0]
    assert [shop.reply(f"/static?page={n}").body.count(b"itemscope") for n in (1, 2, 3)] == [PAGE_SIZE, 2, 0]
    assert shop.reply("/none").status == 404


def test_no_page_contains_the_label() -> None:
    shop = Shop(5)
    for path in ("/", "/items?from=0", "/static", shop.record(3).link):
        assert b"octogono" not in shop.reply(path).body


def test_prices_are_written_in_spanish_format() -> None:
    assert [format_spanish(price) for price in (0.5, 1234.5, 1234567.891)] == [
        "0,50",
        "1.234,50",
        "1.234.567,89",
    ]
