"""A real Chromium on a page that scrolls on: it reads all there is, and gets nowhere that it must not."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pupila.core.errors import PupilaError
from pupila.demo.shop import PAGE, Reply, Shop
from pupila.stages.collect.browser import NAMES, find_browser
from pupila.stages.collect.visit import Visited, Wish
from tests.stages.collect.shops import assert_whole, collected, opened, reply, rows

FEW = list(range(26))  # two scrolls
AGAIN = Wish(resume=True)


@pytest.fixture(scope="module", autouse=True)
def _chromium() -> None:
    if not any(map(shutil.which, NAMES)):
        reason = f"no browser: none of {', '.join(NAMES)}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


def drawn(shop: Shop, out: Path, wish: Wish | None = None, **more: Any) -> Visited:
    return collected(shop, out, wish, "disco", **more)


def once(*replies: Reply, path: str) -> Callable[[str], Reply | None]:
    left = list(replies)
    return lambda asked: left.pop(0) if asked.startswith(path) and left else None


def page_of(shop: Shop, more: str, path: str = "/") -> Callable[[str], Reply | None]:
    """The shop's page with something more on it."""
    body = shop.reply("/").body.replace(b"</header>", b"</header>" + more.encode())
    return lambda asked: Reply(200, "text/html", body) if asked == path else None


def test_a_page_that_scrolls_on_is_read_to_its_end(tmp_path: Path) -> None:
    with opened(catalogue=FEW) as shop:
        done = drawn(shop, tmp_path)
        assert_whole(tmp_path, shop)
        assert (done.complete, done.faults, done.copies) == (True, {}, 0)
        photos = [path for path in shop.asked if path.startswith("/photos")]
        assert len(photos) == len(set(photos))  # not by the browser as well
        shop.catalogue = [*range(5, 26), 1]
        shop.asked.clear()
        done = drawn(shop, tmp_path, AGAIN)
        assert (done.new, done.vanished, done.listed) == (0, 4, 22)
        assert not any(path.startswith("/photos") for path in shop.asked)


@pytest.mark.slow
def test_the_general_vtex_site_reads_the_same_page(tmp_path: Path) -> None:
    with opened(catalogue=FEW[:3]) as shop:
        collected(shop, tmp_path, None, "vtex")
        assert_whole(tmp_path, shop)


def test_failing_and_rate_limiting_parts_are_asked_for_again(tmp_path: Path) -> None:
    with opened(once(reply(500), reply(429, retry_after="9"), path="/items?from=24"), FEW) as shop:
        done = drawn(shop, tmp_path)
        assert_whole(tmp_path, shop)
        assert shop.asked.count("/items?from=24") == 3
        assert done.complete


@pytest.mark.slow
def test_a_part_that_fails_for_good_makes_the_visit_incomplete(tmp_path: Path) -> None:
    with opened(catalogue=FEW) as shop:
        drawn(shop, tmp_path)
        shop.meddle = lambda path: reply(500) if path == "/items?from=24" else None
        done = drawn(shop, tmp_path, AGAIN, tries=2)
    assert (done.listed, done.complete, done.vanished) == (PAGE, False, 0)
    assert list(done.faults.values()) == ["the server answered 500"]


def test_a_slow_shop_is_waited_for(tmp_path: Path) -> None:
    import threading

    def slow(path: str) -> None:
        if path == "/items?from=24":
            threading.Event().wait(1.0)  # longer than the patience at the end of a page

    with opened(slow, FEW) as shop:
        assert drawn(shop, tmp_path, patience=0.3).products == len(FEW)


def test_an_endless_page_ends_with_the_limit_or_its_bound(tmp_path: Path) -> None:
    with opened() as shop:
        item = shop.reply("/items?from=0").body.decode()

        def endless(path: str) -> Reply | None:
            if not path.startswith("/items"):
                return None
            start = int(path.partition("=")[2])
            return reply(body=item.replace('href="/', f'href="/{start}-'))

        shop.meddle = endless
        assert drawn(shop, tmp_path / "a", Wish(limit=60)).products == 60
        done = drawn(shop, tmp_path / "b", max_products=50)
        assert (done.products, done.complete) == (50, False)


