"""A synthetic web shop on this machine: drawn packages behind pages that scroll on as a real shop's do."""

import html
import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
from PIL import Image, ImageDraw

from pupila.demo.packages import Product, draw_product, photograph

HOST = "127.0.0.1"
PAGE = 24  # products of one page, or of one scroll
_TWICE = 31  # every so many products show the picture that stands for a missing photo
_SYNTHETIC = "A synthetic shop: drawn packages, invented names and prices. Nothing here is for sale."
_ROBOTS = "User-agent: *\nDisallow: /checkout\n"
_MISSING = "/photos/coming-soon.jpg"
_CSS = """
body {font: 15px sans-serif; margin: 0; background: #f2f2f2} header, footer {padding: 12px 24px; background: #fff}
#gallery {display: grid; grid-template-columns: repeat(4, 1fr); gap: 12px; padding: 24px}
#gallery > div {background: #fff; padding: 12px} img {width: 100%; aspect-ratio: 1; background: #ddd}
a {color: inherit; text-decoration: none} .price {font-weight: bold}
"""
_SCROLL = """
const gallery = document.getElementById("gallery"), end = document.getElementById("end");
const lazy = new IntersectionObserver((seen) => seen.filter((s) => s.isIntersecting).forEach((s) => {
  s.target.src = s.target.dataset.src; lazy.unobserve(s.target);
}));
let from = 0, loading = false, over = false;
async function more() {
  if (loading || over) return;
  loading = true;
  try {
    const answer = await fetch(`/items?from=${from}`);
    if (!answer.ok) return;
    const part = document.createElement("template");
    part.innerHTML = await answer.text();
    const count = part.content.children.length;
    part.content.querySelectorAll("img[data-src]").forEach((image) => lazy.observe(image));
    gallery.append(part.content);
    from += count; over = count === 0;
  } finally { loading = false; }
}
new IntersectionObserver((seen) => { if (seen.some((s) => s.isIntersecting)) more(); }).observe(end);
addEventListener("scroll", () => {
  if (innerHeight + scrollY >= document.documentElement.scrollHeight - 200) more();
});
"""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the shop answers."""

    status: int
    kind: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


# Told the path with its query, it may answer in the shop's place; None leaves the answer to the shop.
Meddle = Callable[[str], Reply | None]


class Shop:
    """A shop of drawn packages; each picture is drawn when it is first asked for.

    Args:
        count: products that there are in all.
        seed: of the drawing.
        meddle: answers in the shop's place, for tests of what real servers do.
    """

    def __init__(self, count: int, seed: int = 7, meddle: Meddle | None = None) -> None:
        self.count, self.seed, self.meddle = count, seed, meddle
        self.catalogue = list(range(count))  # the numbers on sale, in order; may be changed while it is open
        self.asked: list[str] = []  # paths with their queries, in the order in which they were asked for
        self.product = lru_cache(maxsize=None)(self._product)
        self._photo = lru_cache(maxsize=256)(self._draw_photo)
        self.address = ""  # while it is open

    @contextmanager
    def open(self) -> Iterator[str]:
        """The address of the shop, which answers until the end of the block."""
        shop = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                shop.asked.append(self.path)
                reply = (shop.meddle(self.path) if shop.meddle else None) or shop.reply(self.path)
                self.send_response(reply.status)
                self.send_header("content-type", reply.kind)
                told = {name.lower() for name, _ in reply.headers}
                if "content-length" not in told:
                    self.send_header("content-length", str(len(reply.body)))
                for name, value in reply.headers:
                    if value:
                        self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that went away is no news."""

        server = Server((HOST, 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        self.address = f"http://{HOST}:{server.server_address[1]}"
        try:
            yield self.address
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def record(self, number: int) -> dict[str, Any]:
        """The truth about a product: R4's fields, and `label`, which no page tells."""
        product = self.product(number)
        rng = np.random.default_rng((self.seed, number, 1))
        price = round(float(rng.choice([9.9, 89.5, 450.0, 1234.5, 12999.99]) * rng.uniform(0.5, 1.5)), 2)
        name = f"{product.good.capitalize()} {product.brand} {number:04d}"
        slug = name.lower().replace(" ", "-")
        return {
            "id": slug, "name": name, "brand": product.brand, "price": price, "link": f"/{slug}/p",
            "description": f"{name}, synthetic", "images": self.photos(number), "label": product.label,
        }  # fmt: skip

    def photos(self, number: int) -> list[str]:
        """Paths of a product's photos: one or two, the second of some being the picture for a missing one."""
        paths = [f"/photos/{number:04d}-0.jpg"]
        if number % _TWICE == 0:
            paths.append(f"{_MISSING}?for={number}")
        elif number % 3 == 0:
            paths.append(f"/photos/{number:04d}-1.jpg")
        return paths

    def reply(self, path: str) -> Reply:
        """What the shop itself answers to a path with its query."""
        told = urlsplit(path)
        query = {key: values[0] for key, values in parse_qs(told.query).items()}
        if told.path == "/robots.txt":
            return Reply(200, "text/plain", _ROBOTS.encode())
        if told.path == "/":
            return _page(f'<div id="gallery"></div><div id="end">...</div><script>{_SCROLL}</script>')
        if told.path == "/items":
            start = int(query.get("from", "0"))
            return _html("".join(self._item(n) for n in self.catalogue[start : start + PAGE]))
        if told.path == "/static":
            return self._static(int(query.get("page", "1")))
        if told.path == _MISSING:
            return Reply(200, "image/jpeg", _coming_soon())
        if told.path.startswith("/photos/"):
            number, photo = told.path.removeprefix("/photos/").removesuffix(".jpg").split("-")
            return Reply(200, "image/jpeg", self._photo(int(number), int(photo)))
        if told.path.endswith("/p"):
            return self._product_page(int(told.path.removesuffix("/p")[-4:]))
        return Reply(404, "text/plain", b"nothing here")

    def _product(self, number: int) -> Product:
        return draw_product(number, self.count, self.seed)

    def _draw_photo(self, number: int, photo: int) -> bytes:
        return photograph(self.product(number).package, np.random.default_rng((self.seed, number, 2 + photo)))

    def _item(self, number: int) -> str:
        """One product as a VTEX shop shows it; its pictures come when they are scrolled to."""
        told = self.record(number)
        pictures = "".join(
            f'<img class="vtex-product-summary-2-x-image" alt="" data-src="{p}">' for p in told["images"]
        )
        return f"""
<div class="vtex-search-result-3-x-galleryItem devotouy-search-result-3-x-galleryItem"><section>
<a class="vtex-product-summary-2-x-clearLink" href="{told["link"]}">{pictures}
<h3><span class="vtex-product-summary-2-x-productBrand">{html.escape(told["name"])}</span></h3>
<span class="vtex-product-summary-2-x-productBrandName">{told["brand"]}</span>
<div class="price devotouy-products-components-0-x-sellingPriceWithUnitMultiplier">$ {spanish(told["price"])}</div>
</a></section></div>"""

    def _static(self, page: int) -> Reply:
        """The same products without a script, marked as schema.org does."""
        items = "".join(self._marked(n) for n in self.catalogue[(page - 1) * PAGE : page * PAGE])
        return _page(f'<div id="gallery">{items}</div><a rel="next" href="/static?page={page + 1}">Next</a>')

    def _marked(self, number: int) -> str:
        told = self.record(number)
        pictures = "".join(f'<img itemprop="image" alt="" src="{path}">' for path in told["images"])
        return f"""
<div itemscope itemtype="https://schema.org/Product"><meta itemprop="sku" content="{told["id"]}">
<a itemprop="url" href="{told["link"]}">{pictures}<h3 itemprop="name">{html.escape(told["name"])}</h3></a>
<span itemprop="brand">{told["brand"]}</span> <p itemprop="description">{html.escape(told["description"])}</p>
<span class="price" itemprop="price" content="{told["price"]}">$ {spanish(told["price"])}</span></div>"""

    def _product_page(self, number: int) -> Reply:
        if number not in self.catalogue:
            return Reply(404, "text/plain", b"nothing here")
        told = self.record(number)
        pictures = "".join(f'<img alt="" src="{path}" style="width: 300px">' for path in told["images"])
        return _page(
            f"<h1>{html.escape(told['name'])}</h1>{pictures}<p>{html.escape(told['description'])}</p>"
        )


def spanish(price: float) -> str:
    """1234.5 as 1.234,50."""
    return f"{price:,.2f}".translate(str.maketrans(",.", ".,"))


@lru_cache(maxsize=1)
def _coming_soon() -> bytes:
    picture = Image.new("RGB", (500, 500), (235, 235, 235))
    ImageDraw.Draw(picture).text((170, 240), "photo coming soon", fill=(90, 90, 90))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG")
    return buffer.getvalue()


def _page(body: str) -> Reply:
    return _html(
        f'<!DOCTYPE html><html lang="es"><head><meta charset="utf-8"><title>Synthetic shop</title><style>{_CSS}</style>'
        f"</head><body><header>{_SYNTHETIC}</header>{body}<footer>{_SYNTHETIC}</footer></body></html>"
    )


def _html(text: str) -> Reply:
    return Reply(200, "text/html; charset=utf-8", text.encode())
