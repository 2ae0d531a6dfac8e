"""The synthetic shop: the same each time, drawn when it is asked, and honest about what it is."""

import urllib.request

from pupila.demo.packages import WITH
from pupila.demo.shop import PAGE, Shop, spanish


def test_a_product_is_the_same_each_time_and_a_fifth_carries_octagons() -> None:
    one, two = Shop(40), Shop(40)
    assert one.record(7) == two.record(7)
    assert one.reply("/photos/0007-0.jpg") == two.reply("/photos/0007-0.jpg")
    assert one.reply("/photos/0007-0.jpg") != Shop(40, seed=8).reply("/photos/0007-0.jpg")
    assert sum(one.record(number)["label"] == WITH for number in range(40)) == 8
    assert len({one.record(number)["id"] for number in range(40)}) == 40


def test_its_pages_are_served_and_say_that_they_are_synthetic() -> None:
    shop = Shop(PAGE + 2)
    with shop.open() as address:
        for path in ("/", "/static", shop.record(3)["link"]):
            with urllib.request.urlopen(address + path) as page:
                assert b"synthetic shop" in page.read()
    assert shop.asked == ["/", "/static", shop.record(3)["link"]]


def test_a_page_has_its_share_of_the_products_and_the_last_one_the_rest() -> None:
    shop = Shop(PAGE + 2)
    counts = [
        shop.reply(f"/items?from={start}").body.count(b"galleryItem d") for start in (0, PAGE, PAGE + 2)
    ]
    assert counts == [PAGE, 2, 0]
    assert [shop.reply(f"/static?page={n}").body.count(b"itemscope") for n in (1, 2, 3)] == [PAGE, 2, 0]
    assert shop.reply("/none").status == 404


def test_no_page_tells_the_label() -> None:
    shop = Shop(5)
    for path in ("/", "/items?from=0", "/static", shop.record(3)["link"]):
        assert b"octogono" not in shop.reply(path).body


def test_prices_are_written_as_the_country_does() -> None:
    assert [spanish(price) for price in (0.5, 1234.5, 1234567.891)] == ["0,50", "1.234,50", "1.234.567,89"]
