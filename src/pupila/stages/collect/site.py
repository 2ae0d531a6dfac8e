"""The settings of a site: start pages, pagination, selectors and crawling limits."""

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

SITES_FOLDER = Path(__file__).parent / "sites"
ROBOT_NAME = "Pupila"  # the user agent in robots.txt
_NUMBER = re.compile(r"\d{1,3}(?:([., '])\d{3})*(?:([.,])\d+)?|\d+(?:[.,]\d+)?")


class Site(Settings):
    """A selector is CSS; `css@attribute` reads an attribute, `css@first|second` the first that is not empty."""

    name: str = Field(default="", description="name of the site, stored with each visit")
    start: tuple[str, ...] = Field(default=(), description="addresses of the start pages")
    browser: bool = Field(default=True, description="render pages in a browser; false: read plain HTML")
    more: Literal["scroll", "next", "page", "none"] = Field(
        default="scroll",
        description="pagination by scroll, next (a button or link), page (?page=2) or none",
    )
    next: str = Field(
        default="", description="selector of the button or link to the next products, for more=next"
    )
    page: str = Field(
        default="page", description="name of the query parameter with the page number, for more=page"
    )
    first_page: NonNegativeInt = Field(default=1, description="number of the start page, for more=page")
    item: str = Field(default="", description="selector of one product; the selectors below apply inside it")
    id: str = Field(default="", description="selector of a stable product id")
    id_pattern: str = Field(
        default="", description="regular expression whose first group is the id; empty: the whole text"
    )
    title: str = Field(default="", description="selector of the product's name")
    brand: str = Field(default="", description="selector of the brand")
    price: str = Field(default="", description="selector of the price")
    description: str = Field(default="", description="selector of the description")
    link: str = Field(default="a@href", description="selector of the link to the product page")
    image: str = Field(default="img@src", description="selector of the images; all matches are collected")
    numbers: str = Field(default="1.234,50", description="number format of the site: how it writes 1234.50")
    licence: str = Field(
        default="unknown: ask the site before sharing images",
        description="licence note stored with each image",
    )
    hosts: tuple[str, ...] = Field(
        default=(),
        description="hosts that may be requested besides those of the start pages; * is a wildcard",
    )
    login: str | None = Field(
        default=None,
        description="environment variable with user:password (HTTP Basic), which is sent to the start pages' hosts "
        "alone; null: none",
    )
    allow_private: bool = Field(
        default=False, description="allow requests to this machine and to private networks"
    )
    rate: PositiveFloat = Field(
        default=2, description="maximum requests per second and host; robots.txt may lower it"
    )
    concurrency: PositiveInt = Field(default=2, description="maximum concurrent requests per host")
    timeout: PositiveFloat = Field(default=30, description="seconds until a request times out")
    tries: PositiveInt = Field(
        default=4, description="attempts per request after status 429, 5xx or a timeout"
    )
    longest_wait: PositiveFloat = Field(
        default=120,
        description="longest pause in seconds that a host may ask for; after a longer one its requests fail",
    )
    idle_timeout: PositiveFloat = Field(
        default=5, description="seconds without new products at the end of a page until it counts as read"
    )
    max_products: PositiveInt = Field(
        default=50_000, description="maximum products per visit, also of an endless page"
    )
    max_bytes: PositiveInt = Field(default=20_000_000, description="maximum size of a page or image in bytes")
    min_side: PositiveInt = Field(
        default=32, description="minimum length of the shorter side, pixels; smaller images are rejected"
    )
    contact: str = Field(
        default="", description="web or mail address sent with each request, so that the site can contact you"
    )
    sandbox: bool = Field(
        default=True, description="use the sandbox of Chromium; not available to root and in some containers"
    )

    @field_validator("start", "hosts", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("numbers")
    @classmethod
    def _is_number(cls, value: str) -> str:
        if not _NUMBER.fullmatch(value):
            raise ValueError(say("expected a number such as 1.234,50 or 1,234.50"))
        return value

    @field_validator("id_pattern")
    @classmethod
    def _is_pattern(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as fault:
            raise ValueError(say("not a valid regular expression: {fault}", fault=fault)) from fault
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
                raise ValueError(say("{address} is not a web address", address=address))
            if "@" in urlsplit(address).netloc:  # it would be stored with each visit and each image
                raise ValueError(
                    say("{address} has a password in it; put user:password into an environment variable, and name "
                        "that in the setting login", address=address)
                )  # fmt: skip
        return value

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        missing = [name for name in ("start", "item", "id") if not getattr(self, name)]
        if missing:
            raise ValueError(say("missing settings: {names}", names=", ".join(missing)))
        if self.more == "scroll" and not self.browser:
            raise ValueError(say("more: scroll needs a browser; without one, use next, page or none"))
        if self.more == "next" and not self.next:
            raise ValueError(say("more: next needs the setting next, the selector of the button"))
        return self

    @property
    def user_agent(self) -> str:
        """The User-Agent header: the crawler, its version and your contact."""
        contact = f"; +{self.contact}" if self.contact else ""
        return f"Mozilla/5.0 (compatible; {ROBOT_NAME}/{__version__}{contact})"


def list_sites() -> list[str]:
    """The names of the built-in sites."""
    return sorted(path.stem for path in SITES_FOLDER.glob("*.yaml"))


def read_site(site: str, overrides: dict[str, Any]) -> Site:
    """The settings of a site.

    Args:
        site: the name of a built-in one, or the path of a YAML file.
        overrides: fields that replace those of the file.

    Raises:
        PupilaError: no such site, or bad settings, all faults at once.
    """
    path = str(SITES_FOLDER / f"{site}.yaml") if site in list_sites() else site
    if not files.exists(path):
        raise PupilaError(
            say("Unknown site"),
            actual=site,
            expected=say("a YAML file, or {names}", names=listing(list_sites())),
        )
    values = {"name": Path(path).stem, **read_config(path), **overrides}
    return Site.parse(values, "collect")
