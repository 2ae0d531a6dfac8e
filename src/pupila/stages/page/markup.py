"""HTML of the page: every text that comes from a file, a service or a person is escaped."""

import base64
import html
from collections.abc import Iterable, Sequence

from pupila.artifacts.web.client_errors import ServiceError
from pupila.core.errors import PupilaError
from pupila.core.messages import percent, say, say_count, say_images
from pupila.stages.page.view import Figure

_MOST_FIGURES = 20  # rows of a table of figures
escape = html.escape


def describe_error(fault: PupilaError) -> str:
    """What is wrong, and what to do, as an alert."""
    facts = [
        f"{label}: {text}"
        for label, text in ((say("found"), fault.actual), (say("expected"), fault.expected))
        if text
    ]
    lines = [f"<p class='pp-problem'>{escape(fault.problem)}.</p>"]
    lines += [f"<p>{escape('; '.join(facts))}.</p>"] if facts else []
    remedy = fault.remedy
    if isinstance(fault, ServiceError) and fault.reason == "unauthenticated":
        remedy = say("ask who runs this page for a valid token, --token-file FILE")
    lines += [f"<p>{escape(say('Try: {remedy}', remedy=remedy))}</p>"] if remedy else []
    return f"<div class='pp-alert' role='alert'>{''.join(lines)}</div>"


def draw_note(text: str) -> str:
    """A remark."""
    return f"<p class='pp-note'>{escape(text)}</p>" if text else ""


def draw_verdict(headline: str, name: str, abstained: bool, note: str = "") -> str:
    """The prediction in words.

    Args:
        headline: the prediction.
        name: of the image.
        abstained: whether the model abstains.
        note: a remark; empty: none.
    """
    state = "pp-abstained" if abstained else ""
    warning = draw_note(
        say("The model abstains: its confidence is below its threshold. Let a person decide.")
        if abstained
        else ""
    )
    return (
        f"<div class='pp-verdict {state}' role='status'><p class='pp-headline'>{escape(headline)}</p>"
        f"<p class='pp-name'>{escape(name)}</p>{warning}{draw_note(note)}</div>"
    )


def draw_figures(title: str, figures: Sequence[Figure]) -> str:
    """A table of shares with their bars."""
    shown = figures[:_MOST_FIGURES]
    notes = any(figure.note for figure in shown)
    rows = [
        f"<tr><th scope='row'>{_swatch(figure.colour)}{escape(figure.name)}</th>"
        f"<td class='pp-number'>{percent(figure.share)}</td>"
        f"<td class='pp-bar'><span style='width:{100 * min(1, max(0, figure.share)):.1f}%'></span></td>"
        + (f"<td>{escape(figure.note)}</td>" if notes else "")
        + "</tr>"
        for figure in shown
    ]
    rest = len(figures) - len(shown)
    more = draw_note(say_count("{n} more class", "{n} more classes", rest)) if rest > 0 else ""
    return f"<table class='pp-figures'><caption>{escape(title)}</caption>{''.join(rows)}</table>{more}"


def draw_facts(facts: Iterable[tuple[str, str]]) -> str:
    """A table of names and texts."""
    rows = [
        f"<tr><th scope='row'>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in facts if text
    ]
    return f"<table class='pp-facts'>{''.join(rows)}</table>"


def draw_table(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str) -> str:
    """A table that scrolls sideways where it is too wide."""
    head = "".join(f"<th scope='col'>{escape(name)}</th>" for name in columns)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f"<div class='pp-scroll' tabindex='0' role='region' aria-label='{escape(title)}'><table class='pp-table'>"
        f"<caption>{escape(title)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def draw_progress(part: int, total: int) -> str:
    """How many images of how many are predicted."""
    text = say("Predicted {n} of {images}", n=part, images=say_images(total))
    return (
        f"<div class='pp-progress' role='status'><progress max='{total}' value='{part}'></progress> "
        f"{escape(text)}</div>"
    )


def draw_download(name: str, text: str, label: str) -> str:
    """A link that saves a text as a file, without another request."""
    content = base64.b64encode(text.encode("utf-8-sig")).decode()  # spreadsheets read UTF-8 by this mark
    return (
        f"<a class='pp-button' download='{escape(name)}' href='data:text/csv;charset=utf-8;base64,{content}'>"
        f"{escape(label)}</a>"
    )


def _swatch(colour: str) -> str:
    return f"<span class='pp-swatch' style='background:{escape(colour)}'></span>" if colour else ""
