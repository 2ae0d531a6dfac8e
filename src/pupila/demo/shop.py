"""A synthetic web shop on this machine: drawn packages on infinite-scroll pages like those of real shops."""

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
PAGE_SIZE = 24  # products per page, or per scroll
_PLACEHOLDER_EVERY = 31  # every n-th product shows the placeholder of a missing photo
_SYNTHETIC = "A synthetic shop: drawn packages, invented names and prices. Nothing here is for sale."
_ROBOTS = "User-agent: *\nDisallow: /checkout\n"
_PLACEHOLDER_PATH = "/photos/coming-soon.jpg"
_CSS = """
body {font: 15px sans-serif; margin: 0; background: #f2f2f2} header, footer {padding: 12px 24px; background: #fff}
#gallery {display: grid; grid-template-columns: repeat(4, 1fr); gap: 12px; padding: 24px}
#gallery > div {background: #fff; padding: 12px} img {width: 100%; aspect-ratio: 1; background: #ddd}
a {color: inherit; text-decoration: none} .price {font-weight: bold}
"""
_SCROLL = """
const gallery = document.getElementById("gallery"), end = document.getElementById("end");
const lazy = new IntersectionObserver((entries) => entries.filter((s) => s.isIntersecting).forEach((s) => {
  s.target.src = s.target.dataset.src; lazy.unobserve(s.target);
}));
let from = 0, loading = false, over = false;
async function more() {
  if (loading || over) return;
  loading = true;
  try {
    const response = await fetch(`/items?from=${from}`);
    if (!response.ok) return;
    const part = document.createElement("template");
    part.innerHTML = await response.text();
    const count = part.content.children.length;
    part.content.querySelectorAll("img[data-src]").forEach((image) => lazy.observe(image));
    gallery.append(part.content);
    from += count; over = count === 0;
  } finally { loading = false; }
}
new IntersectionObserver((entries) => { if (entries.some((s) => s.isIntersecting)) more(); }).observe(end);
addEventListener("scroll", () => {
  if (innerHeight + scrollY >= document.documentElement.scrollHeight - 200) more();
});
"""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP response of the shop."""

    status: int
    kind: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


# Receives the path with its query and may respond in place of the shop; None leaves it to the shop.
Intercept = Callable[[str], Reply | None]


@dataclass(frozen=True, slots=True)
class ProductRecord:
    """The ground truth of a product."""

    id: str
    name: str
    brand: str
    price: float
    link: str  # path of its page
    description: str
    images: list[str]  # paths of its photos
    label: str  # no page shows it


class Shop:
    """A shop of drawn packages; each photo is drawn on its first request.

    Args:
        count: number of products.
        seed: of the drawing.
        intercept: responds in place of the shop, to test the behaviour of real servers.
    """

    def __init__(self, count: int, seed: int = 7, intercept: Intercept | None = None) -> None:
        self.count, self.seed, self.intercept = count, seed, intercept
        self.catalogue = list(
            range(count)
        )  # numbers of the listed products, in order; may change while it is open
        self.requests: list[str] = []  # paths with their queries, in order of arrival
        self.product = lru_cache(maxsize=None)(self._product)
        self._photo = lru_cache(maxsize=256)(self._draw_photo)
        self.address = ""  # while it is open

    @contextmanager
    def open(self) -> Iterator[str]:
        """The address of the shop, which is served until the end of the block."""
        shop = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                shop.requests.append(self.path)
                reply = (shop.intercept(self.path) if shop.intercept else None) or shop.reply(self.path)
                self.send_response(reply.status)
                self.send_header("content-type", reply.kind)
                names = {name.lower() for name, _ in reply.headers}
                if "content-length" not in names:
                    self.send_header("content-length", str(len(reply.body)))
                for name, value in reply.headers:
                    if value:
                        self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)

            def log_message(self, format: str, *args: Any) -> None:
                """Log nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Ignore clients that disconnect."""

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

    def record(self, number: int) -> ProductRecord:
        """The ground truth of a product: the collected fields, and `label`, which no page shows."""
        product = self.product(number)
        rng = np.random.default_rng((self.seed, number, 1))
        price = round(float(rng.choice([9.9, 89.5, 450.0, 1234.5, 12999.99]) * rng.uniform(0.5, 1.5)), 2)
        name = f"{product.good.capitalize()} {product.brand} {number:04d}"
        slug = name.lower().replace(" ", "-")
        return ProductRecord(
            id=slug, name=name, brand=product.brand, price=price, link=f"/{slug}/p",
            description=f"{name}, synthetic", images=self.photos(number), label=product.label,
        )  # fmt: skip

    def photos(self, number: int) -> list[str]:
        """Paths of the photos of a product: one or two; the second of some is the placeholder."""
        paths = [f"/photos/{number:04d}-0.jpg"]
        if number % _PLACEHOLDER_EVERY == 0:
            paths.append(f"{_PLACEHOLDER_PATH}?for={number}")
        elif number % 3 == 0:
            paths.append(f"/photos/{number:04d}-1.jpg")
        return paths

    def reply(self, path: str) -> Reply:
        """The response of the shop to a path with its query."""
        parts = urlsplit(path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        if parts.path == "/robots.txt":
            return Reply(200, "text/plain", _ROBOTS.encode())
        if parts.path == "/":
            return _page(f'<div id="gallery"></div><div id="end">...</div><script>{_SCROLL}</script>')
        if parts.path == "/items":
            start = int(query.get("from", "0"))
            return _html("".join(self._vtex_item(n) for n in self.catalogue[start : start + PAGE_SIZE]))
        if parts.path == "/static":
            return self._static_page(int(query.get("page", "1")))
        if parts.path == _PLACEHOLDER_PATH:
            return Reply(200, "image/jpeg", _draw_placeholder())
        if parts.path.startswith("/photos/"):
            number, photo = parts.path.removeprefix("/photos/").removesuffix(".jpg").split("-")
            return Reply(200, "image/jpeg", self._photo(int(number), int(photo)))
        if parts.path.endswith("/p"):
            return self._product_page(int(parts.path.removesuffix("/p")[-4:]))
        return Reply(404, "text/plain", b"nothing here")

    def _product(self, number: int) -> Product:
        return draw_product(number, self.count, self.seed)

    def _draw_photo(self, number: int, photo: int) -> bytes:
        return photograph(self.product(number).package, np.random.default_rng((self.seed, number, 2 + photo)))

    def _vtex_item(self, number: int) -> str:
        """One product in the markup of a VTEX shop; its images are loaded lazily."""
        record = self.record(number)
        pictures = "".join(
            f'<img class="vtex-product-summary-2-x-image" alt="" data-src="{p}">' for p in record.images
        )
        price = format_spanish(record.price)
        return f"""
