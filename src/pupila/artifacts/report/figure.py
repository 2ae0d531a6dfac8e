"""The axes that every chart is drawn on, and their SVG."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from markupsafe import Markup

COLOURS = (
    "#1f6feb",
    "#f0883e",
    "#2da44e",
    "#bf4b8a",
    "#8250df",
    "#bf8700",
    "#0598a8",
    "#cf222e",
    "#57606a",
    "#7d4e00",
)
_STYLE: Any = {
    "font.size": 10, "font.family": "sans-serif", "axes.spines.top": False, "axes.spines.right": False,
    "svg.fonttype": "path", "svg.hashsalt": "pupila", "axes.titlesize": 11, "axes.titleweight": "bold",
}  # fmt: skip


@contextmanager
def draw_figure(title: str, width: float, height: float) -> Iterator[tuple[Any, list[Markup]]]:
    """An axes to draw on, and the list that holds the SVG after the block."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    out: list[Markup] = []
    with rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.add_subplot()
        axes.set_title(title, wrap=True)
        yield axes, out
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    named = f'<svg role="img" aria-label="{Markup.escape(title)}"'
    out.append(Markup(svg.replace("<svg", named, 1)))  # our own drawing; its texts are glyph paths


def shorten(name: str, most: int = 28) -> str:
    """The name, shortened in the middle if it is long; dollar signs escaped, or matplotlib reads formulas."""
    cut = name if len(name) <= most else f"{name[: most // 2]}…{name[-most // 2 + 1 :]}"
    return cut.replace("$", r"\$")
