"""What was collected, on disk or in a store: nothing is lost and nothing comes twice, whenever a visit is killed."""

import json
import re
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.vocabulary import PRODUCTS_FILE, SET_ASIDE_FILE, VISITS_FILE
from pupila.stages.collect.reader import Product

METADATA_FILE = "metadata.jsonl"  # the table that makes the folder a data set
IMAGES = "images"
_COLUMNS = {  # without which a file is another's
    PRODUCTS_FILE: {"id", "files"}, METADATA_FILE: {"file_name", "url"}, SET_ASIDE_FILE: {"url", "code"},
    VISITS_FILE: {"start", "ended"},
}  # fmt: skip
_BATCH = 32  # products between two writings of a store's objects
# Why an image was set aside, where another visit may have it.
FOR_NOW = frozenset({"failed", "refused"})
COPY = "copy"
# What `files.write_bytes` calls a file of ours that is not whole yet; other hidden files are the user's.
_HALF = re.compile(
    rf"\.({'|'.join(map(re.escape, _COLUMNS))})\.\w{{8}}|{IMAGES}/\.[0-9a-f]{{16}}\.\w+\.\w{{8}}", re.ASCII
)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Picture:
    """An image as it came."""

    url: str
    sha256: str
    suffix: str  # of its format, with the dot
    content: bytes

    @property
    def file(self) -> str:
        """Where it lies, below the collection's folder: the same bytes lie there once."""
        return f"{IMAGES}/{self.sha256[:16]}{self.suffix}"


@dataclass(frozen=True, slots=True)
class Aside:
    """An address whose image is not stored."""

    url: str
    code: str
    reason: str