<div class="vtex-search-result-3-x-galleryItem devotouy-search-result-3-x-galleryItem"><section>
<a class="vtex-product-summary-2-x-clearLink" href="{record.link}">{pictures}
<h3><span class="vtex-product-summary-2-x-productBrand">{html.escape(record.name)}</span></h3>
<span class="vtex-product-summary-2-x-productBrandName">{record.brand}</span>
<div class="price devotouy-products-components-0-x-sellingPriceWithUnitMultiplier">$ {price}</div>
</a></section></div>"""

    def _static_page(self, page: int) -> Reply:
        """The same products without a script, in schema.org markup."""
        items = "".join(
            self._schema_org_item(n) for n in self.catalogue[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
        )
        return _page(f'<div id="gallery">{items}</div><a rel="next" href="/static?page={page + 1}">Next</a>')

    def _schema_org_item(self, number: int) -> str:
        record = self.record(number)
        pictures = "".join(f'<img itemprop="image" alt="" src="{path}">' for path in record.images)
        return f"""
<div itemscope itemtype="https://schema.org/Product"><meta itemprop="sku" content="{record.id}">
<a itemprop="url" href="{record.link}">{pictures}<h3 itemprop="name">{html.escape(record.name)}</h3></a>
<span itemprop="brand">{record.brand}</span> <p itemprop="description">{html.escape(record.description)}</p>
<span class="price" itemprop="price" content="{record.price}">$ {format_spanish(record.price)}</span></div>"""

    def _product_page(self, number: int) -> Reply:
        if number not in self.catalogue:
            return Reply(404, "text/plain", b"nothing here")
        record = self.record(number)
        pictures = "".join(f'<img alt="" src="{path}" style="width: 300px">' for path in record.images)
        return _page(f"<h1>{html.escape(record.name)}</h1>{pictures}<p>{html.escape(record.description)}</p>")


def format_spanish(price: float) -> str:
    """1234.5 as 1.234,50."""
    return f"{price:,.2f}".translate(str.maketrans(",.", ".,"))


@lru_cache(maxsize=1)
def _draw_placeholder() -> bytes:
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
