"""A real Chromium on an infinite-scroll page: it reads every product, and makes no forbidden request."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pupila.core.errors import PupilaError
from pupila.demo.shop import PAGE_SIZE, Reply, Shop
from pupila.stages.collect.browser import BROWSER_NAMES, find_browser
from pupila.stages.collect.visit import VisitOptions, VisitResult
from tests.stages.collect.shops import assert_complete, make_reply, open_shop, read_rows, visit_shop

FEW = list(range(26))  # two scrolls
RESUME = VisitOptions(resume=True)


@pytest.fixture(scope="module", autouse=True)
def _chromium() -> None:
    if not any(map(shutil.which, BROWSER_NAMES)):
        reason = f"no browser: none of {', '.join(BROWSER_NAMES)}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


def visit_in_browser(shop: Shop, out: Path, options: VisitOptions | None = None, **more: Any) -> VisitResult:
    return visit_shop(shop, out, options, "disco", **more)


def reply_in_turn(*replies: Reply, path: str) -> Callable[[str], Reply | None]:
    left = list(replies)
    return lambda requested: left.pop(0) if requested.startswith(path) and left else None


def add_to_page(shop: Shop, more: str, path: str = "/") -> Callable[[str], Reply | None]:
    """The page of the shop with additional HTML."""
    body = shop.reply("/").body.replace(b"</header>", b"</header>" + more.encode())
    return lambda requested: Reply(200, "text/html", body) if requested == path else None


def test_an_infinite_scroll_page_is_read_to_its_end(tmp_path: Path) -> None:
    with open_shop(catalogue=FEW) as shop:
        result = visit_in_browser(shop, tmp_path)
        assert_complete(tmp_path, shop)
        assert (result.complete, result.failures, result.duplicates) == (True, {}, 0)
        photos = [path for path in shop.requests if path.startswith("/photos")]
        assert len(photos) == len(set(photos))  # not requested by the browser as well
        shop.catalogue = [*range(5, 26), 1]
        shop.requests.clear()
        result = visit_in_browser(shop, tmp_path, RESUME)
        assert (result.new, result.vanished, result.listed) == (0, 4, 22)
        assert not any(path.startswith("/photos") for path in shop.requests)


@pytest.mark.slow
def test_the_generic_vtex_site_reads_the_same_page(tmp_path: Path) -> None:
    with open_shop(catalogue=FEW[:3]) as shop:
        visit_shop(shop, tmp_path, None, "vtex")
        assert_complete(tmp_path, shop)


def test_failing_and_rate_limited_requests_are_retried(tmp_path: Path) -> None:
    with open_shop(
        reply_in_turn(make_reply(500), make_reply(429, retry_after="9"), path="/items?from=24"), FEW
    ) as shop:
        result = visit_in_browser(shop, tmp_path)
        assert_complete(tmp_path, shop)
        assert shop.requests.count("/items?from=24") == 3
        assert result.complete


@pytest.mark.slow
def test_a_request_that_keeps_failing_makes_the_visit_incomplete(tmp_path: Path) -> None:
    with open_shop(catalogue=FEW) as shop:
        visit_in_browser(shop, tmp_path)
        shop.intercept = lambda path: make_reply(500) if path == "/items?from=24" else None
        result = visit_in_browser(shop, tmp_path, RESUME, tries=2)
    assert (result.listed, result.complete, result.vanished) == (PAGE_SIZE, False, 0)
    assert list(result.failures.values()) == ["HTTP status 500"]


def test_a_slow_shop_is_waited_for(tmp_path: Path) -> None:
    import threading

    def slow(path: str) -> None:
        if path == "/items?from=24":
            threading.Event().wait(1.0)  # longer than idle_timeout

    with open_shop(slow, FEW) as shop:
        assert visit_in_browser(shop, tmp_path, idle_timeout=0.3).products == len(FEW)


def test_an_endless_page_ends_at_the_limit_or_at_max_products(tmp_path: Path) -> None:
    with open_shop() as shop:
        item = shop.reply("/items?from=0").body.decode()

        def endless(path: str) -> Reply | None:
            if not path.startswith("/items"):
                return None
            start = int(path.partition("=")[2])
            return make_reply(body=item.replace('href="/', f'href="/{start}-'))

        shop.intercept = endless
        assert visit_in_browser(shop, tmp_path / "a", VisitOptions(limit=60)).products == 60
        result = visit_in_browser(shop, tmp_path / "b", max_products=50)
        assert (result.products, result.complete) == (50, False)


@pytest.mark.parametrize(
    ("path", "reply", "message"),
    [
        ("/robots.txt", make_reply(body="User-agent: *\nDisallow: /items", kind="text/plain"), "/items?from=0: robots"),
        ("/robots.txt", make_reply(503), "so nothing may be fetched: 503"),
        ("/", make_reply(body="<meta name='robots' content='noimageindex'>"), "robots meta tag says noimageindex"),
        ("/", make_reply(302, location="http://192.168.0.1/"), "not one of the site's hosts"),
        ("/", make_reply(404), "HTTP status 404"),
    ],
)  # fmt: skip
def test_a_browser_obeys_robots_and_opt_outs(path: str, reply: Reply, message: str, tmp_path: Path) -> None:
    with open_shop(lambda requested: reply if requested == path else None) as shop:
        with pytest.raises(PupilaError) as fault:
            visit_in_browser(shop, tmp_path)
        assert message in str(fault.value)
        assert not any(requested.startswith(("/photos", "/items")) for requested in shop.requests)


def test_nothing_on_a_page_reaches_another_host(tmp_path: Path) -> None:
    with open_shop(catalogue=[1]) as shop:
        port = shop.address.rpartition(":")[2]
        other = f"http://localhost:{port}/other"
        shop.intercept = add_to_page(shop, f"""
            <link rel="preconnect" href="{other}"><link rel="prefetch" href="{other}?prefetch">
            <link rel="stylesheet" href="{other}?css"><script src="{other}?js"></script><img src="{other}?img">
            <iframe src="{other}?frame"></iframe><script>
            fetch("{other}?fetch", {{mode: "no-cors"}}); navigator.sendBeacon("{other}?beacon");
            new WebSocket("ws://localhost:{port}/other?socket"); new EventSource("{other}?events");
            fetch("/hop"); open("{other}?popup");
            new Worker(URL.createObjectURL(new Blob(["fetch('{other}?worker')"])));
            </script>""")  # fmt: skip
        page = shop.intercept
        shop.intercept = lambda path: (
            make_reply(302, location=f"{other}?hop") if path == "/hop" else page(path)
        )
        result = visit_in_browser(shop, tmp_path)
        assert result.products == 1
        assert "/hop" in shop.requests
        assert [path for path in shop.requests if path.startswith("/other")] == []
        lost = [address for address in result.failures if address.startswith(shop.address)]
        assert lost == [f"{shop.address}/hop"]  # which might have listed products
        assert not result.complete


def test_a_redirected_page_is_read_at_its_final_address(tmp_path: Path) -> None:
    with open_shop(catalogue=[1]) as shop:
        body = shop.reply("/").body.replace(b"/items?", b"items?")
        moved = {"/": make_reply(301, location="/new/"), "/new/": Reply(200, "text/html", body)}
        items = shop.reply("/items?from=0")
        shop.intercept = lambda path: moved.get(path) or (items if path == "/new/items?from=0" else None)
        assert visit_in_browser(shop, tmp_path).products == 1


@pytest.mark.slow
def test_buttons_and_numbered_pages_work_in_a_browser(tmp_path: Path) -> None:
    plain: dict[str, Any] = {"browser": True, "idle_timeout": 0.3}
    with open_shop() as shop:
        visit_shop(shop, tmp_path / "next", more="next", next='a[rel="next"]', **plain)
        assert_complete(tmp_path / "next", shop)
        visit_shop(shop, tmp_path / "page", more="page", **plain)
        assert_complete(tmp_path / "page", shop)


def test_a_button_behind_a_banner_makes_the_visit_incomplete(tmp_path: Path) -> None:
    with open_shop(catalogue=[1]) as shop:
        banner = '<p style="position: fixed; inset: 0; z-index: 9; background: #fff">Cookies?</p><a rel="next">more</a>'
        shop.intercept = add_to_page(shop, banner)
        result = visit_in_browser(
            shop, tmp_path, more="next", next='a[rel="next"]', timeout=1, image="img@data-src"
        )
    assert (result.products, result.complete) == (1, False)
    assert "the next button can't be clicked" in result.failures[f"{shop.address}/"]


def test_a_product_without_a_photo_is_stored(tmp_path: Path) -> None:
    with open_shop(catalogue=[1, 2]) as shop:
        bare = shop.reply("/items?from=0").body.decode().replace('data-src="/photos/0002-0.jpg"', "")
        shop.intercept = lambda path: make_reply(body=bare) if path == "/items?from=0" else None
        assert visit_in_browser(shop, tmp_path).products == 2
    assert {row["id"][-4:]: len(row["files"]) for row in read_rows(tmp_path, "products.jsonl")} == {
        "0001": 1,
        "0002": 0,
    }


def test_a_missing_browser_is_refused_with_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PupilaError, match="--chromium PATH"):
        find_browser(str(tmp_path / "none"))
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        with pytest.raises(PupilaError, match="apt-get install chromium"):
            find_browser(None)
    with open_shop(catalogue=[1]) as shop, pytest.raises(PupilaError, match="failed to start"):
        visit_in_browser(shop, tmp_path, VisitOptions(chromium="/bin/false"))