class Collection:
    """The folder of a collection.

    On disk a row of an image is written before the image, and the product's row after both: a killed visit leaves
    rows without images, which are dropped, and never an image that nobody knows. In a store, where every writing of
    rows writes them all, images come first and rows some products later; an image is named by its content, so none
    lies there twice.

    Raises:
        PupilaError: a file in it can't be read.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder.rstrip("/") or "/"
        self.products: dict[str, Row] = {row["id"]: row for row in self._read(PRODUCTS_FILE)}
        self._images: dict[str, Row] = {row["file_name"]: row for row in self._read(METADATA_FILE)}
        self._aside: dict[str, Row] = {row["url"]: row for row in self._read(SET_ASIDE_FILE)}
        self.visits: list[Row] = self._read(VISITS_FILE)
        self._lock = threading.RLock()  # a visit that is interrupted may flush while a thread still adds
        self._unwritten: dict[str, list[Row]] = {}
        self._waiting = 0  # products whose rows are not written yet
        self._by_url = self._files_by_url()
        for url in self._by_url.keys() & self._aside.keys():
            if self._aside[url]["code"] in FOR_NOW:  # it came in a later visit
                del self._aside[url]

    @property
    def is_new(self) -> bool:
        """Whether nothing was collected here before; a visit that found nothing does not count."""
        return not (self.products or self._images)

    @property
    def images(self) -> int:
        """Images that are stored."""
        return len(self._images)

    def aside(self, copies: bool) -> int:
        """Addresses that are set aside: those of copies, or all others."""
        return sum((row["code"] == COPY) == copies for row in self._aside.values())

    def mend(self) -> None:
        """Take away what a killed visit left behind: rows of images that never came, and half-written files."""
        there = set()
        if files.is_folder(files.join(self.folder, IMAGES)):
            there = {f"{IMAGES}/{entry.path}" for entry in files.walk(files.join(self.folder, IMAGES))}
        if not files.is_remote(self.folder) and files.is_folder(self.folder):
            loose = {*files.entries(self.folder), *there}
            for name in filter(_HALF.fullmatch, loose):
                files.remove(files.join(self.folder, name))
        known = {name for row in self.products.values() for name in row["files"]}
        # An image of a whole product that is gone was taken away by a person.
        lost = [name for name in self._images if name not in there and name not in known]
        for name in lost:
            del self._images[name]
        stray = [
            url for url, row in self._aside.items() if row["code"] == COPY and row["file"] not in self._images
        ]
        for url in stray:
            del self._aside[url]
        if lost or stray:
            self._by_url = self._files_by_url()
            self._write(METADATA_FILE, list(self._images.values()))
            self._write(SET_ASIDE_FILE, list(self._aside.values()))

    def _files_by_url(self) -> dict[str, str]:
        stored = {row["url"]: name for name, row in self._images.items()}
        return stored | {url: row["file"] for url, row in self._aside.items() if row["code"] == COPY}

    def begin(self, visit: Row) -> None:
        """Note that a visit goes on; one that never ended is the same visit."""
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

    def fate(self, url: str) -> str | None:
        """What became of an address: the file of its image, "" where it was set aside for good, None: not known yet."""
        if (file := self._by_url.get(url)) is not None:
            return file
        row = self._aside.get(url)
        return "" if row is not None and row["code"] not in FOR_NOW else None

    def add(self, product: Product, came: Sequence[Picture | Aside], note: Row) -> None:
        """Store a product's new images and then its record, where it has none yet.

        Args:
            product: as the listing shows it.
            came: of the addresses whose fate was not known.
            note: more columns for the rows of images.
        """
        remote = files.is_remote(self.folder)
        with self._lock:
            contents = self._take(product, came, note)
            if not remote:
                self.flush()
            for name, content in contents.items():
                files.write_bytes(files.join(self.folder, name), content)
            if product.id not in self.products:
                row = {**self._record(product), "collected": _now(), "seen": _now(), "vanished": None}
                self.products[product.id] = row
                self._unwritten.setdefault(PRODUCTS_FILE, []).append(row)
            self._waiting += 1
            if not remote or self._waiting >= _BATCH:
                self.flush()

    def _take(self, product: Product, came: Sequence[Picture | Aside], note: Row) -> dict[str, bytes]:
        """Have rows for what came; the contents of the images that are new, by their files."""
        contents: dict[str, bytes] = {}
        for one in came:
            if isinstance(one, Aside):
                self._set_aside(one.url, product.id, one.code, one.reason)
            elif one.file in self._images:
                why = say("the same bytes as {file}", file=one.file)
                self._set_aside(one.url, product.id, COPY, why, file=one.file)
                self._by_url[one.url] = one.file
            else:
                row = {
                    "file_name": one.file, "group": product.id, "product": product.id, "name": product.name,
                    "brand": product.brand, "price": product.price, "link": product.link, "url": one.url,
                    "collected": _now(), "sha256": one.sha256, **note,
                }  # fmt: skip
                self._images[one.file] = row
                self._aside.pop(one.url, None)
                self._by_url[one.url] = one.file
                self._unwritten.setdefault(METADATA_FILE, []).append(row)
                contents[one.file] = one.content
        return contents

    def set_aside(self, url: str, product: str, code: str, reason: str) -> None:
        """Note what can't be used."""
        if url not in self._aside:
            self._set_aside(url, product, code, reason)

    def end(self, listed: dict[str, Product], complete: bool, visit: Row) -> int:
        """Bring the records up to what the visit saw, and close it.

        Args:
            listed: the products that were seen, by id.
            complete: whether all were; only then is one that was not seen called vanished.
            visit: figures of the visit.

        Returns:
            How many products vanished.
        """
        self.flush()
        now, vanished = _now(), 0
        for key, row in self.products.items():
            if key in listed:
                row |= {**self._record(listed[key]), "seen": now, "vanished": None}
            elif complete and row["vanished"] is None:
                row["vanished"] = now
                vanished += 1
        self._write(PRODUCTS_FILE, list(self.products.values()))
        self._write(SET_ASIDE_FILE, list(self._aside.values()))
        self.visits[-1] |= {**visit, "ended": now, "complete": complete, "vanished": vanished}
        self._write(VISITS_FILE, self.visits)
        return vanished

    def _record(self, product: Product) -> Row:
        """R4's fields, and where the images lie."""
        known = [self._by_url[url] for url in product.images if url in self._by_url]
        return {**asdict(product), "images": list(product.images), "files": list(dict.fromkeys(known))}

    def _set_aside(self, url: str, product: str, code: str, reason: str, **more: str) -> None:
        row = {"url": url, "product": product, "code": code, "reason": reason, "time": _now(), **more}
        self._aside[url] = row
        self._unwritten.setdefault(SET_ASIDE_FILE, []).append(row)

    def flush(self) -> None:
        """Write the rows that wait to be written."""
        with self._lock:
            for name in (METADATA_FILE, SET_ASIDE_FILE, PRODUCTS_FILE):
                if rows := self._unwritten.pop(name, []):
                    files.append(files.join(self.folder, name), _lines(rows))
            self._waiting = 0

    def _write(self, name: str, rows: list[Row]) -> None:
        self._unwritten.pop(name, None)
        uri = files.join(self.folder, name)
        if rows or files.exists(uri):
            files.write_bytes(uri, _lines(rows))

    def _read(self, name: str) -> list[Row]:
        """The rows; half a line at the end, as a killed visit leaves it, is no row."""
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
                    say("Can't read {path}", path=uri), found=say("line {n}: {fault}", n=count, fault=fault),
                    wanted=say("a file that Pupila wrote"),
                    remedy=say("bring back a copy of it, or another --out FOLDER"),
                ) from fault  # fmt: skip
        return rows


def _lines(rows: list[Row]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _now() -> str:
    """ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
