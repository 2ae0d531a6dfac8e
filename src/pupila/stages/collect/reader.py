"""From HTML to product records, by the selectors of a site."""

import re
from dataclasses import dataclass
from urllib.parse import urljoin

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.stages.collect.site import AGENT, Site

TEXT = "text"  # in place of an attribute: what a reader of the page would see
_SELECTORS = ("item", "id", "title", "brand", "price", "description", "link", "image", "next")


@dataclass(frozen=True, slots=True)
class Product:
    """One product as a listing shows it."""

    id: str
    name: str
    brand: str
    price: float | None  # in the site's currency; None where there is none to read
    link: str  # absolute; "" where there is none
    description: str
    images: tuple[str, ...]  # absolute addresses, in the order of the page


@dataclass(frozen=True, slots=True)
class Selector:
    """`css@one|two`: CSS inside an item ("" is the item itself), and the attributes to ask, in order."""

    css: str
    attributes: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "Selector":
        """The parts of the setting; without an attribute it is the text that counts."""
        told = re.fullmatch(r"(.*?)@([\w:|.-]+)", text.strip(), re.DOTALL)
        return cls(told[1].strip(), tuple(told[2].split("|"))) if told else cls(text.strip(), (TEXT,))

    def values(self, item: LexborNode) -> list[str]:
        """What the fitting elements say, empty ones left out."""
        nodes = item.css(self.css) if self.css else [item]
        return [said for node in nodes if (said := self._said(node))]

    def _said(self, node: LexborNode) -> str:
        for name in self.attributes:
            text = node.text(separator=" ") if name == TEXT else node.attributes.get(name)
            said = " ".join((text or "").split())
            if said and not said.startswith("data:"):  # a place-holder until the picture is wanted
                return said
        return ""


class Reader:
    """Reads products from HTML.

    Raises:
        PupilaError: a selector is no CSS.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._selectors = {name: Selector.parse(told) for name in _SELECTORS if (told := getattr(site, name))}
        bad = {name: s.css for name, s in self._selectors.items() if s.css and not _is_css(s.css)}
        if bad:
            raise PupilaError(
                say("Bad selectors in {site}", site=site.name or "SITE"),
                found="; ".join(f"{name}: {css}" for name, css in bad.items()),
                wanted=say("CSS, and @attribute after it"),
            )  # fmt: skip

    @property
    def item(self) -> str:
        """CSS of one product."""
        return self._selectors["item"].css

    def page(self, html: str, address: str) -> tuple[list[Product], list[str]]:
        """The products of a whole page, and for how many items there was no id, by what they show."""
        tree = LexborHTMLParser(html)
        return self._products(tree.css(self.item), _base(tree, address))

    def fragments(self, parts: list[str], base: str) -> tuple[list[Product], list[str]]:
        """As `page`, of items that are cut out already.

        Args:
            parts: the HTML of one item each.
            base: what their addresses are relative to.
        """
        nodes = [body.child for part in parts if (body := LexborHTMLParser(part).body) is not None]
        return self._products([node for node in nodes if node is not None], base)

    def next_page(self, html: str, address: str) -> str:
        """Where the next link of the page leads; "" where there is none."""
        tree = LexborHTMLParser(html)
        link = (
            Selector(self._selectors["next"].css, ("href",)).values(tree.root)
            if tree.root is not None
            else []
        )
        return joined(_base(tree, address), link[0]) if link else ""

    def _products(self, items: list[LexborNode], base: str) -> tuple[list[Product], list[str]]:
        read = [self._product(item, base) for item in items]
        return [p for p in read if p.id], [p.link or p.name for p in read if not p.id]

    def _product(self, item: LexborNode, base: str) -> Product:
        told = {name: s.values(item) for name, s in self._selectors.items()}
        first = {name: values[0] if values else "" for name, values in told.items()}
        price = first.get("price", "")
        return Product(
            id=self._id(first["id"]),
            name=first.get("title", ""),
            brand=first.get("brand", ""),
            price=number(price, self._site.numbers) if price else None,
            link=joined(base, link) if (link := first.get("link", "")) else "",
            description=first.get("description", ""),
            images=tuple(dict.fromkeys(joined(base, source) for source in told.get("image", []))),
        )

    def _id(self, said: str) -> str:
        if not self._site.id_pattern:
            return said
        found = re.search(self._site.id_pattern, said)
        return (found[1] if found.groups() else found[0]) or "" if found else ""


def joined(base: str, told: str) -> str:
    """The address made whole; one that is none stays as it is, for who asks for it to refuse."""
    try:
        return urljoin(base, told)
    except ValueError:
        return told


def robots_metas(html: str) -> list[str]:
    """What a page tells robots like this one in its `<meta>` elements."""
    metas = LexborHTMLParser(html).css("meta[name][content]")
    names = {"robots", AGENT.lower()}
    return [
        m.attributes["content"] or "" for m in metas if (m.attributes["name"] or "").strip().lower() in names
    ]


def number(text: str, example: str) -> float | None:
    """The first number in the text.

    Args:
        text: such as "$ 1.234,50 the unit".
        example: how the site writes numbers: the last mark is the decimal one, unless three digits follow the only
            kind of mark.

    Returns:
        None where there is no number.
    """
    marks = re.findall(r"\D", example)
    lone_thousands = len(set(marks)) == 1 and len(re.split(r"\D", example)[-1]) == 3
    decimal = marks[-1] if marks and not lone_thousands else ""
    thousands = next((mark for mark in marks if mark != decimal), "")
    plain = re.sub(r"\s", " ", text)
    whole = rf"\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})+(?!\d)|\d+" if thousands else r"\d+"
    part = rf"(?:{re.escape(decimal)}\d+)?" if decimal else ""
    found = re.search(rf"(?:{whole}){part}", plain)
    if not found:
        return None
    digits = found[0].replace(thousands, "") if thousands else found[0]
    return float(digits.replace(decimal, ".") if decimal else digits)


def _is_css(text: str) -> bool:
    try:
        LexborHTMLParser("<p>").css(text)
    except SelectolaxError:
        return False
    return True


def _base(tree: LexborHTMLParser, address: str) -> str:
    base = tree.css_first("base[href]")
    told = (base.attributes["href"] or "") if base is not None else ""
    try:
        return urljoin(address, told)
    except ValueError:  # as a browser does it
        return address
