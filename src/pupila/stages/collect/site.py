"""A site as data: where to start, how to load more, what to read, and the manners to keep."""

import re
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, field_validator, model_validator

from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.settings import Settings, read_config
from pupila.core.version import __version__

SHIPPED = Path(__file__).parent / "sites"
AGENT = "Pupila"  # the name that robots.txt is asked for
_NUMBER = re.compile(r"\d{1,3}(?:([., '])\d{3})*(?:([.,])\d+)?|\d+(?:[.,]\d+)?")


class Site(Settings):
    """The wish. A selector is CSS; `css@attribute` reads an attribute, `css@one|two` the first that says something."""

    name: str = Field(default="", description="of the site, as the records say it")
    start: tuple[str, ...] = Field(default=(), description="addresses of the pages to begin with")
    browser: bool = Field(default=True, description="whether a browser draws the pages; false: plain HTML")
    more: Literal["scroll", "next", "page", "none"] = Field(
        default="scroll",
        description="how a page gives more: scroll, next (a button or link), page (?page=2), none",
    )
    next: str = Field(default="", description="selector of the button or link that gives more (more: next)")
    page: str = Field(default="page", description="parameter that numbers pages (more: page)")
    first_page: NonNegativeInt = Field(default=1, description="number of the start page (more: page)")
    item: str = Field(default="", description="selector of one product; those below are read inside it")
    id: str = Field(default="", description="selector of what names the product for good")
    id_pattern: str = Field(
        default="", description="regular expression; its first group is the id [all of it]"
    )
    title: str = Field(default="", description="selector of the product's name")
    brand: str = Field(default="", description="selector")
    price: str = Field(default="", description="selector")
    description: str = Field(default="", description="selector")
    link: str = Field(default="a@href", description="selector of the address of the product's own page")
    image: str = Field(default="img@src", description="selector of the images, all that fit")
    numbers: str = Field(
        default="1.234,50", description="how the site writes one thousand two hundred thirty-four and a half"
    )
    licence: str = Field(
        default="not known: ask the site before passing images on", description="note for each image"
    )
    hosts: tuple[str, ...] = Field(
        default=(),
        description="hosts that may be asked beside those of the start pages; * stands for anything",
    )
    allow_private: bool = Field(
        default=False, description="whether addresses of this machine and network may be asked"
    )
    rate: PositiveFloat = Field(
        default=2, description="requests a second and host, at most; robots.txt may ask for fewer"
    )
    concurrency: PositiveInt = Field(default=2, description="requests at once and host, at most")
    timeout: PositiveFloat = Field(default=30, description="seconds for a whole answer")
    tries: PositiveInt = Field(
        default=4, description="of a request that is answered with 429, with 5xx or not at all"
    )
    longest_wait: PositiveFloat = Field(
        default=120, description="seconds; who asks to wait longer is left alone"
    )
    patience: PositiveFloat = Field(
        default=5, description="seconds at the end of a page without anything new until it counts as read"
    )
    max_products: PositiveInt = Field(default=50_000, description="of one visit: an endless page ends here")
    max_bytes: PositiveInt = Field(default=20_000_000, description="largest page or image, bytes")
    min_side: PositiveInt = Field(default=32, description="pixels; an image with a shorter side is set aside")
    contact: str = Field(
        default="", description="address or mail by which the site can reach you, told with each request"
    )
    sandbox: bool = Field(default=True, description="Chromium's own; root and some containers can't have it")

    @field_validator("start", "hosts", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("numbers")
    @classmethod
    def _is_number(cls, value: str) -> str:
        if not _NUMBER.fullmatch(value):
            raise ValueError(say("wanted a number such as 1.234,50 or 1,234.50"))
        return value

    @field_validator("id_pattern")
    @classmethod
    def _is_pattern(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as fault:
            raise ValueError(say("no regular expression: {fault}", fault=fault)) from fault
        return value

    @field_validator("start")
    @classmethod
    def _are_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for address in value:
            try:
                sound = re.match(r"https?://[^/\s]+", address) and urlsplit(address).port != 0
            except ValueError:  # such as port 99999
                sound = False
            if not sound:
                raise ValueError(say("{address} is no web address", address=address))
        return value

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        missing = [name for name in ("start", "item", "id") if not getattr(self, name)]
        if missing:
            raise ValueError(say("{names} missing", names=", ".join(missing)))
        if self.more == "scroll" and not self.browser:
            raise ValueError(say("a page scrolls in a browser alone: more: next, page or none"))
        if self.more == "next" and not self.next:
            raise ValueError(say("more: next needs the selector of the button, next"))
        return self

    @property
    def agent(self) -> str:
        """The user agent: who asks, and how to reach who sent it."""
        contact = f"; +{self.contact}" if self.contact else ""
        return f"Mozilla/5.0 (compatible; {AGENT}/{__version__}{contact})"


def shipped() -> list[str]:
    """The names of the sites that come with Pupila."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def read_site(site: str, overrides: dict[str, Any]) -> Site:
    """The settings of a site.

    Args:
        site: the name of a shipped one, or the path of a YAML file.
        overrides: fields that replace what the file says.

    Raises:
        PupilaError: no such site, or bad settings, all faults at once.
    """
    path = str(SHIPPED / f"{site}.yaml") if site in shipped() else site
    if not files.exists(path):
        raise PupilaError(
            say("No such site"), found=site, wanted=say("a YAML file, or {names}", names=listing(shipped()))
        )
    told = {"name": Path(path).stem, **read_config(path), **overrides}
    return Site.wish(told, "collect")