@pytest.mark.parametrize(
    ("path", "answer", "says"),
    [
        ("/robots.txt", reply(body="User-agent: *\nDisallow: /items", kind="text/plain"), "/items?from=0: robots"),
        ("/robots.txt", reply(503), "counts as no: 503"),
        ("/", reply(body="<meta name='robots' content='noimageindex'>"), "robots meta says noimageindex"),
        ("/", reply(302, location="http://192.168.0.1/"), "none of the site's hosts"),
        ("/", reply(404), "the server answered 404"),
    ],
)  # fmt: skip
def test_a_browser_is_held_to_what_sites_say(path: str, answer: Reply, says: str, tmp_path: Path) -> None:
    with opened(lambda asked: answer if asked == path else None) as shop:
        with pytest.raises(PupilaError) as fault:
            drawn(shop, tmp_path)
        assert says in str(fault.value)
        assert not any(asked.startswith(("/photos", "/items")) for asked in shop.asked)


def test_nothing_on_a_page_reaches_another_host(tmp_path: Path) -> None:
    with opened(catalogue=[1]) as shop:
        port = shop.address.rpartition(":")[2]
        other = f"http://localhost:{port}/other"
        shop.meddle = page_of(shop, f"""
            <link rel="preconnect" href="{other}"><link rel="prefetch" href="{other}?prefetch">
            <link rel="stylesheet" href="{other}?css"><script src="{other}?js"></script><img src="{other}?img">
            <iframe src="{other}?frame"></iframe><script>
            fetch("{other}?fetch", {{mode: "no-cors"}}); navigator.sendBeacon("{other}?beacon");
            new WebSocket("ws://localhost:{port}/other?socket"); new EventSource("{other}?events");
            fetch("/hop"); open("{other}?popup");
            new Worker(URL.createObjectURL(new Blob(["fetch('{other}?worker')"])));
            </script>""")  # fmt: skip
        page = shop.meddle
        shop.meddle = lambda path: reply(302, location=f"{other}?hop") if path == "/hop" else page(path)
        done = drawn(shop, tmp_path)
        assert done.products == 1
        assert "/hop" in shop.asked
        assert [path for path in shop.asked if path.startswith("/other")] == []
        lost = [address for address in done.faults if address.startswith(shop.address)]
        assert lost == [f"{shop.address}/hop"]  # which might have shown products
        assert not done.complete


def test_a_page_that_moved_is_read_at_its_own_address(tmp_path: Path) -> None:
    with opened(catalogue=[1]) as shop:
        body = shop.reply("/").body.replace(b"/items?", b"items?")
        moved = {"/": reply(301, location="/new/"), "/new/": Reply(200, "text/html", body)}
        items = shop.reply("/items?from=0")
        shop.meddle = lambda path: moved.get(path) or (items if path == "/new/items?from=0" else None)
        assert drawn(shop, tmp_path).products == 1


@pytest.mark.slow
def test_buttons_and_numbered_pages_work_in_a_browser(tmp_path: Path) -> None:
    plain: dict[str, Any] = {"browser": True, "patience": 0.3}
    with opened() as shop:
        collected(shop, tmp_path / "next", more="next", next='a[rel="next"]', **plain)
        assert_whole(tmp_path / "next", shop)
        collected(shop, tmp_path / "page", more="page", **plain)
        assert_whole(tmp_path / "page", shop)


def test_a_button_under_a_banner_makes_the_visit_incomplete(tmp_path: Path) -> None:
    with opened(catalogue=[1]) as shop:
        banner = '<p style="position: fixed; inset: 0; z-index: 9; background: #fff">Cookies?</p><a rel="next">more</a>'
        shop.meddle = page_of(shop, banner)
        done = drawn(shop, tmp_path, more="next", next='a[rel="next"]', timeout=1, image="img@data-src")
    assert (done.products, done.complete) == (1, False)
    assert "the button for more can't be pressed" in done.faults[f"{shop.address}/"]


def test_a_product_without_a_photo_is_kept(tmp_path: Path) -> None:
    with opened(catalogue=[1, 2]) as shop:
        bare = shop.reply("/items?from=0").body.decode().replace('data-src="/photos/0002-0.jpg"', "")
        shop.meddle = lambda path: reply(body=bare) if path == "/items?from=0" else None
        assert drawn(shop, tmp_path).products == 2
    assert {row["id"][-4:]: len(row["files"]) for row in rows(tmp_path, "products.jsonl")} == {
        "0001": 1,
        "0002": 0,
    }


def test_a_browser_that_is_none_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PupilaError, match="--browser PATH"):
        find_browser(str(tmp_path / "none"))
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        with pytest.raises(PupilaError, match="apt-get install chromium"):
            find_browser(None)
    with opened(catalogue=[1]) as shop, pytest.raises(PupilaError, match="does not start"):
        drawn(shop, tmp_path, Wish(browser="/bin/false"))
