"""`pupila demo [NAME]`."""

from typing import Annotated

import typer

from pupila.core.errors import PupilaError
from pupila.core.messages import say

HELP = say("Run a story on synthetic data that Pupila draws itself.")


def demo(
    name: Annotated[
        str, typer.Argument(help=say("packages, floods, shop, or faults."), metavar="[NAME]")
    ] = "packages",
    out: Annotated[
        str, typer.Option("--out", metavar="FOLDER", help=say("Folder for everything."))
    ] = "demo-out",
) -> None:
    """Tell one story."""
    from pupila.core.settings import unknown
    from pupila.demo.stories import STORIES

    if name not in STORIES:
        raise PupilaError(say("No demo of that name"), found=f"{name}: {unknown(name, list(STORIES))}")
    STORIES[name](out)
