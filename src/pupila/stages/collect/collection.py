"""The files of a collection, on disk or in a store: a killed visit loses nothing and stores nothing twice."""

import json
import re
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.json_text import dump_json
from pupila.core.messages import say
from pupila.core.vocabulary import PRODUCTS_FILE, REJECTED_FILE, VISITS_FILE
from pupila.stages.collect.reader import Product

METADATA_FILE = "metadata.jsonl"  # the table that makes the folder a data set
IMAGES = "images"
_COLUMNS = {  # the columns that each file needs
    PRODUCTS_FILE: {"id", "files", "last_seen"}, METADATA_FILE: {"file_name", "url"}, REJECTED_FILE: {"url", "code"},
    VISITS_FILE: {"start", "ended"},
}  # fmt: skip
_BATCH = 32  # products between two writes to a store
# Codes of rejected images that another visit tries again.
RETRYABLE = frozenset({"failed", "refused"})
DUPLICATE = "duplicate"
# The temporary names of `files.write_bytes`; other hidden files are the user's.
_PARTIAL_FILE = re.compile(
    rf"(\.({'|'.join(map(re.escape, _COLUMNS))})|{IMAGES}/\.[0-9a-f]{{16}}\.\w+)\.\w{{8}}(\.part)?", re.ASCII
)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FetchedImage:
    """A downloaded image."""

    url: str
    sha256: str
    suffix: str  # of its format, with the dot
    content: bytes

    @property
    def file(self) -> str:
        """Its path below the folder of the collection; the same bytes have one path."""
        return f"{IMAGES}/{self.sha256[:16]}{self.suffix}"


@dataclass(frozen=True, slots=True)
class Rejection:
    """An address whose image is not stored."""

    url: str
    code: str
    reason: str


