"""Visits without a browser: what is stored, what is set aside, and that no kill loses or doubles anything."""

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
from pupila.stages.collect.visit import Wish
from tests.stages.collect.shops import PRODUCTS, assert_whole, collected, opened, reply, rows

FEW = [0, 1, 2, 3, 4, 31 - 3]  # a product whose second picture comes twice is among them
AGAIN = Wish(resume=True)


def photo(side: int = 64, kind: str = "JPEG", seed: int = 0) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 255, (side, side, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def test_a_shop_becomes_a_data_set(tmp_path: Path) -> None:
    with opened() as shop:
        done = collected(shop, tmp_path)
        assert_whole(tmp_path, shop)
    assert (done.products, done.new, done.listed, done.vanished, done.complete) == (
        PRODUCTS,
        PRODUCTS,
        PRODUCTS,
        0,
        True,
    )
    data = pupila.open(tmp_path)
    assert len(data) == done.images
    assert data.set_aside.is_empty()
    told = {row["id"]: row for row in rows(tmp_path, "products.jsonl")}
    for row in data.images.iter_rows(named=True):
        product = told[row["product"]]
        assert row["group"] == row["product"]
        assert (row["brand"], float(row["price"])) == (product["brand"], product["price"])
        assert row["url"] in product["images"]
        assert row["sha256_"] == row["sha256"]
        assert "ask the site" in row["licence"]
    assert {frozenset(g) for _, g in data.images.group_by("group").agg("image").iter_rows()} == {
        frozenset(row["files"]) for row in told.values()
    }


def test_the_same_bytes_are_stored_once(tmp_path: Path) -> None:
    with opened(lambda path: Reply(200, "image/jpeg", photo()) if "photos" in path else None, FEW) as shop:
        done = collected(shop, tmp_path)
    assert done.images == 1
    assert done.copies == sum(len(row["images"]) for row in rows(tmp_path, "products.jsonl")) - 1
    assert {row["files"][0] for row in rows(tmp_path, "products.jsonl")} == {
        rows(tmp_path, "metadata.jsonl")[0]["file_name"]
    }
    assert len(pupila.open(tmp_path)) == 1


def test_an_address_that_several_products_show_is_asked_for_once(tmp_path: Path) -> None:
    page = "".join(
        f'<div itemtype="https://schema.org/Product"><b itemprop="sku">{n}</b>'
        '<img itemprop="image" src="/photos/0001-0.jpg"></div>'
        for n in range(20)
    )
    with opened(lambda path: reply(body=page) if path.startswith("/static") else None) as shop:
        done = collected(shop, tmp_path)
        assert shop.asked.count("/photos/0001-0.jpg") == 1
    assert (done.products, done.images, done.copies) == (20, 1, 0)


BAD = {
    "/photos/0000-0.jpg": (reply(body="<html>404 not found</html>", kind="image/jpeg"), "not-an-image"),
    "/photos/0001-0.jpg": (Reply(200, "image/jpeg", photo(8)), "tiny"),
    "/photos/0002-0.jpg": (Reply(200, "image/jpeg", photo(200)[:3000]), "truncated"),
    "/photos/0003-0.jpg": (Reply(200, "image/jpeg", b""), "empty-file"),
    "/photos/0004-0.jpg": (reply(404), "failed"),
    "/photos/0005-0.jpg": (Reply(200, "image/jpeg", b"x", (("content-length", "99999999999"),)), "refused"),
    "/photos/0006-0.jpg": (reply(302, location="http://10.0.0.1/x.jpg"), "refused"),
    "/photos/0007-0.jpg": (Reply(200, "image/jpeg", photo(), (("x-robots-tag", "none"),)), "refused"),
    "/photos/0008-0.jpg": (reply(500), "failed"),
}


def test_what_is_no_usable_image_is_set_aside_with_the_reason(tmp_path: Path) -> None:
    lying = Reply(200, "text/html", photo(64, "PNG"))  # an image, whatever the server calls it

    def answer(path: str) -> Reply | None:
        return lying if path == "/photos/0009-0.jpg" else BAD.get(path, (None, ""))[0]

    with opened(answer, list(range(11))) as shop:
        done = collected(shop, tmp_path)
        aside = {row["url"].removeprefix(shop.address): row for row in rows(tmp_path, "set_aside.jsonl")}
        assert {path: row["code"] for path, row in aside.items()} == {
            path: code for path, (_, code) in BAD.items()
        }
        assert all(row["reason"] and row["time"] and row["product"] for row in aside.values())
        assert done.set_aside == len(BAD)
        images = {
            row["url"].removeprefix(shop.address): row["file_name"]
            for row in rows(tmp_path, "metadata.jsonl")
        }
        assert images["/photos/0009-0.jpg"].endswith(".png")
        assert "/photos/0009-1.jpg" in images  # a good photo of a product whose other is bad
        assert len(rows(tmp_path, "products.jsonl")) == 11
        # Another visit asks again for what failed, and for nothing else.
        shop.asked.clear()
        collected(shop, tmp_path, AGAIN)
        again = {path for path in shop.asked if path.startswith("/photos")}
        shop.meddle = lambda path: None if path == "/photos/0008-0.jpg" else answer(path)
        assert again == {path for path, (_, code) in BAD.items() if code in ("failed", "refused")}
        assert len(rows(tmp_path, "set_aside.jsonl")) == len(BAD)
        assert collected(shop, tmp_path, AGAIN).set_aside == len(BAD) - 1  # the one that came in the end
        assert len(rows(tmp_path, "set_aside.jsonl")) == len(BAD) - 1
    assert pupila.open(tmp_path).set_aside.is_empty()


def test_a_second_visit_fetches_what_is_new_and_marks_what_vanished(tmp_path: Path) -> None:
    with opened(catalogue=[0, 1, 2, 3]) as shop:
        collected(shop, tmp_path)
        before = {row["id"]: row for row in rows(tmp_path, "products.jsonl")}
        shop.asked.clear()
        shop.catalogue = [1, 5, 3]
        done = collected(shop, tmp_path, AGAIN)
        assert (done.listed, done.new, done.vanished, done.products) == (3, 1, 2, 5)
        assert [path for path in shop.asked if path.startswith("/photos")] == shop.photos(5)
        after = {row["id"]: row for row in rows(tmp_path, "products.jsonl")}
        gone = {shop.record(n)["id"] for n in (0, 2)}
        assert {key for key, row in after.items() if row["vanished"]} == gone
        assert all(after[key]["collected"] == before[key]["collected"] for key in before)
        shop.catalogue = [0, 1, 5, 3]
        assert collected(shop, tmp_path, AGAIN).vanished == 0
        after = {row["id"]: row for row in rows(tmp_path, "products.jsonl")}
        assert {key for key, row in after.items() if row["vanished"]} == {shop.record(2)["id"]}
    visits = rows(tmp_path, "visits.jsonl")
    assert [visit["vanished"] for visit in visits] == [0, 2, 0]
    assert all(visit["ended"] and visit["complete"] for visit in visits)


def test_nothing_is_called_vanished_where_the_listing_was_cut_or_failed(tmp_path: Path) -> None:
    with opened(catalogue=list(range(26))) as shop:
        collected(shop, tmp_path)
        assert not collected(shop, tmp_path, Wish(limit=3, resume=True)).complete
        shop.meddle = lambda path: reply(500) if path == "/static?page=2" else None
        done = collected(shop, tmp_path, AGAIN)
        assert not done.complete
        assert list(done.faults.values()) == ["the server answered 500"]
    assert not any(row["vanished"] for row in rows(tmp_path, "products.jsonl"))


def test_a_new_photo_of_a_known_product_is_fetched(tmp_path: Path) -> None:
    with opened(catalogue=[1]) as shop:
        collected(shop, tmp_path)
        page = shop.reply("/static").body.replace(b"0001-0.jpg", b"0002-0.jpg")
        shop.meddle = lambda path: Reply(200, "text/html", page) if path == "/static" else None
        done = collected(shop, tmp_path, AGAIN)
    assert (done.new, done.images) == (0, 2)
    (product,) = rows(tmp_path, "products.jsonl")
    assert product["images"][0].endswith("0002-0.jpg")
    assert product["files"] == [rows(tmp_path, "metadata.jsonl")[1]["file_name"]]


def test_the_limit_is_that_of_the_listing(tmp_path: Path) -> None:
    with opened() as shop:
        for _ in range(2):
            collected(shop, tmp_path, Wish(limit=7, resume=True))
            truth = [shop.record(n)["id"] for n in range(7)]
            assert sorted(row["id"] for row in rows(tmp_path, "products.jsonl")) == sorted(truth)


def test_an_endless_shop_ends_at_its_bound_and_one_that_repeats_itself_at_once(tmp_path: Path) -> None:
    with opened() as shop:
        first = shop.reply("/static").body

        def endless(path: str) -> Reply | None:
            if not path.startswith("/static"):
                return None
            return Reply(
                200, "text/html", first.replace(b'content="', b'content="' + uuid.uuid4().hex.encode())
            )

        shop.meddle = endless
        assert collected(shop, tmp_path / "new", max_products=100).products == 100
        shop.meddle = lambda path: Reply(200, "text/html", first) if path.startswith("/static") else None
        assert collected(shop, tmp_path / "same").products == 24
        assert [path for path in shop.asked if path.startswith("/static")][-2:] == [
            "/static",
            "/static?page=2",
        ]


def test_a_loop_that_runs_already_as_in_a_notebook_is_no_hindrance(tmp_path: Path) -> None:
    async def cell(shop: Shop) -> int:
        return collected(shop, tmp_path).products

    with opened(catalogue=[1]) as shop:
        assert asyncio.run(cell(shop)) == 1


def test_start_pages_may_overlap(tmp_path: Path) -> None:
    with opened() as shop:
        first, second = shop.reply("/static"), shop.reply("/static?page=2")
        told = {"/a": first, "/b": first, "/b?page=2": second}
        shop.meddle = lambda path: told.get(path) or (reply() if path[:2] in ("/a", "/b") else None)
        done = collected(shop, tmp_path, start=[f"{shop.address}/a", f"{shop.address}/b"])
        assert_whole(tmp_path, shop)
    assert (done.listed, done.complete) == (PRODUCTS, True)


def test_links_to_the_next_page_are_followed(tmp_path: Path) -> None:
    with opened() as shop:
        collected(shop, tmp_path, more="next", next='a[rel="next"]')
        assert_whole(tmp_path, shop)


def test_a_folder_with_a_collection_needs_a_word(tmp_path: Path) -> None:
    with opened(catalogue=[1]) as shop:
        collected(shop, tmp_path)
        with pytest.raises(PupilaError, match="--resume goes on with it"):
            collected(shop, tmp_path)
        with pytest.raises(PupilaError, match="of other pages"):
            collected(shop, tmp_path, AGAIN, start=shop.address + "/static?page=9")
        with pytest.raises(PupilaError, match="read without a browser"):
            collected(shop, tmp_path, Wish(resume=True, browser="chromium"))
        collected(shop, tmp_path, AGAIN, start=[shop.address + "/static", shop.address + "/static?page=9"])


@pytest.mark.parametrize(
    ("path", "answer", "says"),
    [
        ("/static", reply(body="<p>nothing"), "nothing that fits"),
        ("/static", reply(body='<div itemtype="https://schema.org/Product"><b itemprop="name">Rye'), "an id: Rye"),
        ("/static", reply(403), "the server answered 403"),
        ("/static", reply(body="<meta name=robots content='noimageai'>"), "robots meta says noimageai"),
        ("/static", reply(body="x", x_robots_tag="none"), "X-Robots-Tag says none"),
        ("/robots.txt", reply(500), "counts as no"),
        ("/robots.txt", reply(body="User-agent: *\nDisallow: /static", kind="text/plain"), "forbids it"),
    ],
)  # fmt: skip
def test_where_nothing_is_found_it_is_said_why(path: str, answer: Reply, says: str, tmp_path: Path) -> None:
    with opened(lambda asked: answer if asked == path else None) as shop:
        with pytest.raises(PupilaError) as fault:
            collected(shop, tmp_path)
        assert says in str(fault.value)
        shop.meddle = None
        assert collected(shop, tmp_path, Wish(limit=1)).products == 1  # nothing had to be resumed


class Killed(BaseException):
    """What no code catches."""


class Writes:
    """Fails at one write and at all after it, an appending one having written half of its bytes."""

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
def test_a_visit_that_is_killed_twice_loses_and_doubles_nothing(
    first: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(catalogue=FEW) as shop:
        for last in (first, 1 + first % 5):
            with monkeypatch.context() as patch, pytest.raises(Killed):
                Writes(patch, last)
                collected(shop, tmp_path, AGAIN)
        known = [row["url"].removeprefix(shop.address) for row in _whole_rows(tmp_path / "metadata.jsonl")
                 if (tmp_path / row["file_name"]).exists()]  # fmt: skip
        shop.asked.clear()
        collected(shop, tmp_path, AGAIN)
        assert not set(known) & set(shop.asked)  # no stored image is asked for again
        assert_whole(tmp_path, shop)
        assert len(rows(tmp_path, "visits.jsonl")) == 1
    assert not list(tmp_path.rglob(".*"))
    assert pupila.open(tmp_path).set_aside.is_empty()


def _whole_rows(path: Path) -> list[dict[str, str]]:
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.rpartition("\n")[0].splitlines()]


@pytest.mark.parametrize("last", [3, 20, 38, 41])
def test_a_store_is_no_different(last: int, monkeypatch: pytest.MonkeyPatch) -> None:
    out = f"memory://{uuid.uuid4().hex}/shop"
    with opened() as shop:
        with monkeypatch.context() as patch, pytest.raises(Killed):
            Writes(patch, last)
            collected(shop, out)
        shop.asked.clear()
        collected(shop, out, AGAIN)
        assert_whole(out, shop)
        known = len(shop.asked)
        collected(shop, out, AGAIN)
        assert [path for path in shop.asked[known:] if path.startswith("/photos")] == []
    assert len(pupila.open(out)) == len(rows(out, "metadata.jsonl"))


def test_sigkill_loses_and_doubles_nothing(tmp_path: Path) -> None:
    killed, photos = threading.Event(), itertools.count()

    def hold(path: str) -> None:
        if path.startswith("/photos") and next(photos) >= 12:
            killed.wait(600)  # so that the visit is still under way, however slow the machine is

    with opened(hold) as shop:
        command = [sys.executable, "-m", "pupila", "collect", "static", "--out", str(tmp_path), "--resume", "--set",
                   f"start={shop.address}/static", "--set", "allow_private=true", "--set", "rate=200"]  # fmt: skip
        work = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        while len(_whole_rows(tmp_path / "products.jsonl")) < 5 and work.poll() is None:
            os.sched_yield()
        work.send_signal(signal.SIGKILL)
        told = work.communicate()[1]
        killed.set()
        assert work.returncode == -signal.SIGKILL, told
        known = {row["url"].removeprefix(shop.address) for row in _whole_rows(tmp_path / "metadata.jsonl")
                 if (tmp_path / row["file_name"]).exists()}  # fmt: skip
        assert known
        shop.asked.clear()
        collected(shop, tmp_path, AGAIN)
        assert not known & set(shop.asked)
        assert_whole(tmp_path, shop)


def test_a_file_that_was_spoiled_is_named(tmp_path: Path) -> None:
    with opened(catalogue=[1]) as shop:
        collected(shop, tmp_path)
        (tmp_path / "products.jsonl").write_text("{}]\n{}\n")
        with pytest.raises(PupilaError, match="line 1"):
            collected(shop, tmp_path, AGAIN)


@pytest.mark.parametrize(
    ("name", "line", "says"),
    [
        ("metadata.jsonl", '{"file_name": "cat.jpg", "label": "cat"}', "line 1: no url"),
        ("products.jsonl", '{"sku": 7}', "line 1: no files, id"),
        ("visits.jsonl", '{"day": 1}', "line 1: no ended, start"),
        ("set_aside.jsonl", "[]", "line 1: no code, url"),
    ],
)
def test_a_folder_of_another_data_set_is_refused(name: str, line: str, says: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(line + "\n")
    with opened(catalogue=[1]) as shop, pytest.raises(PupilaError) as fault:
        collected(shop, tmp_path)
    assert says in str(fault.value)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_rows_without_a_visit_are_none_of_ours(tmp_path: Path) -> None:
    with opened(catalogue=[1]) as shop:
        collected(shop, tmp_path)
        (tmp_path / "visits.jsonl").unlink()
        with pytest.raises(PupilaError, match=r"no visits\.jsonl"):
            collected(shop, tmp_path, AGAIN)


def test_one_bad_address_of_an_image_is_set_aside(tmp_path: Path) -> None:
    with opened(catalogue=[1, 2]) as shop:
        page = shop.reply("/static").body.replace(b"/photos/0001-0.jpg", b"https://[[cdn]]/x.jpg")
        shop.meddle = lambda path: Reply(200, "text/html", page) if path == "/static" else None
        done = collected(shop, tmp_path)
    assert (done.products, done.images, done.complete) == (2, 1, True)
    (aside,) = rows(tmp_path, "set_aside.jsonl")
    assert (aside["url"], aside["code"]) == ("https://[[cdn]]/x.jpg", "refused")


def test_hidden_files_of_the_user_stay(tmp_path: Path) -> None:
    theirs = [".git", ".metadata.jsonl.swp", "images/.ipynb_checkpoints/a.jpg", "images/.keep", "images/deep/.x",
              "images/deep/.0123456789abcdef.jpg.abcdefgh", "images/.0123456789abcdef.jpg.bak"]  # fmt: skip
    half = ["images/.0123456789abcdef.jpg.ab_d3fgh", ".products.jsonl.ab_d3fgh"]
    for name in [*theirs, *half]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("kept")
    with opened(catalogue=[1]) as shop:
        for _ in range(2):
            collected(shop, tmp_path, AGAIN)
    assert [name for name in theirs if not (tmp_path / name).exists()] == []
    assert [name for name in half if (tmp_path / name).exists()] == []


def test_an_image_that_a_person_took_away_stays_away(tmp_path: Path) -> None:
    with opened(catalogue=FEW) as shop:
        collected(shop, tmp_path)
        gone = tmp_path / rows(tmp_path, "metadata.jsonl")[0]["file_name"]
        gone.unlink()
        shop.asked.clear()
        collected(shop, tmp_path, AGAIN)
        assert not any(path.startswith("/photos") for path in shop.asked)
    assert not gone.exists()


def test_flow_saves_the_manifest_and_the_command_tells(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from pupila.cli.run import run

    def told(shop: Shop, *more: str) -> list[str]:
        return ["collect", "static", "--out", str(tmp_path / "data"), "--set", f"start={shop.address}/static",
                "--set", "allow_private=true", "--set", "rate=500", *more]  # fmt: skip

    with opened(catalogue=FEW) as shop:
        assert run(told(shop)) == 0
        printed = capsys.readouterr().out
        assert "6 products listed, 6 of them new" in printed
        assert "read to its end; 0 products vanished" in printed
        assert (tmp_path / "data/pupila.parquet").exists()
        assert run(told(shop)) == 2
        assert "Try: --resume" in capsys.readouterr().err
        assert run(told(shop, "--resume", "--limit", "2")) == 0
        assert "not read to its end" in capsys.readouterr().out
        done = pupila.collect(
            "static", out=tmp_path / "data", resume=True, start=f"{shop.address}/static", allow_private=True
        )
        assert done.products == 6
    assert run(["collect", "discoo", "--out", str(tmp_path / "x")]) == 2
    assert "disco, static, vtex" in capsys.readouterr().err
