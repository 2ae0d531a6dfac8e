"""A report page: its content, and its rendering as one self-contained HTML file."""

from dataclasses import dataclass, field

from markupsafe import Markup

from pupila.core.messages import say
from pupila.core.version import __version__


@dataclass(frozen=True, slots=True)
class Table:
    """A table of text; the first column names the row."""

    header: list[str]
    rows: list[list[str]]


@dataclass(frozen=True, slots=True)
class PageImage:
    """An image on the page."""

    source: str  # a data: URI
    caption: str
    title: str = ""  # shown on hover
    wide: bool = False  # four in a row instead of eight
    starts_row: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """One heading and its content, in this order."""

    title: str
    sentences: list[str] = field(default_factory=list)
    charts: list[Markup] = field(default_factory=list)  # SVG
    galleries: list[tuple[str, list[PageImage]]] = field(default_factory=list)  # (heading, images)
    tables: list[Table] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Page:
    """A report."""

    title: str
    verdict: list[str]  # the conclusions, most important first
    sections: list[Section]
    footnote: str = ""
    is_alarm: bool = False  # the verdict is red


def render(page: Page) -> str:
    """The page as HTML without references to other files."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pupila.artifacts.report"), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made_by = say("Created by Pupila {version}.", version=__version__)
    return environment.get_template("page.html").render(page=page, made_by=made_by)