class Collection:
    """The products and images of a collection, and their files.

    On disk the row of an image is written before the image, and the row of the product after both: a killed visit
    leaves rows without images, which are dropped later, and never an image without a row. In a store, where each
    write replaces the whole file, images come first and rows are written in batches; an image is named by its
    content, so it is stored once.

    Raises:
        PupilaError: a file in it can't be read.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder.rstrip("/") or "/"
        self.products: dict[str, Row] = {row["id"]: row for row in self._read(PRODUCTS_FILE)}
        self._images: dict[str, Row] = {row["file_name"]: row for row in self._read(METADATA_FILE)}
        self._rejected: dict[str, Row] = {row["url"]: row for row in self._read(REJECTED_FILE)}
        self.visits: list[Row] = self._read(VISITS_FILE)
        self._lock = threading.RLock()  # an interrupted visit may flush while a thread still adds
        self._unwritten: dict[str, list[Row]] = {}
        self._unwritten_products = 0  # products since the last write
        self._by_url = self._files_by_url()
        for url in self._by_url.keys() & self._rejected.keys():
            if self._rejected[url]["code"] in RETRYABLE:  # a later visit stored it
                del self._rejected[url]

    @property
    def is_new(self) -> bool:
        """Whether the collection is empty; a visit without products does not count."""
        return not (self.products or self._images)

    @property
    def images(self) -> int:
        """The number of stored images."""
        return len(self._images)

    def count_rejected(self, duplicates: bool) -> int:
        """The number of rejected addresses: those of duplicates, or all others."""
        return sum((row["code"] == DUPLICATE) == duplicates for row in self._rejected.values())

    def repair(self) -> None:
        """Remove what a killed visit left behind: rows of images that were never stored, and partial files."""
        there = set()
        if files.is_folder(files.join(self.folder, IMAGES)):
            there = {f"{IMAGES}/{entry.path}" for entry in files.walk(files.join(self.folder, IMAGES))}
        if not files.is_remote(self.folder) and files.is_folder(self.folder):
            loose = {*files.list_files(self.folder), *there}
            for name in filter(_PARTIAL_FILE.fullmatch, loose):
                files.remove(files.join(self.folder, name))
        known = {name for row in self.products.values() for name in row["files"]}
        # A missing image of a stored product was deleted by the user: its row stays.
        lost = [name for name in self._images if name not in there and name not in known]
        for name in lost:
            del self._images[name]
        stray = [
            url
            for url, row in self._rejected.items()
            if row["code"] == DUPLICATE and row["file"] not in self._images
        ]
        for url in stray:
            del self._rejected[url]
        if lost or stray:
            self._by_url = self._files_by_url()
            self._write(METADATA_FILE, list(self._images.values()))
            self._write(REJECTED_FILE, list(self._rejected.values()))

    def _files_by_url(self) -> dict[str, str]:
        stored = {row["url"]: name for name, row in self._images.items()}
        return stored | {url: row["file"] for url, row in self._rejected.items() if row["code"] == DUPLICATE}

    def begin(self, visit: Row) -> None:
        """Record the start of a visit; one that never ended is resumed."""
        if self.is_new:
            self.visits = [visit]
        elif self.visits[-1]["ended"] is None:
            self.visits[-1] |= {
                "start": visit["start"],
                "times_resumed": self.visits[-1]["times_resumed"] + 1,
            }
        else:
            self.visits.append(visit)
        self._write(VISITS_FILE, self.visits)

    def find_file(self, url: str) -> str | None:
        """The file of an address; "" where it was rejected for good, None where it has to be fetched."""
        if (file := self._by_url.get(url)) is not None:
            return file
        row = self._rejected.get(url)
        return "" if row is not None and row["code"] not in RETRYABLE else None

    def add(self, product: Product, images: Sequence[FetchedImage | Rejection], columns: Row) -> None:
        """Store the new images of a product and then its row, if it has none yet.

        Args:
            product: as listed.
            images: those fetched now, and the rejected ones.
            columns: added to the rows of images.
        """
        remote = files.is_remote(self.folder)
        with self._lock:
            contents = self._add_rows(product, images, columns)
            if not remote:
                self.flush()
            for name, content in contents.items():
                files.write_bytes(files.join(self.folder, name), content)
            if product.id not in self.products:
                row = {
                    **self._product_row(product),
                    "collected": _now(),
                    "last_seen": _now(),
                    "vanished": None,
                }
                self.products[product.id] = row
                self._unwritten.setdefault(PRODUCTS_FILE, []).append(row)
            self._unwritten_products += 1
            if not remote or self._unwritten_products >= _BATCH:
                self.flush()

    def _add_rows(
        self, product: Product, images: Sequence[FetchedImage | Rejection], columns: Row
    ) -> dict[str, bytes]:
        """Add rows for stored and rejected images; returns the contents of the new ones by file."""
        contents: dict[str, bytes] = {}
        for image in images:
            if isinstance(image, Rejection):
                self._record_rejection(image.url, product.id, image.code, image.reason)
            elif image.file in self._images:
                why = say("same bytes as {file}", file=image.file)
                self._record_rejection(image.url, product.id, DUPLICATE, why, file=image.file)
                self._by_url[image.url] = image.file
            else:
                row = {
                    "file_name": image.file, "group": product.id, "product": product.id, "name": product.name,
                    "brand": product.brand, "price": product.price, "link": product.link, "url": image.url,
                    "collected": _now(), "sha256": image.sha256, **columns,
                }  # fmt: skip
                self._images[image.file] = row
                self._rejected.pop(image.url, None)
                self._by_url[image.url] = image.file
                self._unwritten.setdefault(METADATA_FILE, []).append(row)
                contents[image.file] = image.content
        return contents

    def reject(self, url: str, product: str, code: str, reason: str) -> None:
        """Record an address that can't be used."""
        if url not in self._rejected:
            self._record_rejection(url, product, code, reason)

    def finish(self, listed: dict[str, Product], complete: bool, visit: Row) -> int:
        """Update the rows of all products, and record the end of the visit.

        Args:
            listed: the listed products, by id.
            complete: whether the listing was read to its end; only then are missing products marked as vanished.
            visit: counts of the visit.

        Returns:
            The number of products that vanished.
        """
        self.flush()
        now, vanished = _now(), 0
        for key, row in self.products.items():
            if key in listed:
                row |= {**self._product_row(listed[key]), "last_seen": now, "vanished": None}
            elif complete and row["vanished"] is None:
                row["vanished"] = now
                vanished += 1
        self._write(PRODUCTS_FILE, list(self.products.values()))
        self._write(REJECTED_FILE, list(self._rejected.values()))
        self.visits[-1] |= {**visit, "ended": now, "complete": complete, "vanished": vanished}
        self._write(VISITS_FILE, self.visits)
        return vanished

    def _product_row(self, product: Product) -> Row:
        """The fields of a product, and the files of its images."""
        known = [self._by_url[url] for url in product.images if url in self._by_url]
        return {**asdict(product), "images": list(product.images), "files": list(dict.fromkeys(known))}

    def _record_rejection(self, url: str, product: str, code: str, reason: str, **more: str) -> None:
        row = {"url": url, "product": product, "code": code, "reason": reason, "time": _now(), **more}
        self._rejected[url] = row
        self._unwritten.setdefault(REJECTED_FILE, []).append(row)

    def flush(self) -> None:
        """Write all pending rows."""
        with self._lock:
            for name in (METADATA_FILE, REJECTED_FILE, PRODUCTS_FILE):
                if rows := self._unwritten.pop(name, []):
                    files.append(files.join(self.folder, name), _lines(rows))
            self._unwritten_products = 0

    def _write(self, name: str, rows: list[Row]) -> None:
        self._unwritten.pop(name, None)
        uri = files.join(self.folder, name)
        if rows or files.exists(uri):
            files.write_bytes(uri, _lines(rows))

    def _read(self, name: str) -> list[Row]:
        """The rows; an incomplete last line, as a killed visit leaves it, is ignored."""
        uri = files.join(self.folder, name)
        if not files.exists(uri):
            return []
        whole = files.read_bytes(uri).rpartition(b"\n")[0]
        rows = []
        for count, line in enumerate(whole.split(b"\n") if whole else [], start=1):
            try:
                rows.append(row := dict(json.loads(line)))
                if missing := _COLUMNS[name] - row.keys():
                    raise ValueError(say("no {columns}", columns=", ".join(sorted(missing))))
            except (ValueError, TypeError) as fault:
                raise PupilaError(
                    say("Can't read {path}", path=uri), actual=say("line {n}: {fault}", n=count, fault=fault),
                    expected=say("a file written by this version of Pupila"),
                    remedy=say("restore a backup of it, or collect again into another --out FOLDER"),
                ) from fault  # fmt: skip
        return rows


def _lines(rows: list[Row]) -> bytes:
    return "".join(dump_json(row) + "\n" for row in rows).encode()


def _now() -> str:
    """ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
