"""Parsing product records from HTML with the CSS selectors of a site."""

import re
from dataclasses import dataclass
from urllib.parse import urljoin

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.stages.collect.site import ROBOT_NAME, Site

TEXT = "text"  # in place of an attribute: the visible text
_SELECTORS = ("item", "id", "title", "brand", "price", "description", "link", "image", "next")


@dataclass(frozen=True, slots=True)
class Product:
    """One product as a listing shows it."""

    id: str
    name: str
    brand: str
    price: float | None  # in the site's currency; None where none can be read
    link: str  # absolute; "" where there is none
    description: str
    images: tuple[str, ...]  # absolute addresses, in the order of the page


@dataclass(frozen=True, slots=True)
class Selector:
    """`css@one|two`: CSS inside an item ("" is the item itself), and the attributes to try, in order."""

    css: str
    attributes: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "Selector":
        """Parse a selector setting; without an attribute it reads the text."""
        match = re.fullmatch(r"(.*?)@([\w:|.-]+)", text.strip(), re.DOTALL)
        return cls(match[1].strip(), tuple(match[2].split("|"))) if match else cls(text.strip(), (TEXT,))

    def values(self, item: LexborNode) -> list[str]:
        """The values of the matching elements, without empty ones."""
        nodes = item.css(self.css) if self.css else [item]
        return [value for node in nodes if (value := self._value(node))]

    def _value(self, node: LexborNode) -> str:
        for name in self.attributes:
            text = node.text(separator=" ") if name == TEXT else node.attributes.get(name)
            value = " ".join((text or "").split())
            if value and not value.startswith("data:"):  # a placeholder for a lazily loaded image
                return value
        return ""


class Reader:
    """Reads products from HTML.

    Raises:
        PupilaError: a selector is not valid CSS.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._selectors = {
            name: Selector.parse(selector) for name in _SELECTORS if (selector := getattr(site, name))
        }
        bad = {name: s.css for name, s in self._selectors.items() if s.css and not _is_css(s.css)}
        if bad:
            raise PupilaError(
                say("Invalid selectors in {site}", site=site.name or "SITE"),
                actual="; ".join(f"{name}: {css}" for name, css in bad.items()),
                expected=say("CSS, optionally followed by @attribute"),
            )  # fmt: skip

    @property
    def item(self) -> str:
        """CSS of one product."""
        return self._selectors["item"].css

    def parse_page(self, html: str, address: str) -> tuple[list[Product], list[str]]:
        """The products of a whole page, and the links or names of items without an id."""
        tree = LexborHTMLParser(html)
        return self._parse_products(tree.css(self.item), _base_address(tree, address))

    def parse_fragments(self, parts: list[str], base: str) -> tuple[list[Product], list[str]]:
        """As `parse_page`, from the HTML of single items.

        Args:
            parts: HTML of one item each.
            base: that relative addresses are resolved against.
        """
        nodes = [body.child for part in parts if (body := LexborHTMLParser(part).body) is not None]
        return self._parse_products([node for node in nodes if node is not None], base)

    def next_page(self, html: str, address: str) -> str:
        """The address of the next link; "" where there is none."""
        tree = LexborHTMLParser(html)
        link = (
            Selector(self._selectors["next"].css, ("href",)).values(tree.root)
            if tree.root is not None
            else []
        )
        return join_address(_base_address(tree, address), link[0]) if link else ""

    def _parse_products(self, items: list[LexborNode], base: str) -> tuple[list[Product], list[str]]:
        products = [self._parse_product(item, base) for item in items]
        return [p for p in products if p.id], [p.link or p.name for p in products if not p.id]

    def _parse_product(self, item: LexborNode, base: str) -> Product:
        values_by_field = {name: s.values(item) for name, s in self._selectors.items()}
        first = {name: values[0] if values else "" for name, values in values_by_field.items()}
        price = first.get("price", "")
        return Product(
            id=self._extract_id(first["id"]),
            name=first.get("title", ""),
            brand=first.get("brand", ""),
            price=parse_number(price, self._site.numbers) if price else None,
            link=join_address(base, link) if (link := first.get("link", "")) else "",
            description=first.get("description", ""),
            images=tuple(
                dict.fromkeys(join_address(base, source) for source in values_by_field.get("image", []))
            ),
        )

    def _extract_id(self, text: str) -> str:
        if not self._site.id_pattern:
            return text
        match = re.search(self._site.id_pattern, text)
        return (match[1] if match.groups() else match[0]) or "" if match else ""


def join_address(base: str, address: str) -> str:
    """The absolute address; an invalid one is returned as it is, and the fetcher refuses it."""
    try:
        return urljoin(base, address)
    except ValueError:
        return address


def read_robots_metas(html: str) -> list[str]:
    """The content of the robots `<meta>` elements that apply to this crawler."""
    metas = LexborHTMLParser(html).css("meta[name][content]")
    names = {"robots", ROBOT_NAME.lower()}
    return [
        m.attributes["content"] or "" for m in metas if (m.attributes["name"] or "").strip().lower() in names
    ]


def parse_number(text: str, example: str) -> float | None:
    """The first number in the text.

    Args:
        text: such as "$ 1.234,50 the unit".
        example: how the site writes numbers: its last separator is the decimal one, unless there is only one kind of
            separator and three digits follow it.

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
    match = re.search(rf"(?:{whole}){part}", plain)
    if not match:
        return None
    digits = match[0].replace(thousands, "") if thousands else match[0]
    return float(digits.replace(decimal, ".") if decimal else digits)


def _is_css(text: str) -> bool:
    try:
        LexborHTMLParser("<p>").css(text)
    except SelectolaxError:
        return False
    return True


def _base_address(tree: LexborHTMLParser, address: str) -> str:
    base = tree.css_first("base[href]")
    href = (base.attributes["href"] or "") if base is not None else ""
    try:
        return urljoin(address, href)
    except ValueError:  # as browsers do
        return address
