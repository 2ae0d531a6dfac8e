"""How results are shown: in one line in a console, and as a small self-contained card in a notebook."""

from dataclasses import dataclass, field
from html import escape

from pupila.core.messages import escape_controls, listing

_CARD = "border:1px solid #ccc;border-radius:6px;padding:8px 12px;display:inline-block;font-size:13px;max-width:760px"
_CELL = "text-align:left;padding:1px 12px 1px 0;vertical-align:top"
_PICTURES = "margin-top:6px;line-height:0"
_MOST_CLASSES = 8  # of a line that lists classes


@dataclass(frozen=True, slots=True)
class Summary:
    """A result in a few words."""

    name: str  # the result's class, as in Python
    headline: str  # the line itself, without markup
    facts: dict[str, str] = field(default_factory=dict)  # of the card: name -> value
    pictures: tuple[tuple[str, str], ...] = ()  # of the card: `data:` URI of an image, caption
    table: tuple[tuple[str, ...], ...] = ()  # of the card: its header, then its rows


class Displayed:
    """A result with a one-line representation and a card for notebooks, both made from its summary."""

    __slots__ = ()

    def summary(self) -> Summary:
        """The result in a few words."""
        raise NotImplementedError

    def __repr__(self) -> str:
        summary = self.summary()
        return f"<{summary.name}: {escape_controls(' '.join(summary.headline.split()))}>"

    def _repr_html_(self) -> str:
        return card(self.summary())


def card(summary: Summary) -> str:
    """The summary as HTML: no script, no style sheet, nothing fetched, every text escaped."""
    rows = "".join(
        f'<tr><td style="{_CELL};color:#777">{escape(name)}</td><td style="{_CELL}">{escape(value)}</td></tr>'
        for name, value in summary.facts.items()
    )
    images = "".join(
        f'<img src="{escape(uri)}" alt="{escape(caption)}" title="{escape(caption)}" '
        'style="height:64px;margin:2px;border-radius:3px">'
        for uri, caption in summary.pictures
    )
    return (
        f'<div style="{_CARD}"><b>{escape(summary.headline)}</b>'
        + (f'<table style="border-collapse:collapse;margin-top:4px">{rows}</table>' if rows else "")
        + _format_table(summary.table)
        + (f'<div style="{_PICTURES}">{images}</div>' if images else "")
        + "</div>"
    )


def _format_table(table: tuple[tuple[str, ...], ...]) -> str:
    """The table as HTML, its first row as the header, the one below it in bold: the best; empty without a table."""
    if not table:
        return ""
    rows = [
        "".join(f'<{tag} style="{_CELL}{style}">{escape(cell)}</{tag}>' for cell in row)
        for row, (tag, style) in zip(table, [("th", ";color:#777"), ("td", ";font-weight:bold"),
                                             *[("td", "")] * len(table)], strict=False)
    ]  # fmt: skip
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f'<div style="overflow-x:auto"><table style="border-collapse:collapse;margin-top:6px">{body}</table></div>'


def count_classes(counts: dict[str, int]) -> str:
    """Classes with their counts in one line: "cat 12, dog 9"; of many, the first and how many more."""
    return listing([f"{name} {count}" for name, count in counts.items()], _MOST_CLASSES)
