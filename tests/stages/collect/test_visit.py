"""Visits without a browser: what is stored and rejected, and that a kill loses and duplicates nothing."""

import asyncio
import io
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pupila
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.demo.shop import Reply, Shop
from pupila.stages.collect.visit import VisitOptions
from tests.stages.collect.shops import PRODUCTS, assert_complete, make_reply, open_shop, read_rows, visit_shop

FEW = [0, 1, 2, 3, 4, 31 - 3]  # one of them shows a duplicate image
RESUME = VisitOptions(resume=True)


def photo(side: int = 64, kind: str = "JPEG", seed: int = 0) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 255, (side, side, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def test_a_shop_becomes_a_data_set(tmp_path: Path) -> None:
    with open_shop() as shop:
        result = visit_shop(shop, tmp_path)
        assert_complete(tmp_path, shop)
    assert (result.products, result.new, result.listed, result.vanished, result.complete) == (
        PRODUCTS,
        PRODUCTS,
        PRODUCTS,
        0,
        True,
    )
    data = pupila.open(tmp_path)
    assert len(data) == result.images
    assert data.skipped.is_empty()
    products = {row["id"]: row for row in read_rows(tmp_path, "products.jsonl")}
    for row in data.images.iter_rows(named=True):
        product = products[row["product"]]
        assert row["group"] == row["product"]
        assert (row["brand"], float(row["price"])) == (product["brand"], product["price"])
        assert row["url"] in product["images"]
        assert row["sha256_"] == row["sha256"]
        assert "ask the site" in row["licence"]
    assert {frozenset(g) for _, g in data.images.group_by("group").agg("image").iter_rows()} == {
        frozenset(row["files"]) for row in products.values()
    }


def test_duplicate_images_are_stored_once(tmp_path: Path) -> None:
    with open_shop(lambda path: Reply(200, "image/jpeg", photo()) if "photos" in path else None, FEW) as shop:
        result = visit_shop(shop, tmp_path)
    assert result.images == 1
    assert result.duplicates == sum(len(row["images"]) for row in read_rows(tmp_path, "products.jsonl")) - 1
    assert {row["files"][0] for row in read_rows(tmp_path, "products.jsonl")} == {
        read_rows(tmp_path, "metadata.jsonl")[0]["file_name"]
    }
    assert len(pupila.open(tmp_path)) == 1


def test_an_image_of_several_products_is_requested_once(tmp_path: Path) -> None:
    page = "".join(
        f'<div itemtype="https://schema.org/Product"><b itemprop="sku">{n}</b>'
        '<img itemprop="image" src="/photos/0001-0.jpg"></div>'
        for n in range(20)
    )
    with open_shop(lambda path: make_reply(body=page) if path.startswith("/static") else None) as shop:
        result = visit_shop(shop, tmp_path)
        assert shop.requests.count("/photos/0001-0.jpg") == 1
    assert (result.products, result.images, result.duplicates) == (20, 1, 0)


BAD = {
    "/photos/0000-0.jpg": (make_reply(body="<html>404 not found</html>", kind="image/jpeg"), "not-an-image"),
    "/photos/0001-0.jpg": (Reply(200, "image/jpeg", photo(8)), "tiny"),
    "/photos/0002-0.jpg": (Reply(200, "image/jpeg", photo(200)[:3000]), "truncated"),
    "/photos/0003-0.jpg": (Reply(200, "image/jpeg", b""), "empty-file"),
    "/photos/0004-0.jpg": (make_reply(404), "failed"),
    "/photos/0005-0.jpg": (Reply(200, "image/jpeg", b"x", (("content-length", "99999999999"),)), "refused"),
    "/photos/0006-0.jpg": (make_reply(302, location="http://10.0.0.1/x.jpg"), "refused"),
    "/photos/0007-0.jpg": (Reply(200, "image/jpeg", photo(), (("x-robots-tag", "none"),)), "refused"),
    "/photos/0008-0.jpg": (make_reply(500), "failed"),
}


def test_unusable_images_are_rejected_with_the_reason(tmp_path: Path) -> None:
    png = Reply(200, "text/html", photo(64, "PNG"))  # an image with a wrong content type

    def respond(path: str) -> Reply | None:
        return png if path == "/photos/0009-0.jpg" else BAD.get(path, (None, ""))[0]

    with open_shop(respond, list(range(11))) as shop:
        result = visit_shop(shop, tmp_path)
        rejected = {
            row["url"].removeprefix(shop.address): row for row in read_rows(tmp_path, "rejected.jsonl")
        }
        assert {path: row["code"] for path, row in rejected.items()} == {
            path: code for path, (_, code) in BAD.items()
        }
        assert all(row["reason"] and row["time"] and row["product"] for row in rejected.values())
        assert result.rejected == len(BAD)
        images = {
            row["url"].removeprefix(shop.address): row["file_name"]
            for row in read_rows(tmp_path, "metadata.jsonl")
        }
        assert images["/photos/0009-0.jpg"].endswith(".png")
        assert "/photos/0009-1.jpg" in images  # a good photo of a product whose other photo is bad
        assert len(read_rows(tmp_path, "products.jsonl")) == 11
        # Another visit retries failed requests only.
        shop.requests.clear()
        visit_shop(shop, tmp_path, RESUME)
        again = {path for path in shop.requests if path.startswith("/photos")}
        shop.intercept = lambda path: None if path == "/photos/0008-0.jpg" else respond(path)
        assert again == {path for path, (_, code) in BAD.items() if code in ("failed", "refused")}
        assert len(read_rows(tmp_path, "rejected.jsonl")) == len(BAD)
        assert visit_shop(shop, tmp_path, RESUME).rejected == len(BAD) - 1  # the retried one was stored
        assert len(read_rows(tmp_path, "rejected.jsonl")) == len(BAD) - 1
    assert pupila.open(tmp_path).skipped.is_empty()


def test_a_second_visit_fetches_new_products_and_marks_vanished_ones(tmp_path: Path) -> None:
    with open_shop(catalogue=[0, 1, 2, 3]) as shop:
        visit_shop(shop, tmp_path)
        before = {row["id"]: row for row in read_rows(tmp_path, "products.jsonl")}
        shop.requests.clear()
        shop.catalogue = [1, 5, 3]
        result = visit_shop(shop, tmp_path, RESUME)
        assert (result.listed, result.new, result.vanished, result.products) == (3, 1, 2, 5)
        assert [path for path in shop.requests if path.startswith("/photos")] == shop.photos(5)
        after = {row["id"]: row for row in read_rows(tmp_path, "products.jsonl")}
        gone = {shop.record(n).id for n in (0, 2)}
        assert {key for key, row in after.items() if row["vanished"]} == gone
        assert all(after[key]["collected"] == before[key]["collected"] for key in before)
        shop.catalogue = [0, 1, 5, 3]
        assert visit_shop(shop, tmp_path, RESUME).vanished == 0
        after = {row["id"]: row for row in read_rows(tmp_path, "products.jsonl")}
        assert {key for key, row in after.items() if row["vanished"]} == {shop.record(2).id}
    visits = read_rows(tmp_path, "visits.jsonl")
    assert [visit["vanished"] for visit in visits] == [0, 2, 0]
    assert all(visit["ended"] and visit["complete"] for visit in visits)


def test_no_product_is_marked_vanished_if_the_listing_was_cut_or_failed(tmp_path: Path) -> None:
    with open_shop(catalogue=list(range(26))) as shop:
        visit_shop(shop, tmp_path)
        assert not visit_shop(shop, tmp_path, VisitOptions(limit=3, resume=True)).complete
        shop.intercept = lambda path: make_reply(500) if path == "/static?page=2" else None
        result = visit_shop(shop, tmp_path, RESUME)
        assert not result.complete
        assert list(result.failures.values()) == ["HTTP status 500"]
    assert not any(row["vanished"] for row in read_rows(tmp_path, "products.jsonl"))


def test_a_new_photo_of_a_known_product_is_fetched(tmp_path: Path) -> None:
    with open_shop(catalogue=[1]) as shop:
        visit_shop(shop, tmp_path)
        page = shop.reply("/static").body.replace(b"0001-0.jpg", b"0002-0.jpg")
        shop.intercept = lambda path: Reply(200, "text/html", page) if path == "/static" else None
        result = visit_shop(shop, tmp_path, RESUME)
    assert (result.new, result.images) == (0, 2)
    (product,) = read_rows(tmp_path, "products.jsonl")
    assert product["images"][0].endswith("0002-0.jpg")
    assert product["files"] == [read_rows(tmp_path, "metadata.jsonl")[1]["file_name"]]


def test_the_limit_takes_the_first_products_of_the_listing(tmp_path: Path) -> None:
    with open_shop() as shop:
        for _ in range(2):
            visit_shop(shop, tmp_path, VisitOptions(limit=7, resume=True))
            expected = [shop.record(n).id for n in range(7)]
            assert sorted(row["id"] for row in read_rows(tmp_path, "products.jsonl")) == sorted(expected)


def test_an_endless_shop_ends_at_max_products_and_a_repeating_one_at_once(tmp_path: Path) -> None:
    with open_shop() as shop:
        first = shop.reply("/static").body

        def endless(path: str) -> Reply | None:
            if not path.startswith("/static"):
                return None
            return Reply(
                200, "text/html", first.replace(b'content="', b'content="' + uuid.uuid4().hex.encode())
            )

        shop.intercept = endless
        assert visit_shop(shop, tmp_path / "new", max_products=100).products == 100
        shop.intercept = lambda path: Reply(200, "text/html", first) if path.startswith("/static") else None
        assert visit_shop(shop, tmp_path / "same").products == 24
        assert [path for path in shop.requests if path.startswith("/static")][-2:] == [
            "/static",
            "/static?page=2",
        ]


def test_a_visit_runs_inside_a_running_event_loop_as_in_a_notebook(tmp_path: Path) -> None:
    async def cell(shop: Shop) -> int:
        return visit_shop(shop, tmp_path).products

    with open_shop(catalogue=[1]) as shop:
        assert asyncio.run(cell(shop)) == 1


def test_start_pages_may_overlap(tmp_path: Path) -> None:
    with open_shop() as shop:
        first, second = shop.reply("/static"), shop.reply("/static?page=2")
        pages = {"/a": first, "/b": first, "/b?page=2": second}
        shop.intercept = lambda path: pages.get(path) or (make_reply() if path[:2] in ("/a", "/b") else None)
        result = visit_shop(shop, tmp_path, start=[f"{shop.address}/a", f"{shop.address}/b"])
        assert_complete(tmp_path, shop)
    assert (result.listed, result.complete) == (PRODUCTS, True)


def test_links_to_the_next_page_are_followed(tmp_path: Path) -> None:
    with open_shop() as shop:
        visit_shop(shop, tmp_path, more="next", next='a[rel="next"]')
        assert_complete(tmp_path, shop)


def test_a_folder_with_a_collection_needs_resume(tmp_path: Path) -> None:
    with open_shop(catalogue=[1]) as shop:
        visit_shop(shop, tmp_path)
        with pytest.raises(PupilaError, match="--resume to resume it"):
            visit_shop(shop, tmp_path)
        with pytest.raises(PupilaError, match="has other start pages"):
            visit_shop(shop, tmp_path, RESUME, start=shop.address + "/static?page=9")
        with pytest.raises(PupilaError, match="crawled without a browser"):
            visit_shop(shop, tmp_path, VisitOptions(resume=True, chromium="chromium"))
        visit_shop(shop, tmp_path, RESUME, start=[shop.address + "/static", shop.address + "/static?page=9"])


@pytest.mark.parametrize(
    ("path", "reply", "message"),
    [
        ("/static", make_reply(body="<p>nothing"), "nothing that matches"),
        ("/static", make_reply(body='<div itemtype="https://schema.org/Product"><b itemprop="name">Rye'), "an id: Rye"),
        ("/static", make_reply(403), "HTTP status 403"),
        ("/static", make_reply(body="<meta name=robots content='noimageai'>"), "robots meta tag says noimageai"),
        ("/static", make_reply(body="x", x_robots_tag="none"), "X-Robots-Tag says none"),
        ("/robots.txt", make_reply(500), "nothing may be fetched"),
        ("/robots.txt", make_reply(body="User-agent: *\nDisallow: /static", kind="text/plain"), "disallows it"),
    ],
)  # fmt: skip
def test_a_visit_without_products_is_refused_with_the_reason(
    path: str, reply: Reply, message: str, tmp_path: Path
) -> None:
    with open_shop(lambda requested: reply if requested == path else None) as shop:
        with pytest.raises(PupilaError) as fault:
            visit_shop(shop, tmp_path)
        assert message in str(fault.value)
        shop.intercept = None
        assert visit_shop(shop, tmp_path, VisitOptions(limit=1)).products == 1  # nothing had to be resumed


class Killed(BaseException):
    """An exception that no code catches."""


class Writes:
    """Fails at one write and at all later ones; the failing write leaves half of its bytes."""

    def __init__(self, patch: pytest.MonkeyPatch, last: int) -> None:
        self.count, self._last = 0, last
        self._write, self._append = files.write_bytes, files.append
        patch.setattr(files, "write_bytes", self._whole)
        patch.setattr(files, "append", self._half)

    def _whole(self, uri: str, data: bytes) -> None:
        self.count += 1
        if self.count >= self._last:
            if self.count == self._last and not files.is_remote(uri):
                Path(uri).parent.mkdir(exist_ok=True)
                Path(uri).with_name(f".{Path(uri).name}.k2_7halv").write_bytes(data[: len(data) // 2])
            raise Killed
        self._write(uri, data)

    def _half(self, uri: str, lines: bytes) -> None:
        self.count += 1
        if self.count >= self._last:
            if self.count == self._last and Path(uri).exists():
                with Path(uri).open("ab") as stream:
                    stream.write(lines[: len(lines) // 2])
            raise Killed
        self._append(uri, lines)


@pytest.mark.parametrize("first", range(1, 24, 3))
def test_a_visit_that_is_killed_twice_loses_and_duplicates_nothing(
    first: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_shop(catalogue=FEW) as shop:
        for last in (first, 1 + first % 5):
            with monkeypatch.context() as patch, pytest.raises(Killed):
                Writes(patch, last)
                visit_shop(shop, tmp_path, RESUME)
        known = [row["url"].removeprefix(shop.address) for row in _whole_rows(tmp_path / "metadata.jsonl")
                 if (tmp_path / row["file_name"]).exists()]  # fmt: skip
        shop.requests.clear()
        visit_shop(shop, tmp_path, RESUME)
        assert not set(known) & set(shop.requests)  # no stored image is requested again
        assert_complete(tmp_path, shop)
        assert len(read_rows(tmp_path, "visits.jsonl")) == 1
    assert not list(tmp_path.rglob(".*"))
    assert pupila.open(tmp_path).skipped.is_empty()


def _whole_rows(path: Path) -> list[dict[str, str]]:
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.rpartition("\n")[0].splitlines()]


@pytest.mark.parametrize("last", [3, 20, 38, 41])
def test_a_killed_visit_to_a_store_loses_and_duplicates_nothing(
    last: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = f"memory://{uuid.uuid4().hex}/shop"
    with open_shop() as shop:
        with monkeypatch.context() as patch, pytest.raises(Killed):
            Writes(patch, last)
            visit_shop(shop, out)
        shop.requests.clear()
        visit_shop(shop, out, RESUME)
        assert_complete(out, shop)
        known = len(shop.requests)
        visit_shop(shop, out, RESUME)
        assert [path for path in shop.requests[known:] if path.startswith("/photos")] == []
    assert len(pupila.open(out)) == len(read_rows(out, "metadata.jsonl"))


def test_sigkill_loses_and_duplicates_nothing(tmp_path: Path) -> None:
    killed, photos = threading.Event(), itertools.count()

    def hold(path: str) -> None:
        if path.startswith("/photos") and next(photos) >= 12:
            killed.wait(600)  # keeps the visit running, however slow the machine is

    with open_shop(hold) as shop:
        command = [sys.executable, "-m", "pupila", "collect", "static", "--out", str(tmp_path), "--resume",
                   "--start", f"{shop.address}/static", "--allow-private", "--rate", "200"]  # fmt: skip
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        while len(_whole_rows(tmp_path / "products.jsonl")) < 5 and process.poll() is None:
            os.sched_yield()
        process.send_signal(signal.SIGKILL)
        errors = process.communicate()[1]
        killed.set()
        assert process.returncode == -signal.SIGKILL, errors
        known = {row["url"].removeprefix(shop.address) for row in _whole_rows(tmp_path / "metadata.jsonl")
                 if (tmp_path / row["file_name"]).exists()}  # fmt: skip
        assert known
        shop.requests.clear()
        visit_shop(shop, tmp_path, RESUME)
        assert not known & set(shop.requests)
        assert_complete(tmp_path, shop)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    with open_shop(catalogue=[1]) as shop:
        visit_shop(shop, tmp_path)
        (tmp_path / "products.jsonl").write_text("{}]\n{}\n")
        with pytest.raises(PupilaError, match="line 1"):
            visit_shop(shop, tmp_path, RESUME)


def test_a_collection_of_an_older_version_is_refused_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "products.jsonl").write_text('{"id": "a", "files": [], "seen": "2026-11-01"}\n')
    with (
        open_shop(catalogue=[1]) as shop,
        pytest.raises(PupilaError, match=r"no last_seen.*\s+Try: .*collect again"),
    ):
        visit_shop(shop, tmp_path, RESUME)


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        ("metadata.jsonl", '{"file_name": "cat.jpg", "label": "cat"}', "line 1: no url"),
        ("products.jsonl", '{"sku": 7}', "line 1: no files, id, last_seen"),
        ("visits.jsonl", '{"day": 1}', "line 1: no ended, start"),
        ("rejected.jsonl", "[]", "line 1: no code, url"),
    ],
)
def test_a_folder_of_another_data_set_is_refused(name: str, line: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(line + "\n")
    with open_shop(catalogue=[1]) as shop, pytest.raises(PupilaError) as fault:
        visit_shop(shop, tmp_path)
    assert message in str(fault.value)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_collection_without_visits_is_refused(tmp_path: Path) -> None:
    with open_shop(catalogue=[1]) as shop:
        visit_shop(shop, tmp_path)
        (tmp_path / "visits.jsonl").unlink()
        with pytest.raises(PupilaError, match=r"no visits\.jsonl"):
            visit_shop(shop, tmp_path, RESUME)


def test_an_invalid_image_address_is_rejected(tmp_path: Path) -> None:
    with open_shop(catalogue=[1, 2]) as shop:
        page = shop.reply("/static").body.replace(b"/photos/0001-0.jpg", b"https://[[cdn]]/x.jpg")
        shop.intercept = lambda path: Reply(200, "text/html", page) if path == "/static" else None
        result = visit_shop(shop, tmp_path)
    assert (result.products, result.images, result.complete) == (2, 1, True)
    (rejected,) = read_rows(tmp_path, "rejected.jsonl")
    assert (rejected["url"], rejected["code"]) == ("https://[[cdn]]/x.jpg", "refused")


def test_hidden_files_of_the_user_stay(tmp_path: Path) -> None:
    theirs = [".git", ".metadata.jsonl.swp", "images/.ipynb_checkpoints/a.jpg", "images/.keep", "images/deep/.x",
              "images/deep/.0123456789abcdef.jpg.abcdefgh", "images/.0123456789abcdef.jpg.bak"]  # fmt: skip
    half = ["images/.0123456789abcdef.jpg.ab_d3fgh", ".products.jsonl.ab_d3fgh"]
    for name in [*theirs, *half]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("theirs")
    with open_shop(catalogue=[1]) as shop:
        for _ in range(2):
            visit_shop(shop, tmp_path, RESUME)
    assert [name for name in theirs if not (tmp_path / name).exists()] == []
    assert [name for name in half if (tmp_path / name).exists()] == []


def test_an_image_that_the_user_deleted_stays_deleted(tmp_path: Path) -> None:
    with open_shop(catalogue=FEW) as shop:
        visit_shop(shop, tmp_path)
        gone = tmp_path / read_rows(tmp_path, "metadata.jsonl")[0]["file_name"]
        gone.unlink()
        shop.requests.clear()
        visit_shop(shop, tmp_path, RESUME)
        assert not any(path.startswith("/photos") for path in shop.requests)
    assert not gone.exists()


def test_collect_saves_the_manifest_and_prints_the_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from pupila.cli.run import run

    def command(shop: Shop, *more: str) -> list[str]:
        return ["collect", "static", "--out", str(tmp_path / "data"), "--start", f"{shop.address}/static",
                "--allow-private", "--rate", "500", *more]  # fmt: skip

    with open_shop(catalogue=FEW) as shop:
        assert run(command(shop)) == 0
        printed = capsys.readouterr().out
        assert "6 products listed, 6 of them new" in printed
        assert "read to its end; 0 known products are no longer listed" in printed
        assert (tmp_path / "data/pupila.parquet").exists()
        assert run(command(shop)) == 2
        assert "Try: --resume" in capsys.readouterr().err
        assert run(command(shop, "--resume", "--limit", "2")) == 0
        assert "not read to its end" in capsys.readouterr().out
        result = pupila.collect(
            "static", out=tmp_path / "data", resume=True, start=f"{shop.address}/static", allow_private=True
        )
        assert result.products == 6
    assert run(["collect", "discoo", "--out", str(tmp_path / "x")]) == 2
    assert "disco, static, vtex" in capsys.readouterr().err
