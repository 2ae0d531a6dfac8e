"""Options for the prompt of a promptable model."""

import math
from typing import TYPE_CHECKING, Annotated

import typer

from pupila.core.errors import PupilaError
from pupila.core.messages import mark, say

if TYPE_CHECKING:
    from pupila.tasks.prompt import Prompt

PointOption = Annotated[
    list[str] | None,
    typer.Option("--point", metavar="X,Y", help=mark("Foreground point in pixels; repeatable.")),
]
NegativeOption = Annotated[
    list[str] | None,
    typer.Option("--negative", metavar="X,Y", help=mark("Background point in pixels; repeatable.")),
]
BoxOption = Annotated[
    str | None,
    typer.Option("--box", metavar="X0,Y0,X1,Y1", help=mark("Box around the object in pixels.")),
]


def parse_prompt(points: list[str] | None, negatives: list[str] | None, box: str | None) -> "Prompt | None":
    """The prompt that the options describe; None without one.

    Raises:
        PupilaError: no numbers.
    """
    from pupila.tasks.prompt import Prompt

    if not points and not negatives and not box:
        return None
    foreground, background = (
        tuple((x, y) for x, y in (_numbers(name, text, 2) for text in texts))
        for name, texts in (("--point", points or []), ("--negative", negatives or []))
    )
    if not box:
        return Prompt(foreground, background)
    x0, y0, x1, y1 = _numbers("--box", box, 4)
    return Prompt(foreground, background, (x0, y0, x1, y1))


def _numbers(option: str, text: str, count: int) -> list[float]:
    """The numbers of an option, in pixels.

    Raises:
        PupilaError: another count of numbers.
    """
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise PupilaError(
            say("Invalid {option}", option=option), actual=text,
            expected=say("{n} comma-separated numbers, in pixels of the upright image", n=count),
        )  # fmt: skip
    return numbers
